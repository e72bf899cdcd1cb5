"""Comparing models: paired where both published their answers, approximate and labelled where they did not."""

from __future__ import annotations

import io
import random
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from src.board.compare import compare, disagreements, pick
from src.board.live.certainty import with_certainty
from src.board.model.samples import SampleFile
from src.core import suites
from src.core.errors import BadInputError
from src.core.items.details import write_twin
from tests.board.model.test_samples import line

MUSR = ("leaderboard_musr_murder_mysteries", "leaderboard_musr_object_placements", "leaderboard_musr_team_allocation")


def frame() -> pd.DataFrame:
    rows = [
        {"id": "a/one~bfloat16", "model": "a/one", "precision": "bfloat16", "chat_template": True, "musr.raw": 0.5},
        {"id": "b/two~float16", "model": "b/two", "precision": "float16", "chat_template": True, "musr.raw": 0.45},
        {"id": "c/three~bfloat16", "model": "c/three", "precision": "bfloat16", "chat_template": None, "musr.raw": 0.4},
    ]
    table = pd.DataFrame(rows).assign(average=[30.0, 28.0, 26.0], **{"musr.score": [20.0, 15.0, 10.0]})
    return with_certainty(table, suites.load())


def answers(right: int, of: int = 250, seed: int | None = None, word: str = "q") -> SampleFile:
    lines = [line(i, right=i < right, question=f"{word} {i}") for i in range(of)]
    if seed is not None:
        random.Random(seed).shuffle(lines)
    file = io.BytesIO()
    write_twin(lines, ["acc_norm"], file)
    file.seek(0)
    return SampleFile(file)


def no_samples(row, task):
    return None


def musr(files):
    """Opens the answers of MuSR only, by model."""
    return lambda row, task: files[row["model"]] if task in MUSR else None


def contrast(files, rows=("a/one~bfloat16", "b/two~float16")):
    lines = compare(pick(frame(), rows), suites.load(), musr(files)).benchmarks
    return next(found for found in lines if found.key == "musr").contrasts[1]


def test_the_same_questions_are_paired_whatever_their_order():
    plain = contrast({"a/one": answers(100), "b/two": answers(110)})
    shuffled = contrast({"a/one": answers(100, seed=1), "b/two": answers(110, seed=2)})
    assert plain.method == shuffled.method == "paired"
    assert shuffled == plain
    assert (plain.wins, plain.losses) == (30, 0)  # ten questions in each of three subtasks
    # by hand: 10 of 250 more right in each of three subtasks of 2, 5 and 3 options
    assert plain.value == pytest.approx(100 * 0.04 * np.mean([2, 5 / 4, 3 / 2]))


def test_pairing_sees_a_difference_that_counts_alone_do_not():
    paired = contrast({"a/one": answers(100), "b/two": answers(110)})
    counted = contrast({"a/one": None, "b/two": None})
    assert counted.method == "approximate"
    assert paired.smallest_detectable < counted.smallest_detectable / 2
    assert paired.is_clear
    assert not counted.is_clear


def test_answers_to_other_questions_are_not_paired_and_the_page_says_why():
    found = contrast({"a/one": answers(100), "b/two": answers(100, word="another version")})
    assert found.method == "approximate"
    assert "differ in data or task version" in found.problem


def test_a_benchmark_without_scores_has_no_contrast():
    lines = compare(pick(frame(), ["a/one~bfloat16", "b/two~float16"]), suites.load(), no_samples).benchmarks
    assert next(found for found in lines if found.key == "bbh").contrasts == (None, None)


def test_p_values_grow_with_the_number_of_models_compared():
    two = compare(pick(frame(), ["a/one~bfloat16", "c/three~bfloat16"]), suites.load(), no_samples)
    three = compare(pick(frame(), ["a/one~bfloat16", "c/three~bfloat16", "b/two~float16"]), suites.load(), no_samples)
    at = [found.key for found in two.benchmarks].index("musr")
    assert three.benchmarks[at].contrasts[1].p == pytest.approx(min(1, 2 * two.benchmarks[at].contrasts[1].p))


def test_unlike_settings_are_called_out():
    found = compare(pick(frame(), ["a/one~bfloat16", "b/two~float16", "c/three~bfloat16"]), suites.load(), no_samples)
    assert [(unlike.title, unlike.values) for unlike in found.unlike] == [
        ("Precision", ("bfloat16", "float16", "bfloat16")),
        ("Chat template", ("yes", "yes", "unknown")),
    ]


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        (["a/one~bfloat16"], "Choose 2 to 6 models"),
        (["a/one~bfloat16"] * 3, "Choose 2 to 6 models"),
        (["a/one~bfloat16", "no/such~x"], "no row 'no/such~x'"),
    ],
)
def test_a_link_that_names_the_wrong_rows_says_so(ids, words):
    with pytest.raises(BadInputError, match=words):
        pick(frame(), ids)


def test_disagreements_show_both_answers_to_the_same_question():
    found = disagreements(answers(100, seed=3), answers(103, seed=4))
    assert sorted(each.first.question for each in found) == ["q 100", "q 101", "q 102"]
    assert all(each.first.question == each.second.question for each in found)
    assert {(each.first.answer, each.second.answer) for each in found} == {("no", "yes")}


def alone(right):
    """Compare models on a suite whose average is MuSR; `right`: model → right answers of 250 in each subtask."""
    benchmark = suites.load().benchmark("musr")
    rows = pick(frame(), [f"{model}~{PRECISIONS[model]}" for model in right])
    scales = [100 / (1 - task.chance) for task in benchmark.tasks]
    averages = [np.mean([a * (n / 250 - 1 + 100 / a) for a in scales]) for n in right.values()]
    rows = [{**row, "average": average} for row, average in zip(rows, averages, strict=True)]
    files = {model: answers(n) for model, n in right.items()}
    return compare(rows, replace(suites.load(), benchmarks=(benchmark,)), musr(files)).ranks


PRECISIONS = {"a/one": "bfloat16", "b/two": "float16", "c/three": "bfloat16"}


def test_ranks_among_the_compared_come_from_the_questions_that_all_answered():
    clear = alone({"a/one": 150, "b/two": 130, "c/three": 60})
    assert (clear.low.tolist(), clear.high.tolist()) == ([1, 2, 3], [1, 2, 3])
    close = alone({"a/one": 150, "b/two": 149, "c/three": 60})
    assert (close.low.tolist(), close.high.tolist()) == ([1, 1, 3], [2, 2, 3])


def test_without_answers_of_all_there_are_no_ranks_among_the_compared():
    rows = pick(frame(), ["a/one~bfloat16", "b/two~float16"])
    assert compare(rows, suites.load(), musr({"a/one": answers(100), "b/two": answers(100)})).ranks is None
