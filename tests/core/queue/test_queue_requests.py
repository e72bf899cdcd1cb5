"""What a request is, who sent it, and who votes for it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from src.core.errors import BadInputError, NotFoundError
from src.core.lifecycle import Status
from src.core.queue import Queue, request_key
from tests.boards.requests import ask
from tests.doubles.clock import Clock
from tests.doubles.stores import Meddled


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
    with pytest.raises(BadInputError):
        queue.submit(ask(name))
    with pytest.raises(NotFoundError):
        queue.store.head("requests")


def test_the_same_request_twice_is_one_and_says_how_it_stands(queue: Queue) -> None:
    first, second = queue.submit(ask()), queue.submit(ask(sender="bob"))
    assert (first.new, second.new, first.key) == (True, False, second.key)
    assert second.standing.request.sender == "alice"
    assert second.standing.status is Status.PENDING


def test_submissions_are_stamped_by_the_store_whatever_the_form_says(queue: Queue, clock: Clock) -> None:
    output = ask(status=Status.FINISHED, submitted_time=clock.moment() - timedelta(days=999))
    standing = queue.submit(output).standing
    assert (standing.status, standing.submitted) == (Status.PENDING, clock.moment())


def test_a_request_nobody_knows_is_not_found(queue: Queue) -> None:
    with pytest.raises(NotFoundError):
        queue.retry("0" * 32, by="alice")


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
    with pytest.raises(BadInputError):
        queue.vote("org/m", "a" * 40, "")


def test_a_vote_that_waits_to_be_written_holds_nobody_up(queue: Queue, store: Meddled, clock: Clock) -> None:
    """Votes have a quota of their own, which may take minutes."""
    seen: list[int] = []

    def meanwhile() -> None:
        clock.tick(120)
        seen.append(len(queue.snapshot().waiting))

    store.before_replace = meanwhile
    queue.submit(ask())
    assert queue.vote("org/m", "a" * 40, "bob") is True
    assert seen == [1]


# My submissions


def test_my_submissions_are_mine_newest_first(queue: Queue, clock: Clock) -> None:
    for name, sender in (("org/a", "alice"), ("org/b", "bob"), ("org/c", "alice")):
        queue.submit(ask(name, sender=sender))
        clock.tick(60)
    assert [one.request.model for one in queue.snapshot().by("alice")] == ["org/c", "org/a"]
