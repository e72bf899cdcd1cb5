"""What ended long ago, what an old board left behind, and files that nobody can read."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from src.core import suites
from src.core.lifecycle import Status
from src.core.queue import Queue
from tests.boards.requests import HOUR, ask, claimed, put_old, status
from tests.doubles.clock import Clock
from tests.doubles.stores import Meddled

# Archive


def test_what_ended_long_ago_moves_into_one_file_and_looks_the_same(queue: Queue, clock: Clock) -> None:
    keys = [queue.submit(ask(f"org/m{number}")).key for number in range(6)]
    for _ in range(3):
        claim = claimed(queue)
        queue.finish(claim, [f"results/{claim.key}.json"])
    queue.fail(claimed(queue), "refused", "no licence")
    left = queue.snapshot().waiting
    queue.cancel(left[0].key, by="alice")
    before = queue.snapshot()
    assert queue.tidy() == 0
    clock.tick(25 * HOUR)
    assert queue.tidy() == 4
    fresh = Queue(queue.store)
    after = fresh.snapshot()
    assert {key: after[key].status for key in keys} == {key: before[key].status for key in keys}
    assert {one.key: fresh.results(one.key) for one in after.finished} == {
        one.key: (f"results/{one.key}.json",) for one in before.finished
    }
    assert [one.took for one in after.finished] == [one.took for one in before.finished]
    assert len([one for one in queue.store.list("requests/queue") if "/done." in one.path]) == 0
    assert queue.submit(after.finished[0].request).new is False
    assert fresh.submit(after.cancelled[0].request).new is True
    assert Queue(queue.store).snapshot()[after.cancelled[0].key].status is Status.PENDING


def test_a_box_with_an_old_view_cannot_take_what_was_archived(queue: Queue, store: Meddled, clock: Clock) -> None:
    key = queue.submit(ask()).key
    stale = Queue(store)
    stale.snapshot()

    def end() -> None:
        queue.cancel(key, by="alice")
        clock.tick(25 * HOUR)
        assert queue.tidy() == 1

    store.before_append = end
    assert stale.claim("box") is None
    assert status(queue, key) is Status.CANCELLED


# Old boards


@pytest.mark.parametrize(
    ("output", "means"),
    [
        ("PENDING", "PENDING"), ("RERUN", "PENDING"), ("PENDING_NEW_EVAL", "PENDING"), ("FINISHED", "FINISHED"),
        ("FINISHED_2024", "FINISHED"), ("FAILED", "FAILED"), ("RUNNING", "PENDING"), ("CANCELLED", "CANCELLED"),
    ],
)  # fmt: skip
def test_a_request_of_an_old_board_counts(queue: Queue, output: str, means: str) -> None:
    put_old(queue, "m", output)
    (standing,) = queue.snapshot().standings.values()
    assert (standing.status, standing.request.model, standing.request.sender) == (means, "org/m", "eve")


def test_a_request_of_an_old_board_is_for_the_suite_that_boxes_run(queue: Queue) -> None:
    put_old(queue, "m", "PENDING")
    (standing,) = queue.snapshot().waiting
    suite = suites.load()
    assert (standing.request.suite, standing.request.suite_version) == (suite.name, suite.version)


def test_an_old_board_that_still_runs_something_is_left_alone_for_a_day(queue: Queue, clock: Clock) -> None:
    put_old(queue, "m", "RUNNING", f"{clock.moment() - timedelta(hours=2):%Y-%m-%dT%H:%M:%SZ}")
    assert [one.status for one in queue.snapshot().standings.values()] == ["RUNNING"]
    assert queue.claim("box") is None
    clock.tick(23 * HOUR)
    assert claimed(queue).request.model == "org/m"


def test_an_old_request_is_claimed_failed_retried_and_finished_like_a_new_one(queue: Queue, clock: Clock) -> None:
    put_old(queue, "m", "PENDING")
    claim = claimed(queue)
    queue.fail(claim, "harness", "no")
    assert status(queue, claim.key) is Status.FAILED
    queue.retry(claim.key, by="eve")
    queue.finish(claimed(queue), ["results/x.json"])
    assert status(queue, claim.key) is Status.FINISHED


def test_files_nobody_can_read_are_named_and_the_rest_goes_on(queue: Queue) -> None:
    rng = random.Random(5)
    junk = [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"model": 3}',
        b'{"status": "ASLEEP", "model": "a/b"}',
        rng.randbytes(100),
        b"\xff\xfe",
        b"9" * 5000,
    ]
    files = {f"requests/org/x{number}_eval_request_False_float16_Original.json": one for number, one in enumerate(junk)}
    files |= {
        f"requests/queue/ab/{number:032x}/request.0.5.0.{'0' * 16}.-.json": one for number, one in enumerate(junk)
    }
    files |= {
        "requests/queue/ab/nonsense/x.json": b"1",
        "requests/queue/ab/" + "0" * 32 + "/claim.json": b"1",
        "requests/notes.txt": b"",
    }
    files |= {f"requests/queue/cd/{7:032x}/claim.1.99.{'9' * 14}.{'0' * 16}.-.json": b"{}"}
    queue.store.append(files)
    key = queue.submit(ask()).key
    state = Queue(queue.store).snapshot()
    assert list(state.standings) == [key]
    assert len(state.problems) == 2 * len(junk)
    assert claimed(queue).key == key


def test_the_way_that_a_request_ran_outlives_its_archive(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask("org/model")).key
    queue.finish(claimed(queue), ["results/org/model/x.json"], engine="packed, texts rolling")
    clock.tick(25 * HOUR)
    for archived in (0, 1):
        assert Queue(queue.store).snapshot()[key].engine == "packed, texts rolling"
        assert len(queue.store.list("requests/archive")) == archived
        queue.tidy()
