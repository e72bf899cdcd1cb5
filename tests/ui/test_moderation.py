"""Decisions on a model's page: who may make them, what a reader sees, and that a correction reaches everything."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app import main
from src.board.live.snapshot import Board
from src.core.store import LocalStore
from src.settings import Settings
from src.ui.app import build_app
from src.ui.web import sign_in
from tests.boards import own

HERE = {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1", "Content-Type": "application/json"}
MODEL = own.MODELS[3]


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return own.make(tmp_path / "baltic")


def serve(store: LocalStore, me: str) -> tuple[Board, TestClient]:
    board = own.synced(store)
    return board, TestClient(build_app(board, Settings(store=store.name, user=me)), base_url="http://127.0.0.1")


def decide(client: TestClient, **fields: Any) -> dict[str, Any]:
    answer = client.post("/moderate", json={"reason": "because", **fields}, headers=HERE)
    return {"status": answer.status_code, **answer.json()}


def test_an_operator_flags_and_the_page_the_api_and_the_feed_say_it(store: LocalStore) -> None:
    board, client = serve(store, "alice")
    done = decide(client, action="flag", model=MODEL, reason="Trained on the test", url="https://a.example/proof")
    assert done["ok"], done
    page = client.get(f"/model/{MODEL}").text
    assert "Trained on the test" in page
    assert 'href="https://a.example/proof"' in page
    assert "Decisions about this model (1)" in page
    assert client.get(f"/api/v1/models/{MODEL}").json()["rows"][0]["flagged"] is True
    feed = client.get("/api/feeds/results.atom").text
    assert f"{MODEL}: flag by alice" in feed
    assert f"tag:boards.example,2024:moderation/{done['id']}" in feed
    assert board.state.profile.moderation.entries[0].by == "alice"


def test_a_correction_reaches_average_rank_exports_and_explain(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    board, client = serve(store, "bob")
    before = client.get(f"/api/v1/models/{MODEL}").json()["rows"][0]
    done = decide(client, action="correct", model=MODEL, suite="latvian", benchmark="reading", value="99.5")
    assert done["ok"], done
    after = client.get(f"/api/v1/models/{MODEL}").json()["rows"][0]
    old = before["benchmarks"]["reading"]["score"]
    assert after["benchmarks"]["reading"]["score"] == 99.5
    assert after["average"] == pytest.approx(before["average"] + (99.5 - old) / 3)
    assert after["rank"] < before["rank"]
    rows = csv.DictReader(io.StringIO(client.get("/api/v1/models.csv").content.decode("utf-8-sig")))
    assert next(row for row in rows if row["model"] == MODEL)["reading.score"] == "99.5"
    assert "99.50" in client.get(f"/api/v1/models/{MODEL}/card").json()["section"]
    page = client.get(f"/model/{MODEL}").text
    assert f'<del class="lb-was" aria-label="was {old:.2f}">{old:.2f}</del> 99.50' in page
    assert board.state.profile.moderation.entries[0].was == old


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"action": "correct", "model": MODEL, "benchmark": "reading", "value": "130"}, "lies between 0 and 100"),
        ({"action": "correct", "model": MODEL, "benchmark": "reading", "value": "x"}, "'x' is no number"),
        ({"action": "correct", "model": MODEL, "benchmark": "poetry", "value": "1"}, "no benchmark 'poetry'"),
        ({"action": "flag", "model": "no/body"}, "no row of no/body"),
        ({"action": "flag", "model": MODEL, "reason": ""}, "Give a reason"),
        ({"action": "lift", "of": "nothing"}, "There is no decision 'nothing'"),
        ({"action": "ban", "model": MODEL}, "There is no action 'ban'"),
    ],
)
def test_a_decision_about_nothing_is_refused_with_a_sentence(
    store: LocalStore, fields: dict[str, str], words: str
) -> None:
    _, client = serve(store, "alice")
    answer = decide(client, **fields)
    assert not answer["ok"]
    assert words in answer["message"]


def test_hidden_rows_are_counted_on_the_front_page_and_explained_on_the_models(store: LocalStore) -> None:
    _, client = serve(store, "alice")
    done = decide(client, action="hide", model=MODEL, reason="Weights were withdrawn")
    assert "1 row is hidden." in client.get("/").text
    assert client.get("/api/v1/suites").json()[0]["hidden"] == 1
    assert MODEL in client.get("/about").text
    page = client.get(f"/model/{MODEL}")
    assert page.status_code == 200
    assert "Weights were withdrawn" in page.text
    assert decide(client, action="lift", of=done["id"], reason="A mistake")["ok"]
    assert "A mistake" in client.get(f"/model/{MODEL}").text
    listed = client.get(f"/api/v1/decisions?model={MODEL}").json()
    assert [(each["action"], each["by"], each["counts"]) for each in listed] == [
        ("hide", "alice", False),
        ("lift", "alice", False),
    ]
    assert "hidden." not in client.get("/").text


def test_a_merged_name_leads_to_the_one_that_is_kept(store: LocalStore) -> None:
    _, client = serve(store, "alice")
    assert decide(client, action="merge", model=MODEL, into="org9/renamed")["ok"]
    assert 'href="model/org9/renamed"' in client.get(f"/model/{MODEL}").text
    page = client.get("/model/org9/renamed").text
    assert "Decisions about this model (1)" in page


def test_people_who_are_no_operators_are_refused_on_the_page_and_by_the_command(
    store: LocalStore, capsys: pytest.CaptureFixture[str]
) -> None:
    _, client = serve(store, "mallory")
    answer = decide(client, action="flag", model=MODEL)
    assert answer["status"] == 403
    assert "mallory is no operator of this board" in answer["message"]
    assert "data-moderate" not in client.get(f"/model/{MODEL}").text
    command = ["moderate", "flag", MODEL, "--reason", "because", "--store", store.name]
    assert main([*command, "--user", "mallory"]) == 1
    assert "mallory is no operator of this board" in capsys.readouterr().err
    assert main([*command, "--user", "alice"]) == 0
    assert [each["by"] for each in own.written(store)] == ["alice"]
    assert main([*command, "--user", "mallory", "--operators", "mallory"]) == 0


def test_a_request_of_another_site_decides_nothing(store: LocalStore) -> None:
    _, client = serve(store, "alice")
    headers = HERE | {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    answer = client.post("/moderate", json={"action": "flag", "model": MODEL, "reason": "x"}, headers=headers)
    assert answer.status_code == 403
    assert own.written(store) == []


def test_an_author_answers_and_nobody_else(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    _, client = serve(store, "alice")
    flag = decide(client, action="flag", model=MODEL)["id"]
    _, client = serve(store, "carol")
    refused = decide(client, action="answer", of=flag, model=MODEL, reason="Not so")
    assert refused["status"] == 403
    assert "Only who submitted" in refused["message"]
    monkeypatch.setattr(sign_in, "organisations", lambda *_: frozenset({MODEL.partition("/")[0]}))
    assert "Answer a decision" in client.get(f"/model/{MODEL}").text
    assert decide(client, action="answer", of=flag, model=MODEL, reason="We retrained it")["ok"]
    assert "We retrained it" in client.get(f"/model/{MODEL}").text


def test_the_reason_of_an_operator_is_shown_as_text(store: LocalStore) -> None:
    _, client = serve(store, "alice")
    assert decide(client, action="flag", model=MODEL, reason="<img src=x onerror=alert(1)>")["ok"]
    page = client.get(f"/model/{MODEL}").text
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
