"""A disk that takes no more, or a store that refuses a write: the request goes back, and nothing is lost."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from evaluator.box import disk
from evaluator.box.preflight import Box
from evaluator.job import RunFailure
from evaluator.run import evaluate as evaluating
from evaluator.run.evaluate import Outcome
from evaluator.settings import RunSettings
from evaluator.worker import Lease, Worker
from src.core.errors import StoreError
from src.core.lifecycle import Status
from src.core.queue import Queue
from src.core.records import Request
from src.core.store import LocalStore, Rev
from src.core.store.delegating import DelegatingStore
from src.core.suites import load
from tests.evaluator.conftest import SHA

REFUSALS = [
    StoreError("The disk of the board is full."),
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EROFS, "Read-only file system"),
    OSError(errno.EACCES, "Permission denied"),
    OSError(errno.EIO, "Input/output error"),
]


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2025, 2, 8, 10, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at


class Refusing(DelegatingStore):
    """Refuses the next writes, one for each error."""

    def __init__(self, store: LocalStore) -> None:
        super().__init__(store)
        self.errors: list[Exception] = []
        self.takes_no_results = False

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        if self.takes_no_results and any("/done." in path for path in files):
            raise StoreError("The disk of the board is full.")
        if self.errors:
            raise self.errors.pop(0)
        return super().append(files, message)


@pytest.fixture
def store(tmp_path: Path) -> Refusing:
    return Refusing(LocalStore(tmp_path / "board", Clock()))


@pytest.fixture
def queue(store: Refusing) -> Queue:
    queue = Queue(store)
    for model in ("org/first", "org/second"):
        suite = load()
        queue.submit(
            Request(model=model, revision=SHA, params=1.0, sender="a", suite=suite.name, suite_version=suite.version)
        )
    return queue


def worker(queue: Queue, workspace: Path, evaluate: Any) -> Worker:
    settings = RunSettings(workspace, backend="dummy", offline=True, wanted=("musr",))
    return Worker(queue.store, [load()], Box("box-1", 24.0, ()), settings, evaluate=evaluate, queue=queue)


@pytest.mark.parametrize("refusal", REFUSALS, ids=repr)
@pytest.mark.parametrize("ends", ["finished", "failed", "given back"])
def test_the_end_of_a_run_is_stored_at_the_first_write_that_the_store_accepts(
    queue: Queue, store: Refusing, workspace: Path, refusal: Exception, ends: str
) -> None:
    outcomes = {
        "finished": Outcome("results/x.json"),
        "failed": Outcome(failure=RunFailure("refused", "no licence")),
        "given back": Outcome(failure=RunFailure("disk-full", "no room")),
    }
    ran: list[str] = []

    def evaluate(request: Request, *_: Any, **__: Any) -> Outcome:
        ran.append(request.model)
        store.errors = [refusal, refusal] if len(ran) == 1 else []
        return outcomes[ends] if len(ran) == 1 else Outcome("results/y.json")

    assert worker(queue, workspace, evaluate).run(wait=None) == 2
    assert sorted(ran) == ["org/first", "org/second"]
    by_model = {entry.request.model: entry for entry in Queue(store.inner).snapshot().standings.values()}
    wanted = {"finished": Status.FINISHED, "failed": Status.FAILED, "given back": Status.PENDING}[ends]
    assert by_model[ran[0]].status is wanted
    assert by_model[ran[1]].status is Status.FINISHED
    assert not Queue(store.inner).snapshot().running


def test_an_end_that_was_refused_is_stored_while_the_next_request_runs(
    queue: Queue, store: Refusing, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next run takes longer than a lease: else another box would compute the finished one again."""
    monkeypatch.setattr(Lease, "RETRY", timedelta(seconds=0.01))
    ran: list[str] = []
    other = Queue(store.inner)

    def evaluate(request: Request, *_: Any, **__: Any) -> Outcome:
        ran.append(request.model)
        store.takes_no_results = len(ran) == 1
        if len(ran) == 2:
            until = time.monotonic() + 60
            while not other.snapshot().finished and time.monotonic() < until:
                time.sleep(0.01)
            store.inner._clock.at += timedelta(hours=3)  # type: ignore[attr-defined]
            assert [entry.request.model for entry in other.snapshot().waiting] == []
        return Outcome(f"results/{len(ran)}.json")

    worker(queue, workspace, evaluate).run(wait=None)
    assert sorted(ran) == ["org/first", "org/second"]


