"""Whoever dies while doing something to the queue, at whatever step: the queue goes on, and everything still ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from src.core.errors import BadInputError, NotFoundError
from src.core.lifecycle import Status
from src.core.queue import Claim, LeaseLostError, Queue, request_key
from src.core.store import LocalStore
from src.core.store.hub import HubStore
from tests.boards.requests import ask
from tests.core.crashing import Killed, dying_client, killed_at
from tests.doubles.clock import Clock
from tools.hub import Hub

SHA = "a" * 40
MODELS = ["org/failed", "org/done", "org/held", "org/next", "org/wait"]


def before(queue: Queue) -> None:
    """A queue in which everything can happen: one failed, one finished, one held by `box`, two waiting."""
    for model in MODELS:
        queue.submit(ask(model))
    queue.fail(take(queue, "org/failed"), "refused", "no licence")
    queue.finish(take(queue, "org/done"), ["results/done.json"])
    take(queue, "org/held")


def take(queue: Queue, model: str) -> Claim:
    claim = queue.claim("box", lambda request: request.model == model)
    assert claim is not None
    return claim


def held(queue: Queue) -> Claim:
    """The claim that `before` left with `box`, as its process would still have it."""
    standing = queue.snapshot()[request_key(ask("org/held"))]
    story = queue._reader.state_of(standing.key, None)
    assert story.holder is not None
    assert standing.since is not None
    assert standing.until is not None
    return Claim(standing.key, standing.request, "box", 1, story.holder.nonce, standing.since, standing.until)


def key(model: str) -> str:
    return request_key(ask(model))


ACTS: dict[str, Callable[[Queue], object]] = {
    "submit": lambda queue: queue.submit(ask("org/new")),
    "claim": lambda queue: queue.claim("other"),
    "claim many": lambda queue: queue.claim_many("other", 2),
    "renew": lambda queue: queue.renew(held(queue), {"done": 1}),
    "finish": lambda queue: queue.finish(held(queue), ["results/held.json"]),
    "finish and claim": lambda queue: queue.finish(held(queue), ["results/held.json"], then=lambda request: True),
    "fail": lambda queue: queue.fail(held(queue), "crashed", "boom"),
    "give back": lambda queue: queue.release(held(queue)),
    "cancel": lambda queue: queue.cancel(key("org/wait"), by="alice"),
    "retry": lambda queue: queue.retry(key("org/failed"), by="alice"),
    "vote": lambda queue: queue.vote("org/wait", SHA, "bob"),
    "tidy": lambda queue: queue.tidy(timedelta(seconds=-1)),
}


def recovers(queue: Queue, clock: Clock, act: str) -> None:
    """What was promised before is kept, the act can be done again, and every request still comes to an end."""
    store = queue.store
    state = queue.snapshot()
    assert {key(model) for model in MODELS} <= state.standings.keys()
    assert state[key("org/done")].status is Status.FINISHED
    assert not state.problems
    if act in {"submit", "vote", "tidy"}:
        ACTS[act](queue)
    if act == "submit":
        assert queue.submit(ask("org/new")).new is False
    if act == "vote":
        assert len(store.read("votes/votes_data.jsonl").splitlines()) == 1
    first = {one.key: queue.results(one.key) for one in state.finished}
    for _ in range(40):
        state = queue.snapshot()
        for standing in state.failed:
            queue.retry(standing.key, by="alice")
        claim = queue.claim("later")
        while claim:
            claim = queue.finish(claim, [f"results/{claim.nonce}.json"], then=lambda request: True)
        state = queue.snapshot()
        if not state.waiting and not state.running and not state.failed:
            break
        clock.tick(7200)
    ends = {one.status for one in queue.snapshot().standings.values()}
    assert ends <= {Status.FINISHED, Status.CANCELLED}
    assert {name: Queue(store).results(name) for name in first} == first


def act_in(root: Path, clock: Clock, act: str) -> None:
    ACTS[act](Queue(LocalStore(root, clock=clock.moment)))


def kill_in_a_folder(tmp_path: Path, act: str) -> list[str]:
    """Kills an act at each of its steps on the disk and lets the queue recover; the steps."""
    start = Clock()
    before(Queue(LocalStore(tmp_path / "start", clock=start.moment)))
    steps: list[str] = []
    while True:
        clock = Clock(start.now + 1)
        root = tmp_path / str(len(steps))
        shutil.copytree(tmp_path / "start", root)
        step = killed_at(len(steps) + 1, partial(act_in, root, clock, act))
        recovers(Queue(LocalStore(root, clock=clock.moment)), clock, act)
        if step is None:
            return steps
        steps.append(step)


def kill_on_the_hub(tmp_path: Path, act: str) -> list[str]:
    """Lets the client die before and after each of its writing calls, and the queue recover; the halves of calls."""
    number = 0
    while True:
        number += 1
        clock = Clock()
        hub = Hub(clock=clock)
        with dying_client(hub, 10**9):
            before(Queue(board(tmp_path, clock)))
        clock.tick(1)
        with dying_client(hub, number) as steps:
            try:
                ACTS[act](Queue(board(tmp_path, clock)))
                return steps
            except Killed:
                pass
        with dying_client(hub, 10**9):
            recovers(Queue(board(tmp_path, clock)), clock, act)


@pytest.mark.parametrize("act", ACTS)
def test_a_queue_in_a_folder_recovers_from_a_kill_at_any_step(tmp_path: Path, act: str) -> None:
    steps = kill_in_a_folder(tmp_path, act)
    assert {"BEGIN IMMEDIATE", "fsync", "replace", "COMMIT"} <= {*steps}


@pytest.mark.parametrize("act", ACTS)
def test_a_queue_on_the_hub_recovers_from_a_death_at_any_half_call(tmp_path: Path, act: str) -> None:
    steps = kill_on_the_hub(tmp_path, act)
    assert {"before preupload", "before commit", "after commit"} <= {*steps}


def board(tmp_path: Path, clock: Clock) -> HubStore:
    return HubStore(
        "owner", token="hf_owner", endpoint="http://hub.test", cache_dir=tmp_path, monotonic=clock, sleep=clock.tick
    )


def test_a_box_that_died_after_its_results_were_accepted_finds_them_accepted(tmp_path: Path) -> None:
    """It never heard that `done` was committed; on its next start it must not count them twice."""
    clock = Clock()
    queue = Queue(LocalStore(tmp_path, clock=clock.moment))
    queue.submit(ask())
    claim = take(queue, "org/m")
    queue.finish(claim, ["results/1.json"])
    reborn = Queue(LocalStore(tmp_path, clock=clock.moment))
    clock.tick(5)
    with pytest.raises(LeaseLostError):
        reborn.finish(claim, ["results/2.json"])
    assert reborn.results(claim.key) == ("results/1.json",)


def submit_in(root: Path) -> None:
    Queue(LocalStore(root)).submit(ask())


def test_nothing_is_acknowledged_that_is_not_there(tmp_path: Path) -> None:
    """A submission that dies before its end was never acknowledged: it may be there or not, never half."""
    for number in range(1, 60):
        root = tmp_path / str(number)
        Queue(LocalStore(root)).submit(ask("org/first"))
        step = killed_at(number, partial(submit_in, root))
        queue = Queue(LocalStore(root))
        assert len(queue.snapshot().standings) in {1, 2}
        assert not queue.snapshot().problems
        if step is None:
            assert len(queue.snapshot().standings) == 2
            return
    raise AssertionError("it never ended")


def test_errors_of_a_dead_queue_are_those_of_a_living_one(tmp_path: Path) -> None:
    queue = Queue(LocalStore(tmp_path))
    assert queue.claim("box") is None
    assert queue.snapshot().standings == {}
    with pytest.raises((NotFoundError, BadInputError)):
        queue.cancel("0" * 32, by="alice")
