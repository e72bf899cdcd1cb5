"""Every status ends, and the page says why."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from src.core.errors import BadInputError
from src.core.lifecycle import EXPIRES, MOVES, Status
from src.core.queue import FAILURES, Claim, LeaseLostError, Queue
from src.core.queue.events import MAX_CLAIMS
from src.core.queue.failures import AGAIN
from tests.boards.requests import HOUR, ask, claimed, put_old, status
from tests.doubles.clock import Clock

# PENDING ends: claimed, or cancelled


def test_a_waiting_request_is_claimed_and_shown_as_running(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask()).key
    assert status(queue, key) is Status.PENDING
    claim = claimed(queue, "box-7")
    standing = queue.snapshot()[key]
    assert (claim.key, claim.fencing_token, claim.until) == (key, 1, clock.moment() + timedelta(hours=1))
    assert (standing.status, standing.box, standing.fencing_token, standing.until) == (
        "RUNNING",
        "box-7",
        1,
        claim.until,
    )
    assert status(queue, key) is Status.RUNNING


def test_a_waiting_request_is_cancelled_by_who_sent_it_and_by_nobody_else(queue: Queue) -> None:
    key = queue.submit(ask()).key
    with pytest.raises(BadInputError, match="Only alice"):
        queue.cancel(key, by="bob")
    assert queue.cancel(key, by="alice").status is Status.CANCELLED
    assert queue.claim("box") is None
    assert status(queue, key) is Status.CANCELLED


def test_an_operator_ends_what_no_box_ever_takes(queue: Queue, clock: Clock) -> None:
    """Its submitter may be gone, or, on an old board, unknown."""
    put_old(queue, "ghost", "PENDING")
    key = queue.submit(ask("org/huge", params=400.0)).key
    clock.tick(90 * 24 * HOUR)
    assert queue.claim("box", lambda request: request.model == "org/small") is None
    for one in queue.snapshot().waiting:
        assert queue.cancel(one.key, by="operator", is_operator=True).status is Status.CANCELLED
    assert status(queue, key) is Status.CANCELLED
    assert not queue.snapshot().waiting


def test_a_running_request_cannot_be_cancelled(queue: Queue) -> None:
    key = queue.submit(ask()).key
    claimed(queue)
    with pytest.raises(BadInputError, match="is running"):
        queue.cancel(key, by="alice")
    assert status(queue, key) is Status.RUNNING


# RUNNING ends: finished, failed, given back, or its lease runs out


def test_a_running_request_is_finished_and_its_results_are_named(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask()).key
    claim = claimed(queue)
    clock.tick(600)
    queue.finish(claim, ["results/org/m/results_1.json"])
    standing = queue.snapshot()[key]
    assert (standing.status, standing.took, standing.ended) == ("FINISHED", timedelta(minutes=10), clock.moment())
    assert Queue(queue.store).results(key) == ("results/org/m/results_1.json",)
    assert status(queue, key) is Status.FINISHED


def test_a_running_request_that_fails_for_good_says_why_and_what_to_do(queue: Queue) -> None:
    key = queue.submit(ask()).key
    queue.fail(claimed(queue), "load-failed", "tensor 7 is missing", "Traceback …")
    failure = queue.snapshot()[key].failure
    assert failure is not None
    assert (failure.code, failure.title, failure.message, failure.log) == (
        "load-failed", "The weights do not load.", "tensor 7 is missing", "Traceback …",
    )  # fmt: skip
    assert "from_pretrained" in failure.advice
    assert queue.claim("box") is None
    assert status(queue, key) is Status.FAILED


def test_a_request_that_is_given_back_waits_again_and_lost_no_attempt(queue: Queue) -> None:
    key = queue.submit(ask()).key
    for _ in range(MAX_CLAIMS + 2):
        queue.release(claimed(queue))
        assert status(queue, key) is Status.PENDING
    assert queue.snapshot()[key].attempts == 0


def test_a_lease_that_runs_out_lets_another_box_have_it(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask()).key
    dead = claimed(queue, "dead")
    clock.tick(HOUR - 1)
    assert queue.claim("other") is None
    clock.tick(1)
    assert status(queue, key) is Status.PENDING
    assert claimed(queue, "other").fencing_token == 2
    with pytest.raises(LeaseLostError):
        queue.finish(dead, ["results/x.json"])
    assert status(queue, key) is Status.RUNNING


def test_a_renewed_lease_holds_and_carries_the_progress(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask()).key
    claim = claimed(queue)
    assert claim.renew_at == clock.moment() + timedelta(minutes=30)
    clock.tick(HOUR / 2)
    claim = queue.renew(claim, {"task": "bbh", "done": 3, "total": 24})
    clock.tick(HOUR - 1)
    standing = queue.snapshot()[key]
    assert (standing.status, standing.progress, standing.until) == (
        "RUNNING",
        {"task": "bbh", "done": 3, "total": 24},
        claim.until,
    )
    assert queue.claim("other") is None
    queue.finish(claim, [])
    assert status(queue, key) is Status.FINISHED


def test_a_model_that_every_box_dies_of_is_failed_with_that_reason(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask()).key
    for number in range(MAX_CLAIMS):
        assert claimed(queue, f"box-{number}").fencing_token == number + 1
        clock.tick(HOUR)
    assert queue.claim("box") is None
    failure = queue.snapshot()[key].failure
    assert failure is not None
    assert (failure.code, failure.message) == ("lost", "3 boxes took it and none came back.")
    assert status(queue, key) is Status.FAILED


def test_a_box_that_was_only_cut_off_still_finishes_while_nobody_took_over(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask()).key
    claim = claimed(queue)
    clock.tick(2 * HOUR)
    assert status(queue, key) is Status.PENDING
    queue.finish(claim, ["results/x.json"])
    assert status(queue, key) is Status.FINISHED


# FAILED ends: tried again by itself, or by hand


@pytest.mark.parametrize("code", FAILURES)
def test_a_failure_is_tried_again_as_often_as_its_class_says(queue: Queue, clock: Clock, code: str) -> None:
    key = queue.submit(ask()).key
    runs = 0
    for _ in range(10):
        claim = queue.claim("box")
        if claim is None:
            again = queue.snapshot()[key].again_at
            if again is None:
                break
            clock.now = again.timestamp()
            continue
        runs += 1
        queue.fail(claim, code)
    assert runs == min(FAILURES[code].tries, MAX_CLAIMS)
    assert status(queue, key) is Status.FAILED


def test_a_failed_request_waits_out_its_pause_and_says_until_when(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask()).key
    queue.fail(claimed(queue), "download-failed", "reset by peer")
    standing = queue.snapshot()[key]
    assert (standing.status, standing.again_at) == ("PENDING", clock.moment() + timedelta(minutes=10))
    assert standing.failure is not None
    assert standing.failure.again_at == standing.again_at
    assert standing.failure.advice == AGAIN  # what to do comes once it is not
    assert queue.claim("box") is None
    clock.tick(600)
    queue.fail(claimed(queue), "download-failed")
    assert queue.snapshot()[key].again_at == clock.moment() + timedelta(minutes=20)


def test_a_failed_request_is_retried_by_hand_with_its_attempts_forgotten(queue: Queue) -> None:
    key = queue.submit(ask()).key
    with pytest.raises(BadInputError, match="once it has failed"):
        queue.retry(key, by="alice")
    queue.fail(claimed(queue), "refused")
    assert queue.retry(key, by="alice").status is Status.PENDING
    assert queue.snapshot()[key].attempts == 0
    assert claimed(queue).fencing_token == 2
    assert status(queue, key) is Status.RUNNING


def test_a_code_nobody_knows_is_a_failure_like_others(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask()).key
    queue.fail(claimed(queue), "gpu-on-fire")
    failure = queue.snapshot()[key].failure
    assert failure is not None
    assert (failure.code, failure.title) == ("gpu-on-fire", FAILURES["unknown"].title)
    clock.tick(HOUR)
    with pytest.raises(BadInputError, match="no code"):
        queue.fail(claimed(queue), "../../x")


# FINISHED and CANCELLED are ends


def test_nothing_that_comes_after_changes_a_finished_request(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask()).key
    claim = claimed(queue)
    queue.finish(claim, ["results/first.json"])
    for act in (
        lambda: queue.finish(claim, ["results/late.json"]),
        lambda: queue.fail(claim, "crashed"),
        lambda: queue.renew(claim),
    ):
        with pytest.raises(LeaseLostError):
            act()
    queue.release(claim)
    for decide in (queue.cancel, queue.retry):
        with pytest.raises(BadInputError):
            decide(key, by="alice")
    clock.tick(30 * HOUR)
    assert queue.submit(ask()).new is False
    assert queue.claim("box") is None
    assert queue.results(key) == ("results/first.json",)
    assert status(queue, key) is Status.FINISHED


def test_a_cancelled_request_can_be_submitted_anew(queue: Queue) -> None:
    key = queue.submit(ask()).key
    queue.cancel(key, by="alice")
    receipt = queue.submit(ask(sender="bob"))
    assert (receipt.new, receipt.key, receipt.standing.request.sender) == (True, key, "bob")
    assert queue.snapshot()[key].request.sender == "bob"
    assert status(queue, key) is Status.PENDING


# The table of moves


def test_every_change_of_status_that_shows_is_a_legal_move(queue: Queue, clock: Clock) -> None:
    rng = random.Random(11)
    keys = [queue.submit(ask(f"org/m{number}")).key for number in range(4)]
    seen = dict.fromkeys(keys, Status.PENDING)
    held: list[Claim] = []
    for _ in range(120):
        act = rng.choice(["claim", "claim", "finish", "fail", "back", "renew", "retry", "cancel", "tick"])
        try:
            if act == "claim" and (claim := queue.claim(f"box-{rng.random()}")):
                held.append(claim)
            elif act == "tick":
                clock.tick(rng.choice([60, 600, HOUR]))
            elif act in {"retry", "cancel"}:
                getattr(queue, act)(rng.choice(keys), by="alice")
            elif held:
                claim = held.pop(rng.randrange(len(held)))
                if act == "finish" and rng.random() < 0.3:
                    queue.finish(claim, [])
                elif act == "fail":
                    queue.fail(claim, rng.choice(["crashed", "refused"]))
                elif act == "back":
                    queue.release(claim)
                elif act == "renew":
                    held.append(queue.renew(claim))
        except (LeaseLostError, BadInputError):
            pass
        now = {key: queue.snapshot()[key].status for key in keys}
        for key in keys:
            assert now[key] == seen[key] or reachable(seen[key], now[key]), (seen[key], now[key])
        seen = now


def reachable(start: Status, to: Status) -> bool:
    """In one move, or two if a pause or lease ended meanwhile."""

    def after(status: Status) -> set[Status]:
        return {to for move in (*MOVES.values(), EXPIRES) if status in move.start for to in move.to}

    return to in after(start) | {to for middle in after(start) for to in after(middle)}
