"""What is a box's own fault is found before a claim, or gives the request back: it never counts against a model."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluator import commands
from evaluator.__main__ import main
from evaluator.arguments import parser
from evaluator.box import download, model_cache
from evaluator.box.download import NotReadyError
from evaluator.box.preflight import Box
from evaluator.box.tiny_model import make_llama
from evaluator.job import RunFailure, plan_job
from evaluator.run import box_trial
from evaluator.run.box_trial import Trial
from evaluator.run.evaluate import Outcome
from evaluator.settings import RunSettings
from evaluator.worker import Worker
from src.core.errors import BadInputError, DeniedError
from src.core.lifecycle import Status
from src.core.model.source import FolderModel
from src.core.queue import Queue
from src.core.records import Request
from src.core.store import LocalStore
from src.core.store.access import require_write
from src.core.store.delegating import DelegatingStore
from src.core.suites import load
from tests.evaluator.conftest import SHA

BOX = Box("box-1", memory_gb=24.0, gpus=())


def submit(board: Path, count: int = 7, **more: Any) -> list[str]:
    suite, queue = load(), Queue(LocalStore(board))
    fields = {"suite": suite.name, "suite_version": suite.version, "revision": SHA, "params": 1.0} | more
    return [queue.submit(Request(model=f"org/m{i}", sender="alice", **fields)).key for i in range(count)]


def worker(board: Path, workspace: Path, evaluate: Callable[..., Outcome], **more: Any) -> Worker:
    own = {"backend": "dummy"} | more.pop("own", {})
    settings = RunSettings(workspace, offline=True, wanted=("musr",), **own)
    return Worker(LocalStore(board), [load()], BOX, settings, evaluate=evaluate, **more)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("case", "flags", "reason"),
    [
        ("x01", ["--backend", "nonesuch"], "lm-eval has no such model"),
        ("x01", ["--backend", "prefixtree"], "Did you mean prefix-tree?"),
        ("x02", ["--backend", "vllm"], "needs a library that is not installed"),
        ("x03", ["--backend-args", '{"pack_token": 2048}'], "no argument pack_token. Did you mean pack_tokens?"),
        ("x04", ["--backend", "local-chat-completions"], "configured in"),
    ],
)
def test_x01_to_x04_a_box_that_cannot_run_models_does_not_start(
    case: str, flags: list[str], reason: str, workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(commands.engine_status, "look", lambda _: None)  # its own test is not this one
    keys = submit(tmp_path / "board")
    run = ["run", "--store", str(tmp_path / "board"), "--workspace", str(workspace), "--offline", "--drain"]
    assert main([*run, *flags]) == 1, case
    error = " ".join(capsys.readouterr().err.split())
    assert reason in error, (case, error)
    state = Queue(LocalStore(tmp_path / "board")).snapshot()
    assert [(state[key].status, state[key].attempts) for key in keys] == [(Status.PENDING, 0)] * 7


@pytest.mark.torch
@pytest.mark.slow
def test_a_trial_that_passed_is_kept_and_names_what_cannot_be_loaded(workspace: Path, tmp_path: Path) -> None:
    settings = RunSettings(tmp_path, offline=True)
    (tmp_path / "benchmarks").symlink_to(workspace / "benchmarks")
    first = box_trial.require(settings, load())
    assert "aqlm" in first.unsupported
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(box_trial, "run", lambda *_: pytest.fail("tried again"))
        assert box_trial.require(settings, load()) == first
    assert not list(tmp_path.glob("trial-*"))


def test_a_fault_of_the_box_gives_every_request_back_and_stops_it(tmp_path: Path, workspace: Path) -> None:
    """A library that disappears during the night."""
    keys = submit(tmp_path / "board")
    ran = []

    def evaluate(request: Request, *_: Any, **__: Any) -> Outcome:
        ran.append(request.model)
        return Outcome(failure=RunFailure("load-failed", "No module named 'torch'"))

    box = worker(tmp_path / "board", workspace, evaluate, problem_with=lambda *_: "No module named 'torch'")
    box.run(wait=None)
    state = Queue(LocalStore(tmp_path / "board")).snapshot()
    assert len(ran) == 1
    assert [(state[key].status, state[key].attempts) for key in keys] == [(Status.PENDING, 0)] * 7
    assert "A tiny model of this machine's own fails too: No module named 'torch'" in box.problem


@pytest.mark.parametrize("code", ["load-failed", "harness"])
def test_three_broken_submissions_in_a_row_do_not_stop_a_nights_work(
    code: str, tmp_path: Path, workspace: Path
) -> None:
    keys = submit(tmp_path / "board", 5)
    tried = []

    def evaluate(request: Request, *_: Any, **__: Any) -> Outcome:
        broken = request.model in ("org/m0", "org/m1", "org/m2")
        return Outcome(failure=RunFailure(code, "broken")) if broken else Outcome("results/x.json")

    def problem_with(request: Request, *_: Any) -> str:
        tried.append(request.model)
        return ""

    box = worker(tmp_path / "board", workspace, evaluate, problem_with=problem_with)
    assert (box.run(wait=None), box.problem) == (5, "")
    state = Queue(LocalStore(tmp_path / "board")).snapshot()
    assert [state[key].status for key in keys] == [Status.FAILED] * 3 + [Status.FINISHED] * 2
    assert sorted(tried) == ["org/m0", "org/m1", "org/m2"]


@pytest.mark.parametrize("code", ["refused", "not-found", "gated", "disk-full", "stopped", "download-failed"])
def test_no_tiny_model_runs_after_a_failure_that_says_its_cause(code: str, tmp_path: Path, workspace: Path) -> None:
    submit(tmp_path / "board", 1)
    box = worker(
        tmp_path / "board", workspace, lambda *_, **__: Outcome(failure=RunFailure(code, "it says why")),
        problem_with=lambda *_: pytest.fail("tried"),
    )  # fmt: skip
    box.run(most=1, wait=None)


@pytest.mark.parametrize("precision", ["8bit", "4bit"])
def test_q06_a_box_without_the_library_does_not_claim(precision: str, tmp_path: Path, workspace: Path) -> None:
    submit(tmp_path / "board", 2, precision=precision)
    idle: list[Any] = []
    box = worker(
        tmp_path / "board", workspace, lambda *_, **__: pytest.fail("claimed"),
        own={"unsupported": {f"bitsandbytes_{precision}": "requires bitsandbytes"}},
        notice=lambda what, fields: idle.append(fields.get("waiting")),
    )  # fmt: skip
    assert box.run(wait=None) == 0
    assert idle == [{f"in {precision}: requires bitsandbytes": 2}]


def test_weights_that_only_a_missing_library_loads_are_not_downloaded_and_go_back(
    tmp_path: Path, workspace: Path
) -> None:
    folder = make_llama(tmp_path / "model")
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config[:-1] + ', "quantization_config": {"quant_method": "gptq", "bits": 4}}')
    with pytest.raises(NotReadyError, match="gptq weights: needs gptqmodel") as error:
        download.require_quantiser(FolderModel("org/m", SHA, folder), {"gptq": "needs gptqmodel"})
    (key,) = submit(tmp_path / "board", 1)
    box = worker(tmp_path / "board", workspace, lambda *_, **__: Outcome(failure=error.value.failure))
    assert box.run(wait=None) == 1  # it does not take the same request again
    assert box.problem == ""
    entry = Queue(LocalStore(tmp_path / "board")).snapshot()[key]
    assert (entry.status, entry.attempts) == (Status.PENDING, 0)


def test_a_model_larger_than_the_free_disk_is_not_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evaluator.worker.ready", lambda *_: None)
    monkeypatch.setattr("evaluator.worker.room_for", lambda *_: 1.9e9)
    submit(tmp_path / "board", 1, params=1.0)
    box = worker(tmp_path / "board", tmp_path, lambda *_, **__: pytest.fail("claimed"), own={"backend": "hf"})
    assert box.run(wait=None) == 0


def test_models_that_may_be_removed_count_as_room(tmp_path: Path) -> None:
    free = model_cache.room_for(tmp_path / "models", 1.0)
    (tmp_path / "models" / "a").mkdir(parents=True)
    (tmp_path / "models" / "a" / "model.safetensors").write_bytes(bytes(5000))
    assert model_cache.room_for(tmp_path / "models", free * 2) >= 5000


def test_o06_a_box_without_a_right_to_write_says_so_and_ends_with_1(
    tmp_path: Path, workspace: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Denying(DelegatingStore):
        def append(self, files: Any, message: str = "") -> str:
            raise DeniedError("The Hub does not let this token use requests: log in. Check HF_TOKEN and its rights.")

    submit(tmp_path / "board", 1)
    monkeypatch.setattr(commands, "open_board", lambda name: Denying(LocalStore(name)))
    flags = ["--workspace", str(workspace), "--backend", "dummy", "--offline", "--drain"]
    assert main(["run", "--store", str(tmp_path / "board"), *flags]) == 1
    output = capsys.readouterr()
    assert "Check HF_TOKEN" in output.err
    assert "claimed by others" not in output.out + output.err


def test_o06_rights_are_checked_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    require_write(store)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(DeniedError, match="not writable"):
        require_write(store)


def test_o07_a_retry_names_the_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    submit(tmp_path / "board", 8)
    queue = Queue(LocalStore(tmp_path / "board"))
    while claim := queue.claim("box"):
        queue.fail(claim, "load-failed")
    assert main(["retry", "all", "--store", str(tmp_path / "board")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.rpartition(" ")[2] for line in lines) == [str(place) for place in range(1, 9)]


def test_o09_limit_and_batch_size_are_those_of_the_harness(tmp_path: Path) -> None:
    def read(*flags: str) -> argparse.Namespace:
        return parser().parse_args(["once", "org/m", "--store", str(tmp_path), *flags])

    assert read("--limit", "0.1", "--batch-size", "auto").limit == 0.1
    assert read("--batch-size", "auto:4").batch_size == "auto:4"
    assert isinstance(read("--limit", "10").limit, int)
    for wrong in (["--limit", "0"], ["--limit", "2.5"], ["--limit", "-1"], ["--batch-size", "many"]):
        with pytest.raises(SystemExit):
            read(*wrong)


def test_o09_a_share_of_the_items_is_answered(dummy_run: Any) -> None:
    outcome, store = dummy_run("musr", limit=0.5)  # of four items
    assert outcome.failure is None
    import json

    sizes = json.loads(store.read(outcome.result))["n-samples"]
    assert {size["effective"] for size in sizes.values()} == {2}


def test_o10_a_task_that_the_suite_lacks_is_named_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="has no leaderboard_chess; name one of its tasks, or one of ifeval"):
        plan_job(Request(model="org/m"), load(), tmp_path, ("leaderboard_chess",))


def test_a_trial_runs_with_the_precision_of_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def run_child(run: Path, *_: Any, **__: Any) -> RunFailure:
        seen.append((run / "job.json").read_text())
        return RunFailure("load-failed", "no bitsandbytes")

    monkeypatch.setattr(box_trial.sandbox, "run_child", run_child)
    outcome = box_trial.run(Request(model="org/m", precision="8bit"), load(), RunSettings(tmp_path))
    assert outcome == Trial("load-failed: no bitsandbytes")
    assert '"precision": "8bit"' in seen[0]
