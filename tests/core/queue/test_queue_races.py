"""Somebody acts between a look and an append: nobody shares a request, and commits are scarce."""

from __future__ import annotations

import pytest

from src.core.errors import BadInputError, StoreError
from src.core.lifecycle import Status
from src.core.queue import Claim, LeaseLostError, Queue
from tests.boards.requests import HOUR, ask, claimed, status
from tests.doubles.clock import Clock
from tests.doubles.stores import Meddled


def test_two_workers_cannot_claim_one_request(queue: Queue, store: Meddled) -> None:
    queue.submit(ask())
    winner: list[Claim | None] = []
    store.before_append = lambda: winner.append(Queue(store).claim("first"))
    assert queue.claim("second") is None
    assert winner[0] is not None
    assert [one.box for one in Queue(store).snapshot().running] == ["first"]
    queue.finish(winner[0], [])


def test_who_loses_a_race_takes_the_next_one(queue: Queue, store: Meddled) -> None:
    queue.submit(ask("org/a"))
    queue.submit(ask("org/b"))
    first: list[Claim | None] = []
    with queue._chooser.choice("second", 1, lambda request: True, set()) as choice:
        choice.choose_again()
        wanted = choice.wanted[0].request.model
    store.before_append = lambda: first.append(Queue(store).claim("first", lambda request: request.model == wanted))
    second = queue.claim("second")
    assert first[0] is not None
    assert second is not None
    assert {first[0].request.model, second.request.model} == {"org/a", "org/b"}


def test_a_renewal_that_lands_after_a_takeover_is_lost(queue: Queue, store: Meddled, clock: Clock) -> None:
    queue.submit(ask())
    claim = claimed(queue)
    clock.tick(HOUR)
    store.before_append = lambda: Queue(store).claim("other")
    with pytest.raises(LeaseLostError, match="no longer box's"):
        queue.renew(claim)


def test_a_takeover_that_lands_after_a_renewal_is_void(queue: Queue, store: Meddled, clock: Clock) -> None:
    queue.submit(ask())
    claim = claimed(queue)
    clock.tick(HOUR)
    store.before_append = lambda: queue.renew(claim)
    other = Queue(store)
    other.snapshot()
    assert other.claim("other") is None
    assert [one.box for one in Queue(store).snapshot().running] == ["box"]


def test_results_that_land_after_a_takeover_do_not_count(queue: Queue, store: Meddled, clock: Clock) -> None:
    key = queue.submit(ask()).key
    claim = claimed(queue)
    clock.tick(HOUR)
    others: list[Claim | None] = []
    store.before_append = lambda: others.append(Queue(store).claim("other"))
    with pytest.raises(LeaseLostError):
        queue.finish(claim, ["results/late.json"])
    assert others[0] is not None
    queue.finish(others[0], ["results/good.json"])
    assert Queue(store).results(key) == ("results/good.json",)


def test_a_takeover_that_lands_after_the_results_is_void(queue: Queue, store: Meddled, clock: Clock) -> None:
    key = queue.submit(ask()).key
    claim = claimed(queue)
    clock.tick(HOUR)
    other = Queue(store)
    other.snapshot()
    store.before_append = lambda: queue.finish(claim, ["results/good.json"])
    assert other.claim("other") is None
    assert status(queue, key) is Status.FINISHED


def test_a_cancellation_that_lands_after_a_claim_is_refused(queue: Queue, store: Meddled) -> None:
    key = queue.submit(ask()).key
    store.before_append = lambda: Queue(store).claim("box")
    with pytest.raises(BadInputError, match="is running"):
        queue.cancel(key, by="alice")
    assert status(queue, key) is Status.RUNNING


def test_a_claim_that_lands_after_a_cancellation_is_void(queue: Queue, store: Meddled) -> None:
    key = queue.submit(ask()).key
    store.before_append = lambda: Queue(store).cancel(key, by="alice")
    assert queue.claim("box") is None
    assert status(queue, key) is Status.CANCELLED


def test_two_people_who_submit_the_same_at_once_make_one_request(queue: Queue, store: Meddled) -> None:
    queue.submit(ask("org/other"))
    store.before_append = lambda: Queue(store).submit(ask(sender="bob"))
    receipt = queue.submit(ask(sender="alice"))
    assert (receipt.new, receipt.standing.request.sender) == (False, "bob")
    assert len(Queue(store).snapshot().standings) == 2


def test_a_following_claim_is_given_back_where_the_results_came_too_late(
    queue: Queue, store: Meddled, clock: Clock
) -> None:
    queue.submit(ask("org/a"))
    claim = claimed(queue)
    following = queue.submit(ask("org/b")).key
    clock.tick(HOUR)
    store.before_append = lambda: Queue(store).claim("other", lambda request: request.model == "org/a")
    with pytest.raises(LeaseLostError):
        queue.finish(claim, [], then=lambda request: True)
    assert status(queue, following) is Status.PENDING


def test_a_run_ends_though_nobody_can_see_what_comes_next(queue: Queue, store: Meddled) -> None:
    queue.submit(ask("org/a"))
    queue.submit(ask("org/b"))
    claim = claimed(queue)
    store.is_blind = True
    with pytest.raises(StoreError):
        queue.finish(claim, ["results/x"], then=lambda request: True)
    store.is_blind = False
    state = Queue(store).snapshot()
    assert {one.status for one in state.standings.values()} == {Status.FINISHED, Status.PENDING}
    assert [one.key for one in state.finished] == [claim.key]


def test_claims_that_cannot_be_seen_to_hold_are_given_back_and_cost_no_attempt(queue: Queue, store: Meddled) -> None:
    key = queue.submit(ask()).key
    store.before_append = lambda: setattr(store, "is_blind", True)
    with pytest.raises(StoreError):
        queue.claim("box")
    store.is_blind = False
    standing = Queue(store).snapshot()[key]
    assert (standing.status, standing.attempts) == (Status.PENDING, 0)
    assert claimed(queue).key == key


# Commits are scarce


def test_the_end_of_one_and_the_start_of_the_next_are_one_commit(queue: Queue, store: Meddled) -> None:
    for number in range(4):
        queue.submit(ask(f"org/m{number}"))
    claim: Claim | None = claimed(queue)
    before = len(store.commits)
    ends = 0
    while claim:
        claim = queue.finish(claim, [], then=lambda request: True)
        ends += 1
    assert (ends, len(store.commits) - before) == (4, 4)


def test_a_box_claims_and_renews_all_it_runs_in_one_commit_each(queue: Queue, store: Meddled) -> None:
    for number in range(6):
        queue.submit(ask(f"org/m{number}"))
    before = len(store.commits)
    claims = queue.claim_many("box", 4)
    assert len({claim.key for claim in claims}) == 4
    renewed = queue.renew_many([(claim, {"done": 1}) for claim in claims])
    assert [one.key for one in renewed] == [one.key for one in claims]
    assert len(store.commits) - before == 2
