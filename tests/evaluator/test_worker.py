"""A box at a queue: what it claims, how every run ends, and that a request is given back when its owner stops it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evaluator.box.preflight import Box
from evaluator.job import CHECKPOINTS, NOT_COUNTED, RunFailure
from evaluator.run.evaluate import Outcome
from evaluator.run.sandbox import REPOSITORY
from evaluator.settings import RunSettings
from evaluator.terminal import Lines
from evaluator.worker import Worker
from src.core.errors import BadInputError, UnknownOutcomeError
from src.core.lifecycle import Status
from src.core.queue import FAILURES, Queue
from src.core.queue.archive import ArchivedRequest, pack_archive, read_archive
from src.core.queue.events import RequestState
from src.core.records import Request
from src.core.store import LocalStore, Store
from src.core.suites import load
from src.ui.pages.queue.cards import QueueViewer, card
from src.ui.web.templates import environment
from tests.doubles.clock import Clock
from tests.evaluator.conftest import SHA

BOX = Box("box-1", memory_gb=24.0, gpus=())


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2025, 2, 8, 10, 0, tzinfo=UTC))


@pytest.fixture
def queue(tmp_path: Path, clock: Clock) -> Queue:
    return Queue(LocalStore(tmp_path / "board", clock.moment))


def a_request(model: str = "org/model", params: float = 1.0, **more: Any) -> Request:
    suite = load()
    fields = {"suite": suite.name, "suite_version": suite.version, "revision": SHA} | more
    return Request(model=model, params=params, sender="alice", **fields)


def worker(
    queue: Queue, workspace: Path, evaluate: Callable[..., Outcome], limit: int | None = None, **more: Any
) -> Worker:
    settings = RunSettings(workspace, backend="dummy", offline=True, wanted=("musr",), limit=limit)
    return Worker(queue.store, [load()], BOX, settings, evaluate=evaluate, queue=queue, **more)


def test_a_request_is_claimed_evaluated_and_finished(queue: Queue, workspace: Path) -> None:
    key = queue.submit(a_request()).key
    seen: list[Any] = []

    def evaluate(request: Request, *_: Any, proof: Any, **__: Any) -> Outcome:
        seen.append((request.model, queue.snapshot()[key].status, proof["request"], proof["slot"]))
        return Outcome("results/org/model/results_x.json")

    assert worker(queue, workspace, evaluate).run(wait=None) == 1
    assert seen == [("org/model", Status.RUNNING, key, 1)]
    assert queue.snapshot()[key].status is Status.FINISHED
    assert queue.results(key) == ("results/org/model/results_x.json",)


def test_the_end_of_a_limited_run_promises_no_row_even_from_the_archive(queue: Queue, workspace: Path) -> None:
    key = queue.submit(a_request()).key
    evaluate = lambda *_, **__: Outcome("results/x.json")  # noqa: E731
    assert worker(queue, workspace, evaluate, limit=5).run(wait=None) == 1
    assert queue.snapshot()[key].trial == "5 items of each task"
    entry = queue.snapshot()[key]
    state = environment().get_template("queue/card.html").module.state  # type: ignore[attr-defined]
    page = str(state(card(entry, QueueViewer(queue.store.now()))))
    assert "It was a trial on 5 items of each task: no row comes of it." in page
    assert "appears at the next sync" not in page
    packed = ArchivedRequest(key, a_request(), RequestState(), (), (), None, "5 items of each task")
    kept = next(read_archive(pack_archive([packed])))
    assert isinstance(kept, ArchivedRequest)
    assert kept.trial == "5 items of each task"


def test_only_what_fits_the_box_and_its_suites_is_claimed(queue: Queue, workspace: Path) -> None:
    queue.submit(a_request("org/large", params=70.0))
    queue.submit(a_request("org/old-suite", suite="open-llm-v1", suite_version=1))
    queue.submit(a_request("org/packed", params=30.0, precision="4bit"))
    ran = []

    def evaluate(request: Request, *_: Any, **__: Any) -> Outcome:
        ran.append(request.model)
        return Outcome("results/x.json")

    output: list[str] = []
    assert worker(queue, workspace, evaluate, notice=Lines(output.append)).run(wait=None) == 1
    assert ran == ["org/packed"]
    why = "1 open-llm-v1 version 1, which this machine does not run, 1 too large for 24 GB"
    assert output[-1].endswith(f"no request to run; pending: {why}")
    assert {one.request.model for one in queue.snapshot().waiting} == {"org/large", "org/old-suite"}


def test_a_child_that_is_stopped_together_with_its_box_has_not_failed(queue: Queue, workspace: Path) -> None:
    """As systemd stops a service: every process of it at once."""
    key = queue.submit(a_request()).key

    def evaluate(*_: Any, **__: Any) -> Outcome:
        box.stop.set()
        return Outcome(failure=RunFailure("crashed", "The evaluation ended with exit code 143."))

    box = worker(queue, workspace, evaluate)
    box.run(wait=None)
    standing = queue.snapshot()[key]
    assert (standing.status, standing.attempts, standing.failure) == (Status.PENDING, 0, None)


@pytest.mark.parametrize("code", ["", "Out of memory!", "x" * 99])
def test_a_child_that_names_its_failure_as_it_likes_does_not_stop_the_box(
    queue: Queue, workspace: Path, code: str
) -> None:
    key = queue.submit(a_request()).key

    def evaluate(*_: Any, **__: Any) -> Outcome:
        return Outcome(failure=RunFailure(code, "it says why"))

    assert worker(queue, workspace, evaluate).run(most=1, wait=None) == 1
    standing = queue.snapshot()[key]
    assert standing.failure is not None
    assert (standing.failure.code, standing.failure.message) == ("unknown", "it says why")


@pytest.mark.parametrize("code", sorted(set(FAILURES) - {"lost"} - NOT_COUNTED))
def test_every_kind_of_failure_ends(queue: Queue, workspace: Path, clock: Clock, code: str) -> None:
    """However often a request is tried again by itself, it is FAILED in the end, with a reason and a log."""
    key = queue.submit(a_request()).key

    def evaluate(*_: Any, **__: Any) -> Outcome:
        return Outcome(failure=RunFailure(code, "it says why", "the trace"), log="the log")

    tries = 0
    while queue.snapshot()[key].status is Status.PENDING:
        assert (tries := tries + 1) < 10
        worker(queue, workspace, evaluate).run(most=1, wait=None)
        clock.tick(hours=3)
    standing = queue.snapshot()[key]
    assert standing.status is Status.FAILED
    assert standing.failure is not None
    assert (standing.failure.code, standing.failure.message) == (code, "it says why")
    assert standing.failure.advice
    assert "the log" in standing.failure.log
    assert "the trace" in standing.failure.log
    # and it can be returned to the queue
    assert queue.retry(key, "operator").status is Status.PENDING


def test_a_bug_of_the_evaluator_is_a_failure_too(queue: Queue, workspace: Path) -> None:
    key = queue.submit(a_request()).key

    def evaluate(*_: Any, **__: Any) -> Outcome:
        raise ZeroDivisionError("a bug near hf_CanaryCanaryCanaryCanary")

    worker(queue, workspace, evaluate).run(most=1, wait=None)
    failure = queue.snapshot()[key].failure
    assert failure is not None
    assert "ZeroDivisionError" in failure.log
    assert "hf_Canary" not in failure.log + failure.message  # everybody reads these


def test_a_box_that_is_not_ready_claims_nothing(queue: Queue, tmp_path: Path) -> None:
    key = queue.submit(a_request()).key
    with pytest.raises(BadInputError, match="TAUR-Lab/MuSR"):
        worker(queue, tmp_path / "empty", lambda *_, **__: Outcome()).run(wait=None)
    standing = queue.snapshot()[key]
    assert (standing.status, standing.attempts) == (Status.PENDING, 0)


def test_a_failing_box_releases_the_request_and_stops_claiming(queue: Queue, workspace: Path) -> None:
    keys = [queue.submit(a_request(f"org/model-{i}")).key for i in range(3)]
    box = worker(queue, workspace, lambda *_, **__: Outcome(failure=RunFailure("box", "no GPU any more")))
    assert box.run(wait=None) == 1
    assert [queue.snapshot()[key].status for key in keys] == [Status.PENDING] * 3
    assert sum(queue.snapshot()[key].attempts for key in keys) == 0


def test_a_lease_is_renewed_with_progress_while_work_goes_on(tmp_path: Path, workspace: Path) -> None:
    queue = Queue(LocalStore(tmp_path / "board"), lease=timedelta(seconds=8))
    key = queue.submit(a_request()).key

    def evaluate(*_: Any, notice: Any, stop: threading.Event, **__: Any) -> Outcome:
        notice("checkpoint", {"tasks": ["a", "b"]})
        claimed = renewed = queue.snapshot()[key]
        while renewed.until == claimed.until:  # it is renewed after half the lease
            assert not stop.wait(0.2)
            renewed = queue.snapshot()[key]
        assert renewed.status is Status.RUNNING
        progress.append(dict(renewed.progress))
        return Outcome("results/x.json")

    progress: list[dict[str, Any]] = []
    worker(queue, workspace, evaluate).run(wait=None)
    assert progress == [{"doing": "checkpoint", "tasks_done": 2}]
    assert queue.snapshot()[key].status is Status.FINISHED


def test_a_run_whose_lease_was_lost_is_abandoned(tmp_path: Path, workspace: Path) -> None:
    class Away(LocalStore):
        """A store that cannot be written for a while."""

        away = False

        def append(self, files: Any, message: str = "") -> str:
            if self.away:
                raise UnknownOutcomeError("no answer")
            return super().append(files, message)

    store = Away(tmp_path / "board")
    mine, theirs = (Queue(each, lease=timedelta(seconds=1)) for each in (store, LocalStore(tmp_path / "board")))
    key = mine.submit(a_request()).key
    output: list[str] = []

    def evaluate(*_: Any, stop: threading.Event, **__: Any) -> Outcome:
        store.away = True
        time.sleep(1.2)
        other = theirs.claim("box-2")
        assert other is not None
        store.away = False
        assert stop.wait(40)
        theirs.finish(other, ["results/theirs.json"])
        return Outcome(failure=RunFailure("stopped", "abandoned"))

    patch = pytest.MonkeyPatch()
    patch.setattr("evaluator.worker.Lease.RETRY", timedelta(seconds=0.2))
    try:
        notice = lambda what, particulars: output.append(what)  # noqa: E731
        worker(mine, workspace, evaluate, notice=notice).run(most=1, wait=None)
    finally:
        patch.undo()
    assert output[-1] == "lost"
    assert "ended" not in output
    assert theirs.results(key) == ("results/theirs.json",)


@pytest.mark.torch
@pytest.mark.slow
def test_ctrl_c_releases_the_request(tmp_path: Path, workspace: Path) -> None:
    store: Store = LocalStore(tmp_path / "board")
    queue = Queue(store)
    key = queue.submit(a_request(params=0.001)).key
    flags = ["--store", str(tmp_path / "board"), "--workspace", str(workspace), "--backend", "dummy", "--offline"]
    command = [sys.executable, "-m", "evaluator", "run", *flags]
    box = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert box.stdout is not None
    output = ""
    for line in box.stdout:
        output += line
        if " done" in line:  # it is in the middle of the suite
            assert queue.snapshot()[key].status is Status.RUNNING
            os.kill(box.pid, signal.SIGINT)
            break
    output += box.stdout.read()
    assert box.wait(timeout=300) == 0, output
    standing = queue.snapshot()[key]
    assert (standing.status, standing.attempts, standing.failure) == (Status.PENDING, 0, None), output
    assert "returns to the queue" in output
    # the next one goes on where this one was
    assert [path.name for path in (workspace / "runs").glob(f"*/{CHECKPOINTS}/*.json")]
