"""The rule that tells how a request stands, tried with every disorder that a slow and forgetful world can make."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from src.core.lifecycle import Status
from src.core.queue.events import Event, RequestState, order_is_plain, plain_order, replay

LEASE = 100


def test_names_and_events_are_the_same_thing() -> None:
    claim = Event("claim", 3, 1_770_000_000_123, 1_770_003_600_123, "0f" * 8)
    for event in (claim, Event("fail", 1, 5, 0, "ab" * 8, "out-of-memory")):
        assert Event.parse(event.name) == event


@pytest.mark.parametrize(
    "name",
    ["", "claim.json", "claim.1.2.3.zz.-.json", "done.-1.2.3.abcdef12.-.json", "rm.1.2.3.abcdef12.-.json",
     "claim.1.2.3.abcdef12.-.json\n", "claim.1.2.3.abcdef12.-.json.tmp", "claim.1.2.99999999999999999.abcdef12.-.json"],
)  # fmt: skip
def test_a_name_that_is_no_event_is_none(name: str) -> None:
    assert Event.parse(name) is None


@dataclass
class World:
    """Boxes that look at old listings, and appends that land late, in any order, or never."""

    rng: random.Random
    now: int = 1000
    log: list[Event] = field(default_factory=list)
    flying: list[tuple[int, str, Event]] = field(default_factory=list)  # (lands at, whose, what)
    spans: list[list[int]] = field(default_factory=list)  # of accepted claims: from, until
    accepted: list[str] = field(default_factory=list)

    def send(self, box: str, event: Event) -> None:
        late = self.rng.choice([0, 0, 0, 5, 30, 150, 400])
        if self.rng.random() < 0.95:
            self.flying.append((self.now + late, box, event))

    def view(self) -> RequestState:
        """How it stands to somebody whose listing may be old."""
        back = self.rng.choice([0, 0, 1, 3])
        return replay(self.log[: max(1, len(self.log) - back)])

    def land(self) -> list[tuple[str, Event, RequestState]]:
        """What lands now, in any order; each with the look that its sender takes at its commit."""
        due = [one for one in self.flying if one[0] <= self.now]
        self.rng.shuffle(due)
        reported = []
        for one in due:
            self.flying.remove(one)
            self.log.append(one[2])
            reported.append((one[1], one[2], replay(self.log)))
        return reported


@pytest.mark.parametrize("seed", range(150))
def test_no_disorder_makes_two_leases_or_two_results(seed: int) -> None:
    rng = random.Random(seed)
    world = World(rng)
    world.log.append(Event("request", 0, world.now, 0, "00000000"))
    holds: dict[str, Event] = {}
    finished: str | None = None
    for step in range(80):
        world.now += rng.randint(1, 40)
        for box, event, story in world.land():
            if event.kind == "claim" and story.holder == event:
                holds[box] = event
                world.spans.append([event.at, event.until])
            if event.kind == "renew" and story.holder and story.holder.nonce == event.nonce and story.latest == event:
                world.spans[-1][1] = event.until
            if event.kind == "done" and story.done == event:
                world.accepted.append(event.nonce)
                world.spans[-1][1] = min(world.spans[-1][1], event.at)
            if event.kind in {"fail", "back"} and event.nonce in story.taken and story.holder is None and world.spans:
                world.spans[-1][1] = min(world.spans[-1][1], event.at)
        story = replay(world.log)
        if finished is None and story.done:
            finished = story.done.nonce
        assert finished == (story.done.nonce if story.done else None)
        box = f"box-{rng.randrange(4)}"
        mine = holds.get(box)
        if mine and rng.random() < 0.6:
            kind = rng.choice(["renew", "renew", "done", "fail", "back"])
            until = world.now + LEASE if kind == "renew" else 0
            world.send(box, Event(kind, mine.fencing_token, world.now, until, mine.nonce))
            if kind != "renew":
                holds.pop(box)
        elif not mine:
            seen = world.view()
            if seen.may_be_claimed(world.now):
                nonce = f"{step:04x}{rng.getrandbits(16):04x}"
                world.send(box, Event("claim", seen.last_token + 1, world.now, world.now + LEASE, nonce))
            elif seen.status(world.now) is Status.FAILED and rng.random() < 0.3:
                world.send(box, Event("retry", 0, world.now, 0, f"{step:08x}"))
    assert len(world.accepted) <= 1
    assert world.accepted in ([], [finished])
    spans = sorted(map(tuple, world.spans))
    assert all(before[1] <= after[0] for before, after in pairwise(spans)), spans


def test_where_the_order_is_plain_it_is_the_only_one() -> None:
    rng = random.Random(2)
    events = [
        Event("request", 0, 10, 0, "00000000"), Event("claim", 1, 20, 120, "11111111"),
        Event("renew", 1, 60, 160, "11111111"), Event("renew", 1, 90, 190, "11111111"),
        Event("done", 1, 130, 0, "11111111"),
    ]  # fmt: skip
    for cut in range(1, len(events) + 1):
        shown = events[:cut]
        rng.shuffle(shown)
        assert order_is_plain(shown)
        assert plain_order(shown) == events[:cut]
    assert not order_is_plain([*events, Event("claim", 1, 21, 121, "22222222")])
    assert not order_is_plain([*events, Event("fail", 1, 130, 0, "11111111", "crashed")])
    assert not order_is_plain([*events, Event("cancel", 0, 21, 0, "22222222")])


def test_a_claim_of_a_slot_that_was_taken_before_is_void() -> None:
    first = [Event("request", 0, 10, 0, "00000000"), Event("claim", 1, 20, 120, "11111111")]
    again = Event("claim", 1, 300, 400, "22222222")
    assert replay([*first, again]).holder == first[1]
    assert replay([*first, again._replace(fencing_token=2)]).holder == again._replace(fencing_token=2)
