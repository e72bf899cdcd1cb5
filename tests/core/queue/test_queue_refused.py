"""A disk that refuses a write of the queue, at whatever step and for whatever reason: the same process goes on.

What was acknowledged is there, what was refused can be done again, and no lease is held that nobody knows of.
"""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from src.core.errors import BadInputError, StoreError, UnknownOutcomeError
from src.core.lifecycle import Status
from src.core.queue import Claim, Queue
from src.core.store import LocalStore
from tests.core.failing import CODES, Disk
from tests.core.queue.test_queue_crash import ACTS, before, held, key, recovers
from tests.doubles.clock import Clock

START = Clock().now + 1
LASTING = {"once": False, "until it is mended": True}


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("refused") / "start"
    before(Queue(LocalStore(folder, clock=Clock().moment)))
    return folder


def queues(start: Path, tmp_path: Path) -> Iterator[tuple[int, Queue, Clock]]:
    """A step's number, and a queue of its own that has been looked at."""
    for number in range(1, 200):
        root, clock = tmp_path / str(number), Clock(START)
        shutil.copytree(start, root)
        queue = Queue(LocalStore(root, clock=clock.moment))
        queue.snapshot()
        yield number, queue, clock
        shutil.rmtree(root)
    raise AssertionError("it never ended")


def refused_at_each_step(start: Path, tmp_path: Path, disk: Disk, act: str, code: int, lasting: bool) -> list[str]:
    """Refuses each step of an act, and lets the same queue go on; the steps."""
    for number, queue, clock in queues(start, tmp_path):
        claim, error, done = held(queue), None, None  # type: Claim, StoreError | None, object
        with disk.failing(number, code, lasting) as steps:
            try:
                done = ACTS[act](queue)
            except StoreError as refusal:
                error = refusal
        if error is None:
            is_acknowledged(queue, act, done)
        else:
            assert str(error).endswith(".")
            done = is_done_again(queue, act, claim, isinstance(error, UnknownOutcomeError))
        knows_its_leases(queue, act, done)
        recovers(queue, clock, act)
        if number > len(steps):
            return [*steps]
    return []


def is_acknowledged(queue: Queue, act: str, done: object) -> None:
    """What was reported as done is what another process sees."""
    state = Queue(queue.store).snapshot()
    match act:
        case "submit":
            assert key("org/new") in state
        case "claim" | "claim many":
            claims = [done] if isinstance(done, Claim) else list(done or [])  # type: ignore[call-overload]
            assert {each.key for each in claims} == {each.key for each in state.running if each.box == "other"}
        case "finish" | "finish and claim":
            assert state[key("org/held")].status is Status.FINISHED
        case "fail":
            assert state[key("org/held")].failure.code == "crashed"
        case "give back":
            assert state[key("org/held")].status is Status.PENDING
        case "cancel":
            assert state[key("org/wait")].status is Status.CANCELLED
        case "retry":
            assert state[key("org/failed")].status is Status.PENDING
        case "vote":
            assert done is True
            assert state[key("org/wait")].votes == 1


def is_done_again(queue: Queue, act: str, claim: Claim, is_unknown: bool) -> object:
    """What was refused is not remembered as done: on a disk that works it succeeds, as if for the first time."""
    again: Callable[[], Any] = {
        "finish": lambda: queue.finish(claim, ["results/held.json"]),
        "finish and claim": lambda: queue.finish(claim, ["results/held.json"], then=lambda request: True),
        "fail": lambda: queue.fail(claim, "crashed", "boom"),
        "give back": lambda: queue.release(claim),
        "renew": lambda: queue.renew(claim, {"done": 1}),
    }.get(act, lambda: ACTS[act](queue))
    try:
        done = again()
    except BadInputError:
        assert is_unknown  # it was done the first time
        assert act in {"cancel", "retry"}
        return None
    if act == "submit":
        assert done.new or is_unknown
    if act == "vote":
        assert done or is_unknown
    if act in {"claim", "claim many"}:
        assert done
    is_acknowledged(queue, act, done or (act == "vote"))
    return done


def knows_its_leases(queue: Queue, act: str, done: object) -> None:
    """After the next write that the store accepts, nothing is held by a box that does not know of it."""
    if act == "finish and claim":
        following = {done.key} if isinstance(done, Claim) else set()
        more = {claim.key for claim in queue.claim_many("box", 5)}
        assert {entry.key for entry in Queue(queue.store).snapshot().running} == following | more


@pytest.mark.parametrize("act", ACTS)
def test_a_disk_that_is_full_from_some_step_on_costs_nothing(start: Path, tmp_path: Path, disk: Disk, act: str) -> None:
    steps = refused_at_each_step(start, tmp_path, disk, act, errno.ENOSPC, lasting=True)
    assert {"open", "fsync"} <= {*steps}


@pytest.mark.slow
@pytest.mark.parametrize("lasting", LASTING.values(), ids=LASTING)
@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("act", ACTS)
def test_a_write_that_is_refused_at_any_step_for_any_reason_costs_nothing(
    start: Path, tmp_path: Path, disk: Disk, act: str, code: int, lasting: bool
) -> None:
    refused_at_each_step(start, tmp_path, disk, act, code, lasting)
