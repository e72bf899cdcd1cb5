"""The way out: one server, every answer stored once, and never more dollars than the budget."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from evaluator.served.answers import AnswerStore, BudgetError, request_hash
from evaluator.served.endpoints import Endpoint
from evaluator.served.gateway import Gateway
from evaluator.served.requests import checked, most_dollars
from evaluator.served.server import Server
from src.core.errors import BadInputError
from tests.doubles.model_server import CHARGED, FAULTS, KEY, PRICE_IN, PRICE_OUT, ModelServer, serving, words
from tests.evaluator.served.boxes import VARIABLE, use_key


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """Return a running server, whose key is in the environment."""
    use_key(monkeypatch)
    with serving() as running:
        yield running


def endpoint_of(server: ModelServer, **fields: Any) -> Endpoint:
    known = {"price_in": PRICE_IN, "price_out": PRICE_OUT, "key_variable": VARIABLE, "tries": 6, "concurrency": 4}
    return Endpoint.model_validate({"name": "toy", "base_url": server.url, "model": "toy-1"} | known | fields)


def question(number: int, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"question {number}"}], "model": "toy-1", "max_tokens": 8} | more


class Child:
    """The other end of a gateway's pipes."""

    def __init__(self, endpoint: Endpoint, store: AnswerStore) -> None:
        stop = threading.Event()
        patient = Server(endpoint, store, stop, wait=lambda seconds: None)  # no back-off takes time here
        self.gateway = Gateway(endpoint, store, server=patient)
        writes, reads = (os.dup(descriptor) for descriptor in self.gateway.child_ends)
        self.gateway.release_child_ends()
        self.requests, self.answers = os.fdopen(writes, "wb", buffering=0), os.fdopen(reads, "rb")

    def ask(self, *payloads: Any) -> list[dict[str, Any]]:
        """Return the answers in the order of the requests."""
        for number, payload in enumerate(payloads):
            self.requests.write(json.dumps({"id": number, "payload": payload}).encode() + b"\n")
        found = [json.loads(self.answers.readline()) for _ in payloads]
        return sorted(found, key=lambda answer: answer["id"])


def text(answer: dict[str, Any]) -> str:
    return str(answer["body"]["choices"][0]["message"]["content"])


def test_a_request_through_the_pipe_is_answered_and_its_tokens_and_dollars_are_counted(
    server: ModelServer, tmp_path: Path
) -> None:
    child = Child(endpoint_of(server), AnswerStore(tmp_path / "a.sqlite"))
    assert text(child.ask(question(1))[0]) == words(question(1))
    usage = child.gateway.close()
    assert (usage.answers, usage.prompt_tokens, usage.completion_tokens) == (1, 2, 4)
    assert usage.dollars == server.dollars == Decimal("0.022")


def test_thirty_faults_lose_no_answer_and_pay_for_none_twice_that_arrived(server: ModelServer, tmp_path: Path) -> None:
    server.faults = [fault for fault in FAULTS for _ in range(6)] + [""] * 10
    random.Random(3).shuffle(server.faults)
    child = Child(endpoint_of(server, tries=40), AnswerStore(tmp_path / "a.sqlite"))
    asked = [question(number) for number in range(40)]
    assert [text(answer) for answer in child.ask(*asked)] == [words(payload) for payload in asked]
    usage = child.gateway.close()
    assert [server.happened[fault] for fault in FAULTS] == [6] * 5
    broken = sum(server.happened[fault] for fault in CHARGED)
    assert set(server.answered.values()) == {1}  # nothing that arrived was asked for again
    assert sum(server.charged.values()) == 40 + broken
    assert usage.calls == {"paid": 40, "free": 12, "unsure": broken}
    assert usage.dollars is not None
    assert usage.unsure_dollars is not None
    assert usage.dollars <= server.dollars <= usage.dollars + usage.unsure_dollars


