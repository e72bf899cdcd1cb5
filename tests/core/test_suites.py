"""The suites say what FORMATS and SOURCES say, and a suite that contradicts itself is refused."""

from __future__ import annotations

import copy
import math
import tomllib
from typing import Any

import jsonschema
import orjson
import pytest

from src.core import suites
from src.core.errors import BadInputError, NotFoundError
from src.core.suites.language import schema
from tools.describe_suites import described

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
    reported = {
        each.key: (len(each.tasks), each.shots, each.items, each.metrics, each.pooling, each.normalise)
        for each in suite.benchmarks
    }
    assert reported == {
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
    reported = {
        each.key: (len(each.tasks), each.shots, each.items, each.metrics, each.normalise) for each in suite.benchmarks
    }
    assert reported == {
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
    with pytest.raises(NotFoundError, match=r"no suite 'open-llm-v9'; choose one of open-llm-v2, open-llm-v1"):
        suites.load("open-llm-v9")


@pytest.mark.parametrize("name", ["../secrets", "/etc/passwd", "..\\x"])
def test_a_suite_is_never_a_path_without_toml(name):
    with pytest.raises(NotFoundError):
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
    with pytest.raises(BadInputError, match=r"broken\.toml is no suite"):
        suites.load(file)


def test_columns_of_different_directions_are_never_averaged_silently():
    reported = copy.deepcopy(TINY)
    reported["benchmark"].append({"key": "wer", "title": "WER", "higher_is_better": False})
    with pytest.raises(BadInputError, match="different directions or units"):
        suites.parse(reported)
    reported["benchmark"][1]["weight"] = 0
    assert [each.key for each in suites.parse(reported).averaged] == ["quiz"]
    reported["benchmark"][1]["weight"] = 1
    assert suites.parse(reported | {"aggregation": "win_rate"}).aggregation == "win_rate"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"tasks": [{"name": "quiz_a"}], "pooling": "mean", "options": 0}, "needs its number of options"),
        (
            {"tasks": [{"name": "quiz_a", "options": 2, "items": 1}, {"name": "quiz_b", "options": 3, "items": 1}]},
            "share one",
        ),
        ({"tasks": [{"name": "quiz_a"}]}, "needs their number"),
        ({"metrics": ["acc", "f1"]}, "exactly one metric"),
        ({"pooling": "median"}, "'median' is none of"),
        ({"higher_is_beter": False}, "unknown field 'higher_is_beter'; did you mean 'higher_is_better'"),
        ({"tasks": [{"name": "quiz_a", "item": 3}]}, "tasks quiz_a has an unknown field 'item'; did you mean 'items'"),
        ({"shots": "five"}, "shots must be whole number, not 'five'"),
        ({"tasks": "quiz_a"}, "tasks must be a list"),
        ({"tasks": [{"name": "quiz_a", "items": 1}] * 2}, "the task quiz_a twice"),
        ({"higher_is_better": False}, "lower is better"),
    ],
)
def test_a_suite_that_contradicts_itself_is_refused(change, complaint):
    reported = copy.deepcopy(TINY)
    reported["benchmark"][0] |= change
    with pytest.raises(BadInputError, match=complaint):
        suites.parse(reported)


def test_every_suite_file_names_itself_and_helps_its_readers():
    for name in suites.names():
        suite = suites.load(name)
        assert suite.name == name
        assert tomllib.loads((suites.FOLDER / f"{name}.toml").read_text(encoding="utf-8"))["name"] == name
        assert suite.help
        assert all(each.help for each in suite.benchmarks)


def test_a_task_may_be_its_name_alone():
    reported = copy.deepcopy(TINY)
    reported["benchmark"][0] |= {"tasks": ["quiz_a", "quiz_b"], "pooling": "mean"}
    assert [task.name for task in suites.parse(reported).tasks] == ["quiz_a", "quiz_b"]


@pytest.mark.parametrize(
    ("metric", "unit", "scale", "bounds", "higher"),
    [
        ("acc", "%", 100, (0, 100), True),
        ("pass@1,create_test", "%", 100, (0, 100), True),
        ("word_perplexity,none", "perplexity", 1, (1, math.inf), False),
        ("bleu", "points", 1, (0, 100), True),
        ("wer", "%", 100, (0, math.inf), False),
    ],
)
def test_a_metric_brings_its_unit_its_bounds_and_its_direction(metric, unit, scale, bounds, higher):
    data = {"name": "x", "title": "X", "benchmark": [{"key": "k", "title": "K", "metrics": [metric], "tasks": ["t"]}]}
    made = suites.parse(data).benchmarks[0]
    assert (made.unit, made.scale, made.bounds, made.higher_is_better) == (unit, scale, bounds, higher)


def test_a_suite_of_a_file_is_known_by_its_name(tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text('name = "mine"\ntitle = "Mine"\n[[benchmark]]\nkey = "a"\ntitle = "A"\n')
    suites.load(file)
    assert suites.names()[-1] == "mine"
    assert suites.load("mine").title == "Mine"


def test_a_boards_suite_with_an_error_leaves_its_last_good_one_in_place():
    good = 'name = "mine"\ntitle = "Mine"\n[[benchmark]]\nkey = "a"\ntitle = "A"\n'
    assert suites.provide({"suites/mine.toml": good}) == {}
    problems = suites.provide({"suites/mine.toml": good.replace("key", "kez"), "suites/other.toml": "name ="})
    assert suites.load("mine").title == "Mine"
    assert "did you mean 'key'" in problems["suites/mine.toml"]
    assert "other" not in suites.names()
    suites.provide({})
    assert "mine" not in suites.names()


def test_questions_are_withheld_by_the_suite_that_lists_the_task_else_by_a_gated_key_in_its_name():
    assert suites.is_withheld("leaderboard_gpqa_main")
    assert suites.is_withheld("gpqa_diamond_zeroshot")
    assert not suites.is_withheld("leaderboard_musr_team_allocation")
    assert not suites.is_withheld("gpqatic")


def test_the_documents_describe_the_language_as_it_is():
    for path, text in described().items():
        assert path.read_text(encoding="utf-8") == text, "run python -m tools.describe_suites"


def test_every_shipped_suite_is_valid_by_the_schema():
    for name in suites.names():
        data = tomllib.loads((suites.FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
        validator = jsonschema.Draft202012Validator(schema())
        assert [error.message for error in validator.iter_errors(orjson.loads(orjson.dumps(data)))] == []
