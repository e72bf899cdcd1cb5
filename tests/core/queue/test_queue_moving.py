"""A board is its datasets and nothing else: copied without its history, its queue stands as it stood."""

from __future__ import annotations

import random
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from src.core.errors import BadInputError
from src.core.lifecycle import Status
from src.core.queue import Claim, LeaseLostError, Queue
from src.core.queue.events import Event, RequestState, is_possible, likely_order, replay
from src.core.store import LocalStore
from tests.boards.requests import ask
from tests.core.conftest import hub_store
from tests.doubles.clock import Clock
from tools.hub import Hub

Told = dict[str, tuple[Status, tuple[str, ...], int, int | None]]


def reported(queue: Queue) -> Told:
    """Everything about a queue that must not change when it moves."""
    standings = queue.snapshot().standings.values()
    return {one.key: (one.status, queue.results(one.key), one.attempts, one.fencing_token) for one in standings}


def live(folder: Path, seed: int, acts: int = 150) -> Clock:
    """A queue on which everything happened, in every order that three boxes and their owners can bring about."""
    rng, clock = random.Random(seed), Clock()
    queue = Queue(
        LocalStore(folder, clock=clock.moment), timedelta(hours=2), nonce=lambda: f"{rng.getrandbits(64):016x}"
    )
    held: list[Claim] = []
    keys = [queue.submit(ask(f"org/m{number}")).key for number in range(8)]
    for _ in range(acts):
        clock.tick(rng.choice([0.001, 1, 600, 3600, 3 * 3600]))  # leases end now and then, nobody notices
        act = rng.choice(["claim", "claim", "renew", "finish", "fail", "back", "cancel", "retry", "submit"])
        try:
            if act == "claim":
                held += queue.claim_many(f"box-{rng.randrange(3)}", rng.randint(1, 2))
            elif act == "cancel":
                queue.cancel(rng.choice(keys), by="alice")
            elif act == "retry":
                queue.retry(rng.choice(keys), by="alice")
            elif act == "submit":
                queue.submit(ask(f"org/m{rng.randrange(8)}"))
            elif held:
                claim = held[rng.randrange(len(held))]  # perhaps one that was lost long ago
                match act:
                    case "renew":
                        queue.renew(claim)
                    case "finish":
                        queue.finish(claim, [f"results/{claim.nonce}.json"])
                    case "fail":
                        queue.fail(claim, rng.choice(["crashed", "refused", "out-of-memory"]))
                    case "back":
                        queue.release(claim)
        except (BadInputError, LeaseLostError):
            continue
    return clock


@pytest.mark.parametrize("seed", range(6))
def test_a_folder_that_was_copied_without_its_log_has_the_same_queue(tmp_path: Path, seed: int) -> None:
    clock = live(tmp_path / "board", seed)
    before = reported(Queue(LocalStore(tmp_path / "board", clock=clock.moment)))
    assert len({status for status, *_ in before.values()}) >= 3
    shutil.copytree(tmp_path / "board", tmp_path / "copy", ignore=shutil.ignore_patterns(".board"))
    assert reported(Queue(LocalStore(tmp_path / "copy", clock=clock.moment))) == before


@pytest.mark.parametrize("seed", range(3))
def test_a_board_that_was_uploaded_in_several_commits_has_the_same_queue(tmp_path: Path, seed: int) -> None:
    clock = live(tmp_path / "board", seed)
    before = reported(Queue(LocalStore(tmp_path / "board", clock=clock.moment)))
    place = tmp_path / "board" / "requests"
    files = sorted(path for path in place.rglob("*") if path.is_file())
    hub = Hub(clock=clock)
    for start in range(0, len(files), 7):  # as uploaders cut it: by name
        part = {path.relative_to(place).as_posix(): path.read_bytes() for path in files[start : start + 7]}
        hub.seed("datasets", "owner/requests", part)
        clock.tick(1)
    with hub_store(hub, tmp_path, monotonic=clock) as store:
        assert reported(Queue(store)) == before


def event(kind: str, fencing_token: int, at: int, nonce: str, until: int = 0) -> Event:
    return Event(kind, fencing_token, at, until, nonce * 8)


def test_an_answer_that_came_too_late_does_not_count_after_a_move_either() -> None:
    """Its clock was ahead: by the times alone it would be the first."""
    told_late = [
        event("request", 0, 1, "0"),
        event("claim", 1, 10, "a", until=20),
        event("claim", 2, 30, "b", until=40),
        event("done", 1, 29, "a"),
        event("done", 2, 35, "b"),
    ]
    assert replay(told_late).done == event("done", 2, 35, "b")
    assert replay(likely_order(sorted(told_late))).done == event("done", 2, 35, "b")


def test_who_lost_a_race_has_lost_it_after_a_move_too() -> None:
    race = [
        event("request", 0, 1, "0"),
        event("claim", 1, 11, "b", until=90),  # was committed first
        event("claim", 1, 10, "a", until=90),
        event("done", 1, 50, "b"),
    ]
    assert replay(race).done == replay(likely_order(sorted(race))).done == event("done", 1, 50, "b")


def test_an_order_in_which_effects_come_before_causes_is_none() -> None:
    asked, claim, done = event("request", 0, 1, "0"), event("claim", 1, 10, "a", until=20), event("done", 1, 15, "a")
    assert is_possible([asked, claim, done])
    assert not is_possible([asked, done, claim])
    assert not is_possible([claim, done, asked])
    assert is_possible([claim, done], is_known=True)
    assert is_possible([asked, event("done", 1, 15, "f")])  # of a claim that an old file reported
    assert replay(likely_order([done, claim, asked])) == replay([asked, claim, done]) != RequestState()