@pytest.mark.parametrize("cents", [30, 57, 101])
def test_the_budget_holds_to_the_cent_with_many_requests_at_once(
    server: ModelServer, tmp_path: Path, cents: int
) -> None:
    budget = Decimal(cents) / 100
    endpoint = endpoint_of(server, price_in=1, concurrency=8)  # answers cost cents, prompts nearly nothing
    server.faults = ["cut", "500", "", "429", "malformed"] * 2
    child = Child(endpoint, AnswerStore(tmp_path / "a.sqlite", budget))
    found = child.ask(*(question(number) for number in range(80)))
    usage = child.gateway.close()
    charged = sum(server.charged.values()) * PRICE_OUT * 4 / 1_000_000
    assert charged <= budget
    assert usage.dollars is not None
    assert usage.unsure_dollars is not None
    assert usage.dollars + usage.unsure_dollars <= budget
    assert budget - usage.dollars - usage.unsure_dollars < Decimal("0.05")  # no more was left than one answer may cost
    refused = [answer for answer in found if "error" in answer]
    assert refused
    assert child.gateway.failure is not None
    assert child.gateway.failure.code == "budget"
    assert f"The budget of ${budget}" in child.gateway.failure.message


def test_a_higher_budget_goes_on_where_the_last_one_ended(server: ModelServer, tmp_path: Path) -> None:
    endpoint = endpoint_of(server)
    asked = [question(number) for number in range(6)]
    small = Child(endpoint, AnswerStore(tmp_path / "a.sqlite", Decimal("0.60")))
    assert any("error" in answer for answer in small.ask(*asked))
    before = small.gateway.close()
    assert 0 < before.answers < 6
    large = Child(endpoint, AnswerStore(tmp_path / "a.sqlite", Decimal(10)))
    assert [text(answer) for answer in large.ask(*asked)] == [words(payload) for payload in asked]
    assert large.gateway.close().dollars == server.dollars
    assert set(server.charged.values()) == {1}


def test_a_call_whose_end_nobody_saw_counts_at_its_most(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path / "a.sqlite")
    store.begin(b"x", Decimal("0.25"), generates=True)
    store.close()  # the machine dies here
    again = AnswerStore(tmp_path / "a.sqlite", Decimal("0.30"))
    assert again.usage().unsure_dollars == Decimal("0.25")
    with pytest.raises(BudgetError, match=r"\$0.25 are spent or may be"):
        again.begin(b"y", Decimal("0.10"), generates=True)


def test_an_answer_is_written_once(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path / "a.sqlite")
    for body in ({"n": 1}, {"n": 2}):
        store.settle(store.begin(b"x", None, generates=True), body, 1, 1, None)
    assert store.get(b"x") == {"n": 1}
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        sqlite3.connect(tmp_path / "a.sqlite").execute("UPDATE answer SET body = ''")


def test_every_commit_of_the_answer_store_reaches_the_disk(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path / "a.sqlite")
    assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_the_same_request_twice_at_once_is_asked_once(server: ModelServer, tmp_path: Path) -> None:
    child = Child(endpoint_of(server), AnswerStore(tmp_path / "a.sqlite"))
    assert len({text(answer) for answer in child.ask(*[question(1)] * 5)}) == 1
    child.gateway.close()
    assert server.calls == 1


def test_the_child_chooses_neither_address_nor_model_and_asks_for_nothing_without_a_bound(
    server: ModelServer, tmp_path: Path
) -> None:
    endpoint = endpoint_of(server)
    assert checked(question(1, model="gpt-expensive"), endpoint)["model"] == "toy-1"
    for bad in (
        question(1, n=1000), question(1, stream=True), question(1, base_url="http://elsewhere"),
        question(1, max_tokens=None), question(1, max_tokens=10**9), question(1, messages="text"), ["a"], {},
        question(1, messages=[{"role": "user", "content": [{"type": "image_url"}]}]),
    ):  # fmt: skip
        with pytest.raises(BadInputError):
            checked(bad, endpoint)
    child = Child(endpoint, AnswerStore(tmp_path / "a.sqlite"))
    assert "may not have the field n" in child.ask(question(1, n=1000))[0]["error"]
    assert "may not have the field n" in child.ask(question(2))[0]["error"]  # nothing is asked any more
    child.gateway.close()
    assert server.calls == 0


