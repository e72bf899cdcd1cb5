"""Who is next, and how long the others wait."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from src.core.queue import Queue
from src.core.store.group_commit import GroupCommitStore
from tests.boards.requests import HOUR, ask, claimed
from tests.doubles.clock import Clock


def models(queue: Queue) -> list[str]:
    return [standing.request.model for standing in queue.snapshot().waiting]


def test_first_come_first_served_and_a_vote_is_worth_a_day(queue: Queue, clock: Clock) -> None:
    for name in ("org/a", "org/b", "org/c"):
        queue.submit(ask(name))
        clock.tick(20 * HOUR)
    assert models(queue) == ["org/a", "org/b", "org/c"]
    assert queue.vote("org/c", "a" * 40, "bob") is True
    assert models(queue) == ["org/a", "org/c", "org/b"]
    assert queue.vote("org/c", "a" * 40, "carol") is True
    assert models(queue) == ["org/c", "org/a", "org/b"]
    assert [one.place for one in queue.snapshot().waiting] == [1, 2, 3]
    assert "one more day" in queue.snapshot().explain_order()


def test_votes_cannot_move_a_request_by_more_than_their_limit(queue: Queue, clock: Clock) -> None:
    queue.submit(ask("org/old"))
    clock.tick(31 * 24 * HOUR)
    queue.submit(ask("org/popular"))
    data = "".join(f'{{"model": "org/popular", "revision": "{"a" * 40}", "username": "u{n}"}}\n' for n in range(500))
    queue.store.replace({"votes/votes_data.jsonl": data.encode()}, None)
    clock.tick(120)
    assert queue.snapshot().waiting[1].votes == 500
    assert models(queue) == ["org/old", "org/popular"]


def test_a_box_takes_the_first_that_fits_it(queue: Queue) -> None:
    queue.submit(ask("org/large", params=70.0))
    small = queue.submit(ask("org/small", params=1.0)).key
    claim = queue.claim("box", lambda request: (request.params or 0) <= 8)
    assert claim is not None
    assert claim.key == small
    assert queue.claim("box", lambda request: (request.params or 0) <= 8) is None
    large = queue.claim("big box")
    assert large is not None
    assert large.request.model == "org/large"


def test_boxes_that_look_at_once_mostly_want_different_requests(queue: Queue) -> None:
    for number in range(12):
        queue.submit(ask(f"org/m{number}"))
    wanted = set()
    for box in range(8):
        with queue._chooser.choice(f"box-{box}", 1, lambda request: True, set()) as choice:
            wanted |= choice.choose_again().keys()
    assert len(wanted) >= 4
    oldest = {standing.key for standing in queue.snapshot().waiting[:8]}
    assert wanted <= oldest


def test_the_cards_of_one_box_never_want_the_same(queue: Queue) -> None:
    for number in range(12):
        queue.submit(ask(f"org/m{number}"))
    shared = Queue(GroupCommitStore(queue.store))
    with ThreadPoolExecutor(6) as cards:
        claims = list(cards.map(lambda card: shared.claim("box"), range(6)))
    assert len({claim.key for claim in claims if claim}) == 6
    assert sum("/claim." in entry.path for entry in queue.store.list("requests/queue")) == 6  # none was in vain


def test_the_wait_is_estimated_from_recent_runs(queue: Queue, clock: Clock) -> None:
    for number in range(5):
        queue.submit(ask(f"org/m{number}"))
    assert queue.snapshot().waiting[0].wait is None
    claim = claimed(queue)
    clock.tick(1200)
    queue.finish(claim, [], then=lambda request: True)
    waiting = queue.snapshot().waiting
    assert [one.wait for one in waiting] == [timedelta(minutes=20), timedelta(minutes=40), timedelta(minutes=60)]
