"""A self-check is made once for an architecture, its settings and this machine; real weights are still tried."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evaluator.box.tiny_model import make_llama
from evaluator.job import RESULTS, SELF_CHECK, WORK, Job, plan_job
from evaluator.run import engine_status, self_checks
from src.core.records import Request
from src.core.suites import load

REPORT = {
    "scoring": "packed", "scoring_reason": "within 1e-6", "scoring_difference": 1e-6, "attention": "sdpa",
    "generation": "rolling", "generation_reason": "identical",
}  # fmt: skip


def a_job(model: Path, **more: Any) -> Job:
    return plan_job(Request(model="org/m"), load(), model, ("musr",), **more)


def finished(run: Path, report: dict[str, Any]) -> Path:
    (run / WORK).mkdir(parents=True, exist_ok=True)
    (run / RESULTS).write_text(json.dumps({"config": {"engine": report}}))
    return run


def known(run: Path, workspace: Path, job: Job) -> Any:
    run.mkdir(exist_ok=True)
    self_checks.offer(run, workspace, job)
    return json.loads((run / SELF_CHECK).read_text()) if (run / SELF_CHECK).exists() else None


def test_an_outcome_is_known_for_the_same_shape_settings_and_machine_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_llama(tmp_path / "a", seed=1), make_llama(tmp_path / "b", seed=2)
    assert known(tmp_path / "run", tmp_path, a_job(first)) is None
    self_checks.keep(finished(tmp_path / "run", REPORT), tmp_path, a_job(first))
    assert known(tmp_path / "run", tmp_path, a_job(second)) == REPORT
    assert known(tmp_path / "run", tmp_path, a_job(make_llama(tmp_path / "c", layers=3))) is None
    assert known(tmp_path / "run", tmp_path, a_job(second, backend_args={"attention": "flex"})) is None
    (second / "generation_config.json").write_text('{"repetition_penalty": 1.3}')
    assert known(tmp_path / "run", tmp_path, a_job(second)) is None
    monkeypatch.setattr(engine_status, "installed_versions", lambda: {"torch": "0.1"})
    assert known(tmp_path / "run", tmp_path, a_job(first)) is None


@pytest.mark.parametrize(
    "change",
    [{"scoring": "magic"}, {"scoring": None}, {"generation": 7},
     {"generation_reason": "rolling failed on the way with RuntimeError"}],
)  # fmt: skip
def test_what_no_self_check_says_or_a_run_met_is_not_kept(change: dict[str, Any], tmp_path: Path) -> None:
    model = make_llama(tmp_path / "a")
    self_checks.keep(finished(tmp_path / "run", REPORT | change), tmp_path, a_job(model))
    assert known(tmp_path / "run", tmp_path, a_job(model)) is None


@pytest.mark.torch
def test_a_known_outcome_saves_the_trials_but_not_the_real_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evaluator.engine.generating import generation, trial
    from evaluator.engine.model import PrefixTree
    from evaluator.engine.scoring import attention
    from tests.evaluator.engine.conftest import PAIRS, ask

    tried: list[str] = []
    monkeypatch.setattr(trial, "choose", lambda *_: pytest.fail("generation was tried"))
    monkeypatch.setattr(attention, "choose_shape", lambda *_: pytest.fail("scoring was tried"))
    for module, name in ((generation, "check_weights"), (attention, "agrees_once")):
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, _of=original, _name=name: (tried.append(_name), _of(*a))[1])
    lm = PrefixTree(str(make_llama(tmp_path / "a")), device="cpu", dtype="float32", self_check=REPORT)
    lm.loglikelihood(ask("loglikelihood", PAIRS[:2]))
    lm.generate_until(ask("generate_until", [("The quick", {"until": [], "max_gen_toks": 4})]))
    assert (lm.report.scoring, lm.report.generation) == ("packed", "rolling")
    assert lm.report.scoring_reason == "within 1e-6"
    assert tried == ["agrees_once", "check_weights"]


@pytest.mark.torch
def test_weights_that_disagree_with_a_known_outcome_are_tried_in_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evaluator.engine.model import PrefixTree
    from evaluator.engine.scoring import attention

    monkeypatch.setattr(attention, "agrees_once", lambda *_: False)
    lm = PrefixTree(str(make_llama(tmp_path / "a")), device="cpu", dtype="float32", self_check=REPORT)
    assert lm.scoring == "packed"
    assert lm.report.scoring_reason != "within 1e-6"
