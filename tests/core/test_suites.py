"""The suites say what FORMATS and SOURCES say, and a suite that contradicts itself is refused."""

from __future__ import annotations

import copy
import tomllib
from typing import Any

import pytest

from src.core import suites
from src.core.errors import BadInput, NotFound

TINY: dict[str, Any] = {
    "name": "tiny",
    "title": "Tiny",
    "benchmark": [
        {
            "key": "quiz",
            "title": "Quiz",
            "metrics": ["acc"],
            "pooling": "weighted",
            "normalise": "once",
            "options": 4,
            "tasks": [{"name": "quiz_a", "items": 10}, {"name": "quiz_b", "items": 30}],
        }
    ],
}

OPTIONS = {
    "boolean_expressions": 2,
    "causal_judgement": 2,
    "date_understanding": 6,
    "disambiguation_qa": 3,
    "formal_fallacies": 2,
    "geometric_shapes": 11,
    "hyperbaton": 2,
    "logical_deduction_five_objects": 5,
    "logical_deduction_seven_objects": 7,
    "logical_deduction_three_objects": 3,
    "movie_recommendation": 6,
    "navigate": 2,
    "object_counting": 19,
    "penguins_in_a_table": 5,
    "reasoning_about_colored_objects": 18,
    "ruin_names": 6,
    "salient_translation_error_detection": 6,
    "snarks": 2,
    "sports_understanding": 2,
    "temporal_sequences": 4,
    "tracking_shuffled_objects_five_objects": 5,
    "tracking_shuffled_objects_seven_objects": 7,
    "tracking_shuffled_objects_three_objects": 3,
    "web_of_lies": 2,
}


def test_the_default_suite_comes_first():
    assert suites.names()[:2] == ("open-llm-v2", "open-llm-v1")


def test_v2_has_the_tasks_shots_items_and_rules_of_the_second_board():
    suite = suites.load("open-llm-v2")
    told = {
        each.key: (len(each.tasks), each.shots, each.items, each.metrics, each.pooling, each.normalise)
        for each in suite.benchmarks
    }
    assert told == {
        "ifeval": (1, 0, 541, ("prompt_level_strict_acc", "inst_level_strict_acc"), "mean_of_metrics", "none"),
        "bbh": (24, 3, 5761, ("acc_norm",), "mean", "subtasks"),
        "math": (7, 4, 1324, ("exact_match",), "weighted", "none"),
        "gpqa": (3, 0, 1192, ("acc_norm",), "weighted", "once"),
        "musr": (3, 0, 756, ("acc_norm",), "mean", "subtasks"),
        "mmlu_pro": (1, 5, 12032, ("acc",), "mean", "once"),
    }


def test_v2_takes_off_one_over_the_number_of_options():
    suite = suites.load("open-llm-v2")
    bbh = {task.name.removeprefix("leaderboard_bbh_"): task.chance for task in suite.benchmark("bbh").tasks}
    assert bbh == {name: 1 / options for name, options in OPTIONS.items()}
    assert [task.chance for task in suite.benchmark("musr").tasks] == [1 / 2, 1 / 5, 1 / 3]
    assert suite.benchmark("gpqa").chance == 0.25
    assert suite.benchmark("mmlu_pro").chance == 0.1


def test_v1_has_the_six_benchmarks_of_the_first_board_and_its_task_names():
    suite = suites.load("open-llm-v1")
    told = {
        each.key: (len(each.tasks), each.shots, each.items, each.metrics, each.normalise) for each in suite.benchmarks
    }
    assert told == {
        "arc": (1, 25, 1172, ("acc_norm",), "none"),
        "hellaswag": (1, 10, 10042, ("acc_norm",), "none"),
        "mmlu": (57, 5, 14042, ("acc",), "none"),
        "truthfulqa": (1, 0, 817, ("mc2",), "none"),
        "winogrande": (1, 5, 1267, ("acc",), "none"),
        "gsm8k": (1, 5, 1319, ("acc",), "none"),
    }
    assert suite.benchmark("arc").tasks[0].aliases == ("arc:challenge",)
    assert suite.benchmark("mmlu").tasks[0].aliases == ("hendrycksTest-abstract_algebra",)


def test_item_counts_are_those_of_a_real_run(shared):
    import json

    run = json.loads(
        shared(
            "data/results/leaderboard_v2_excerpts/01-ai__Yi-1.5-34B/results_2024-06-19T03-56-15.142347.json"
        ).read_text()
    )
    counts = {name: each["original"] for name, each in run["n-samples"].items()}
    assert {task.name: task.items for task in suites.load().tasks} == {
        name: n for name, n in counts.items() if name != "leaderboard_arc_challenge"
    }


def test_an_unknown_suite_is_named_with_those_there_are():
    with pytest.raises(NotFound, match=r"no suite 'open-llm-v9'; choose one of open-llm-v2, open-llm-v1"):
        suites.load("open-llm-v9")


@pytest.mark.parametrize("name", ["../secrets", "/etc/passwd", "..\\x"])
def test_a_suite_is_never_a_path_without_toml(name):
    with pytest.raises(NotFound):
        suites.load(name)


def test_a_suite_may_lie_anywhere(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\ntitle = "Mine"\n[[benchmark]]\nkey = "wer"\ntitle = "WER"\nhigher_is_better = false\n'
    )
    assert suites.load(file).benchmarks[0].higher_is_better is False


def test_broken_toml_says_which_file(tmp_path):
    file = tmp_path / "broken.toml"
    file.write_text("name = ")
    with pytest.raises(BadInput, match=r"broken\.toml is no suite"):
        suites.load(file)


def test_columns_of_different_directions_are_never_averaged_silently():
    told = copy.deepcopy(TINY)
    told["benchmark"].append({"key": "wer", "title": "WER", "higher_is_better": False})
    with pytest.raises(BadInput, match="different directions or units"):
        suites.parse(told)
    told["benchmark"][1]["weight"] = 0
    assert [each.key for each in suites.parse(told).averaged] == ["quiz"]
    told["benchmark"][1]["weight"] = 1
    assert suites.parse(told | {"aggregation": "win_rate"}).aggregation == "win_rate"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"options": None}, "needs its number of options"),
        (
            {"tasks": [{"name": "quiz_a", "options": 2, "items": 1}, {"name": "quiz_b", "options": 3, "items": 1}]},
            "share one",
        ),
        ({"tasks": [{"name": "quiz_a"}]}, "needs their number"),
        ({"metrics": ["acc", "f1"]}, "exactly one metric"),
        ({"pooling": "median"}, "'median' is none of"),
    ],
)
def test_a_suite_that_contradicts_itself_is_refused(change, complaint):
    told = copy.deepcopy(TINY)
    told["benchmark"][0] |= change
    with pytest.raises(BadInput, match=complaint):
        suites.parse(told)


def test_every_suite_file_names_itself_and_helps_its_readers():
    for name in suites.names():
        suite = suites.load(name)
        assert suite.name == name
        assert tomllib.loads((suites.FOLDER / f"{name}.toml").read_text(encoding="utf-8"))["name"] == name
        assert suite.help
        assert all(each.help for each in suite.benchmarks)