def test_a_finished_run_waits_for_a_store_that_refuses_its_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = [StoreError("The disk of the board is full."), StoreError("It still is.")]

    def publish(*_: Any) -> str:
        if refusals:
            raise refusals.pop(0)
        return "results/x.json"

    reported: list[str] = []
    monkeypatch.setattr(evaluating, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(evaluating.publish, "publish", publish)
    monkeypatch.setattr(evaluating, "way_of", lambda _: None)
    again = evaluating._waiting(lambda _, fields: reported.append(fields["problem"]), None)
    outcome = evaluating.publish_run(LocalStore(tmp_path), tmp_path, load(), {}, {}, again=again)
    assert outcome.result == "results/x.json"
    assert reported[0] == "The disk of the board is full. The results will be stored later."
    refusals[:] = [StoreError("Gone.")] * 9
    assert evaluating.publish_run(LocalStore(tmp_path), tmp_path, load(), {}, {}).failure.code == "publish-failed"


def test_a_request_without_disk_space_is_released_and_postponed(queue: Queue, store: Refusing, workspace: Path) -> None:
    ran: list[str] = []

    def evaluate(request: Request, *_: Any, **__: Any) -> Outcome:
        ran.append(request.model)
        return Outcome(failure=RunFailure("disk-full", "no room")) if len(ran) == 1 else Outcome("results/y.json")

    box = worker(queue, workspace, evaluate)
    assert box.run(wait=None) == 2
    assert sorted(ran) == ["org/first", "org/second"]
    (waiting,) = queue.snapshot().waiting
    assert (waiting.attempts, waiting.failure) == (0, None)
    assert box._why_not() == {"postponed: the disk of this machine was full": 1}
    store.inner._clock.at += timedelta(hours=2)  # type: ignore[attr-defined]
    assert box.run(wait=None) == 1
    assert queue.snapshot().waiting == ()


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "disk-full"), (errno.EDQUOT, "disk-full"), (errno.EROFS, "box"), (errno.EIO, "box")],
)
def test_a_disk_error_is_a_failure_of_the_box_and_not_of_the_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int, code: str
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number), str(tmp_path / "job.json"))

    monkeypatch.setattr(evaluating, "ready", lambda *_: None)
    monkeypatch.setattr(evaluating, "prepare", full)
    settings = RunSettings(tmp_path, backend="dummy", offline=True)
    outcome = evaluating.evaluate(Request(model="org/m"), load(), LocalStore(tmp_path / "board"), settings)
    assert outcome.failure is not None
    assert outcome.failure.code == code
    assert str(tmp_path / "job.json") in outcome.failure.message


def test_a_full_disk_is_detected_by_writing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not disk.is_full(tmp_path)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert disk.is_full(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_could_not_write_has_not_crashed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As with a disk that fills up during the run: the child ends with exit code 1."""
    crashed = RunFailure("crashed", "The evaluation ended with exit code 1.")
    monkeypatch.setattr(evaluating, "ready", lambda *_: None)
    monkeypatch.setattr(evaluating.sandbox, "run_child", lambda *_, **__: crashed)
    monkeypatch.setattr(disk, "is_full", lambda _: True)
    settings = RunSettings(tmp_path, backend="dummy", offline=True)
    request = Request(model="org/m", revision=SHA)
    outcome = evaluating.evaluate(request, load(), LocalStore(tmp_path / "board"), settings)
    assert outcome.failure is not None
    assert outcome.failure.code == "disk-full"