def test_garbage_in_the_pipe_ends_the_run_and_nothing_else(server: ModelServer, tmp_path: Path) -> None:
    for line in (b"no json\n", b'{"id": "x"}\n', b"[1]\n", b'{"id": 1, "payload": 5}\n', b"[" * 100_000 + b"\n"):
        child = Child(endpoint_of(server), AnswerStore(tmp_path / f"{len(line)}.sqlite"))
        child.requests.write(line)
        assert "error" in json.loads(child.answers.readline())
        assert child.gateway.failure is not None
        assert child.gateway.failure.code == "harness"
        child.gateway.close()
    assert server.calls == 0


@pytest.mark.parametrize("text", ["", "plain", "🤗🤗🤗", "漢字かな交じり文", "a" * 10_000])
def test_no_prompt_costs_more_than_was_reserved_for_it(text: str) -> None:
    endpoint = Endpoint.model_validate(
        {"name": "toy", "base_url": "http://x/v1", "model": "m", "price_in": 1, "price_out": 1}
    )
    reserved = most_dollars(question(1, messages=[{"role": "user", "content": text}]), endpoint)
    assert reserved is not None
    assert reserved * 1_000_000 >= len(text.encode()) + 8


def test_redirects_are_not_followed(monkeypatch: pytest.MonkeyPatch, server: ModelServer, tmp_path: Path) -> None:
    monkeypatch.setattr(Server, "_post", lambda self, payload: (307, {"location": "http://169.254.169.254/"}, b""))
    child = Child(endpoint_of(server), AnswerStore(tmp_path / "a.sqlite"))
    assert "redirects to another address" in child.ask(question(1))[0]["error"]
    child.gateway.close()


def test_a_refused_key_ends_the_run_with_the_name_of_its_variable_and_not_its_value(
    server: ModelServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "sk-wrong-wrong-wrong")
    child = Child(endpoint_of(server), AnswerStore(tmp_path / "a.sqlite"))
    found = child.ask(question(1))[0]["error"]
    child.gateway.close()
    assert f"refuses the key in {VARIABLE}" in found
    assert "sk-wrong" not in found  # the server had repeated it
    assert server.calls == 1


def test_a_server_that_repeats_the_key_in_an_answer_does_not_tell_the_child(
    server: ModelServer, tmp_path: Path
) -> None:
    server.answer = lambda payload: f"your key is {KEY}"
    child = Child(endpoint_of(server), AnswerStore(tmp_path / "a.sqlite"))
    assert text(child.ask(question(1))[0]) == "your key is [redacted]"
    child.gateway.close()
    assert KEY.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_without_counts_of_tokens_an_answer_costs_the_most_it_could(server: ModelServer, tmp_path: Path) -> None:
    server.meters = False
    child = Child(endpoint_of(server), AnswerStore(tmp_path / "a.sqlite"))
    child.ask(question(1))
    usage = child.gateway.close()
    assert usage.unmetered == 1
    assert usage.dollars == most_dollars(checked(question(1), endpoint_of(server)), endpoint_of(server))


def test_a_rate_limit_is_waited_for_as_long_as_the_server_says(server: ModelServer, tmp_path: Path) -> None:
    waits: list[float] = []
    now = [0.0]

    def wait(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    answers = iter([(429, {"retry-after": "7"}, b""), (503, {"retry-after": "3"}, b""), (500, {}, b"")])
    endpoint = endpoint_of(server)
    patient = Server(endpoint, AnswerStore(tmp_path / "a.sqlite"), threading.Event(), wait=wait, clock=lambda: now[0])
    original = patient._post
    patient._post = lambda payload: next(answers, None) or original(payload)  # type: ignore[method-assign]
    patient.answer(checked(question(1), endpoint))
    assert waits[:2] == [7.0, 3.0]
    assert len(waits) == 3
    assert 1.0 <= waits[2] <= 60.0


def test_requests_differ_by_everything_in_them() -> None:
    hashes = {
        request_hash("http://a/v1", question(1)), request_hash("http://b/v1", question(1)),
        request_hash("http://a/v1", question(2)), request_hash("http://a/v1", question(1, seed=1)),
    }  # fmt: skip
    assert len(hashes) == 4
