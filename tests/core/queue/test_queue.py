"""Every status ends, nobody shares a request, and the page says why."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from src.core import suites
from src.core.errors import BadInput, NotFound
from src.core.lifecycle import Status, may_move
from src.core.queue import FAILURES, Claim, LeaseLost, Queue, request_key
from src.core.queue.events import POISON
from src.core.queue.failures import AGAIN
from src.core.store import LocalStore
from src.core.store.grouped import Grouped
from src.core.store.hub import HubStore
from tests.core.boards import Clock, Meddled, ask
from tests.hub import Hub, in_process

HOUR = 3600.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["folder", "hub"])
def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Iterator[Meddled]:
    if request.param == "folder":
        yield Meddled(LocalStore(tmp_path / "board", clock=clock.moment))
        return
    with in_process(Hub(clock=clock)) as endpoint:
        yield Meddled(
            HubStore(
                "owner", token="hf_owner", endpoint=endpoint, cache_dir=tmp_path, monotonic=clock, sleep=clock.tick,
                rng=random.Random(0),
            )
        )  # fmt: skip


@pytest.fixture
def queue(store: Meddled) -> Queue:
    return Queue(store, lease=timedelta(hours=1))


def status(queue: Queue, key: str) -> Status:
    """How it stands for somebody who just came."""
    fresh = Queue(queue.store).snapshot()[key]
    assert queue.snapshot()[key] == fresh
    return fresh.status


def claimed(queue: Queue, box: str = "box") -> Claim:
    claim = queue.claim(box)
    assert claim is not None
    return claim


# PENDING ends: claimed, or cancelled


def test_a_waiting_request_is_claimed_and_shown_as_running(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask()).key
    assert status(queue, key) is Status.PENDING
    claim = claimed(queue, "box-7")
    standing = queue.snapshot()[key]
    assert (claim.key, claim.slot, claim.until) == (key, 1, clock.moment() + timedelta(hours=1))
    assert (standing.status, standing.box, standing.slot, standing.until) == ("RUNNING", "box-7", 1, claim.until)
    assert status(queue, key) is Status.RUNNING


def test_a_waiting_request_is_cancelled_by_who_sent_it_and_by_nobody_else(queue: Queue) -> None:
    key = queue.submit(ask()).key
    with pytest.raises(BadInput, match="Only alice"):
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
    with pytest.raises(BadInput, match="is running"):
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
    for _ in range(POISON + 2):
        queue.give_back(claimed(queue))
        assert status(queue, key) is Status.PENDING
    assert queue.snapshot()[key].attempts == 0


def test_a_lease_that_runs_out_lets_another_box_have_it(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask()).key
    dead = claimed(queue, "dead")
    clock.tick(HOUR - 1)
    assert queue.claim("other") is None
    clock.tick(1)
    assert status(queue, key) is Status.PENDING
    assert claimed(queue, "other").slot == 2
    with pytest.raises(LeaseLost):
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
    for number in range(POISON):
        assert claimed(queue, f"box-{number}").slot == number + 1
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
    assert runs == min(FAILURES[code].tries, POISON)
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
    with pytest.raises(BadInput, match="once it has failed"):
        queue.retry(key, by="alice")
    queue.fail(claimed(queue), "refused")
    assert queue.retry(key, by="alice").status is Status.PENDING
    assert queue.snapshot()[key].attempts == 0
    assert claimed(queue).slot == 2
    assert status(queue, key) is Status.RUNNING


def test_a_code_nobody_knows_is_a_failure_like_others(queue: Queue, clock: Clock) -> None:
    key = queue.submit(ask()).key
    queue.fail(claimed(queue), "gpu-on-fire")
    failure = queue.snapshot()[key].failure
    assert failure is not None
    assert (failure.code, failure.title) == ("gpu-on-fire", FAILURES["unknown"].title)
    clock.tick(HOUR)
    with pytest.raises(BadInput, match="no code"):
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
        with pytest.raises(LeaseLost):
            act()
    queue.give_back(claim)
    for decide in (queue.cancel, queue.retry):
        with pytest.raises(BadInput):
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


# Races: somebody acts between a look and an append


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
    with queue._choice("second", 1, lambda request: True, set()) as choice:
        wanted = choice[0].request.model
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
    with pytest.raises(LeaseLost, match="no longer box's"):
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
    with pytest.raises(LeaseLost):
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
    with pytest.raises(BadInput, match="is running"):
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
    with pytest.raises(LeaseLost):
        queue.finish(claim, [], then=lambda request: True)
    assert status(queue, following) is Status.PENDING


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


# What a request is


def test_every_part_of_the_key_tells_requests_apart_and_nothing_else_does() -> None:
    base = ask()
    different: list[dict[str, Any]] = [
        {"model": "org/n"}, {"revision": "b" * 40}, {"precision": "float16"}, {"weight_type": "Adapter"},
        {"use_chat_template": True}, {"suite": "open-llm-v1"}, {"suite_version": 3},
    ]  # fmt: skip
    keys = {request_key(ask(**{"model": "org/m", **fields})) for fields in different}
    assert len(keys | {request_key(base)}) == 8
    same: list[dict[str, Any]] = [{"sender": "bob"}, {"likes": 3}, {"status": "FAILED"}, {"params": 7.0}]
    assert {request_key(ask(**fields)) for fields in same} == {request_key(base)}


@pytest.mark.parametrize("name", ["a__b/c", "a/b__c", "Org.1/m-2_x", "o/" + "m" * 90])
def test_paths_are_made_of_hashes_never_of_names(queue: Queue, name: str) -> None:
    queue.submit(ask(name))
    (path,) = [entry.path for entry in queue.store.list("requests/queue")]
    assert re.fullmatch(r"requests/queue/[0-9a-f]{2}/[0-9a-f]{32}/request\.0\.\d+\.0\.[0-9a-f]{16}\.-\.json", path)
    assert queue.snapshot().waiting[0].request.model == name


@pytest.mark.parametrize("name", ["../../etc", "org/ü", "=cmd()", "org/m\x00", "", "org/<b>m</b>"])
def test_a_name_that_is_none_is_refused_before_anything_is_written(queue: Queue, name: str) -> None:
    with pytest.raises(BadInput):
        queue.submit(ask(name))
    with pytest.raises(NotFound):
        queue.store.head("requests")


def test_the_same_request_twice_is_one_and_says_how_it_stands(queue: Queue) -> None:
    first, second = queue.submit(ask()), queue.submit(ask(sender="bob"))
    assert (first.new, second.new, first.key) == (True, False, second.key)
    assert second.standing.request.sender == "alice"
    assert second.standing.status is Status.PENDING


def test_submissions_are_stamped_by_the_store_whatever_the_form_says(queue: Queue, clock: Clock) -> None:
    said = ask(status=Status.FINISHED, submitted_time=clock.moment() - timedelta(days=999))
    standing = queue.submit(said).standing
    assert (standing.status, standing.submitted) == (Status.PENDING, clock.moment())


def test_a_request_nobody_knows_is_not_found(queue: Queue) -> None:
    with pytest.raises(NotFound):
        queue.retry("0" * 32, by="alice")


# Order


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
        with queue._choice(f"box-{box}", 1, lambda request: True, set()) as choice:
            wanted.add(choice[0].key)
    assert len(wanted) >= 4
    oldest = {standing.key for standing in queue.snapshot().waiting[:8]}
    assert wanted <= oldest


def test_the_cards_of_one_box_never_want_the_same(queue: Queue) -> None:
    for number in range(12):
        queue.submit(ask(f"org/m{number}"))
    shared = Queue(Grouped(queue.store))
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


# Votes


def test_a_person_votes_once_for_a_revision(queue: Queue) -> None:
    assert queue.vote("org/m", "a" * 40, "bob") is True
    assert queue.vote("org/m", "a" * 40, "bob") is False
    assert queue.vote("org/m", "b" * 40, "bob") is True
    lines = queue.store.read("votes/votes_data.jsonl").decode().splitlines()
    assert len(lines) == 2
    assert '"username": "bob"' in lines[0]


def test_old_votes_and_lines_nobody_can_read_stay_in_the_file(queue: Queue) -> None:
    old = '{"model": "org/m", "username": "eve", "timestamp": "2024-06-01T00:00:00Z", "vote_type": "up"}\nnot json\n'
    queue.store.replace({"votes/votes_data.jsonl": old.encode()}, None)
    queue.submit(ask())
    queue.vote("org/m", "a" * 40, "bob")
    assert queue.store.read("votes/votes_data.jsonl").decode().startswith(old)
    assert queue.snapshot().waiting[0].votes == 2
    with pytest.raises(BadInput):
        queue.vote("org/m", "a" * 40, "")


# My submissions


def test_my_submissions_are_mine_newest_first(queue: Queue, clock: Clock) -> None:
    for name, sender in (("org/a", "alice"), ("org/b", "bob"), ("org/c", "alice")):
        queue.submit(ask(name, sender=sender))
        clock.tick(60)
    assert [one.request.model for one in queue.snapshot().by("alice")] == ["org/c", "org/a"]


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


OLD = {
    "base_model": "", "revision": "main", "precision": "float16", "params": 7.2, "architectures": "LlamaForCausalLM",
    "weight_type": "Original", "submitted_time": "2024-06-01T10:00:00Z", "model_type": "🟢 : pretrained",
    "job_id": "-1", "job_start_time": None, "use_chat_template": False, "sender": "eve",
}  # fmt: skip


def put_old(queue: Queue, name: str, status: str, start: str | None = None) -> None:
    body = json.dumps(OLD | {"model": f"org/{name}", "status": status, "job_start_time": start})
    queue.store.append({f"requests/org/{name}_eval_request_False_float16_Original.json": body.encode()})


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("PENDING", "PENDING"), ("RERUN", "PENDING"), ("PENDING_NEW_EVAL", "PENDING"), ("FINISHED", "FINISHED"),
        ("FINISHED_2024", "FINISHED"), ("FAILED", "FAILED"), ("RUNNING", "PENDING"), ("CANCELLED", "CANCELLED"),
    ],
)  # fmt: skip
def test_a_request_of_an_old_board_counts(queue: Queue, said: str, means: str) -> None:
    put_old(queue, "m", said)
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
                    queue.give_back(claim)
                elif act == "renew":
                    held.append(queue.renew(claim))
        except (LeaseLost, BadInput):
            pass
        now = {key: queue.snapshot()[key].status for key in keys}
        for key in keys:
            assert now[key] == seen[key] or reachable(seen[key], now[key]), (seen[key], now[key])
        seen = now


def reachable(start: Status, to: Status) -> bool:
    """In one move, or two where a pause or lease ended meanwhile."""
    return may_move(start, to) or any(may_move(start, middle) and may_move(middle, to) for middle in Status)
