"""`python -m evaluator suite`: a suite drafted from the harness's task files and from the items that are here."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator.__main__ import main
from src.core.suites import load
from tests.evaluator.standins import ITEMS, basque

pytestmark = pytest.mark.torch


def test_a_draft_has_titles_shots_metrics_options_and_the_items_that_are_here(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = tmp_path / "box"
    basque(workspace / "benchmarks")
    names = ["belebele_eus_Latn", "eus_trivia", "mmlu_stem", "wikitext", "humaneval"]
    assert main(["suite", *names, "--name", "drafted", "--workspace", str(workspace)]) == 0
    shown = capsys.readouterr()
    (tmp_path / "drafted.toml").write_text(shown.out)
    suite = load(tmp_path / "drafted.toml")
    assert suite.aggregation == "win_rate"  # a perplexity and shares
    facts = {
        each.key: (len(each.tasks), each.metrics[0], each.tasks[0].items, each.tasks[0].chance, each.higher_is_better)
        for each in suite.benchmarks
    }
    assert facts == {
        "belebele_eus_latn": (1, "acc_norm", ITEMS, 0.25, True),
        "eus_trivia": (1, "acc", ITEMS, 0.25, True),  # its options are known from its items
        "mmlu_stem": (19, "acc", None, 0.25, True),
        "wikitext": (1, "word_perplexity", None, None, False),
        "humaneval": (1, "pass_at_k,create_test", None, None, True),
    }
    assert [each.title for each in suite.benchmark("mmlu_stem").tasks][:2] == ["abstract algebra", "anatomy"]
    assert "# humaneval executes what the model wrote: boxes need --allow-code." in shown.out
    assert "unknown: the items of mmlu_abstract_algebra and 18 more are not here (cais/mmlu)" in shown.err


def test_a_name_that_the_harness_does_not_have_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["suite", "no_such_task", "--workspace", str(tmp_path)]) == 1
    assert "has no task no_such_task" in capsys.readouterr().err
