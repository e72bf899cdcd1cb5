"""Not a word of a gated question is published with a failure, whatever a stranger's chat template does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluator.box.tiny_model import make_llama
from evaluator.job import LOG
from evaluator.run import sandbox
from evaluator.run.evaluate import evaluate
from evaluator.run.run_log import HIDDEN, RunLog
from evaluator.settings import ChildLimits, RunSettings
from src.core.records import Request
from src.core.store import LocalStore
from src.core.suites import load


def blab(run: Path, *benchmarks: str) -> tuple[str, str]:
    """What a child that talks about every item leaves to be published: (its failure, the log)."""
    run.mkdir(exist_ok=True)
    (run / "task.json").write_text(json.dumps({"do": "blab", "benchmarks": benchmarks}))
    log = RunLog(run, ["gpqa"])
    failure = sandbox.run_child(run, run, ChildLimits(seconds=60), log=log, module="tests.evaluator.run.probe")
    assert failure is not None
    assert failure.code == "harness"
    return f"{failure.message} {failure.traceback}", log.text()


def test_only_output_of_a_gated_benchmark_stays_on_the_box(tmp_path: Path) -> None:
    failure, log = blab(tmp_path / "run", "bbh", "gpqa", "musr")
    assert log.splitlines() == ["bbh says SECRET-0", HIDDEN, "musr says SECRET-2"]
    assert "SECRET-9" in failure  # musr is not gated
    failure, log = blab(tmp_path / "run", "bbh", "gpqa")
    assert log.splitlines() == ["bbh says SECRET-0", HIDDEN]  # and not the previous run
    assert failure == "TemplateError: it stopped in a gated benchmark, so its message is kept on the box. None"
    assert (tmp_path / "run" / LOG).read_text().count("SECRET") == 5


@pytest.mark.slow
@pytest.mark.torch
def test_a_chat_template_cannot_publish_a_gated_question_in_its_failure(workspace: Path, tmp_path: Path) -> None:
    model = make_llama(tmp_path / "model")
    settings_file = model / "tokenizer_config.json"
    shouts = {"chat_template": "{{ raise_exception('out of memory: ' + messages[-1].content) }}"}
    settings_file.write_text(json.dumps(json.loads(settings_file.read_text()) | shouts))
    store = LocalStore(tmp_path / "board")
    reported = {}
    for wanted in ("gpqa", "musr"):
        settings = RunSettings(workspace, offline=True, wanted=(wanted,), limit=2, device="cpu")
        request = Request(model="org/shouts", revision="main", precision="float32", use_chat_template=True)
        outcome = evaluate(request, load(), store, settings, folder=model)
        assert outcome.failure is not None
        reported[wanted] = f"{outcome.failure} {outcome.log}"
    assert "SECRET" not in reported["gpqa"]
    assert "kept on the box" in reported["gpqa"]
    assert "out of memory: " in reported["musr"]
