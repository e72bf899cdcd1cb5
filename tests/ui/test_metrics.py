"""`/metrics` and `/health`: what a monitor of the operator's reads, without names that strangers chose."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from src.core.queue import Queue
from src.settings import Settings
from src.ui.app import build_app
from tests.boards.requests import ask
from tests.boards.small_board import board


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    shown = board(tmp_path / "store")
    Queue(shown.store).submit(ask("org/waits", sender="alice"))
    return TestClient(build_app(shown, Settings()), "http://127.0.0.1", raise_server_exceptions=False)


def measured(client: TestClient) -> dict[tuple[str, ...], float]:
    """(name, label values…) → value."""
    text = client.get("/metrics").text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_area_method_and_status(client: TestClient) -> None:
    client.get("/api/v1/models")
    client.get("/api/v1/models?sort=nonsense_column")
    client.get("/queue")
    found = measured(client)
    assert found["board_requests_total", "/api", "GET", "200"] == 2
    assert found["board_requests_total", "/queue", "GET", "200"] == 1
    assert found["board_request_seconds_count", "/api"] == 2


def test_what_strangers_choose_makes_no_label(client: TestClient) -> None:
    before = set(measured(client))
    for number in range(20):
        client.get(f"/nobody-{number}")
        client.get(f"/model/org/name-{number}")
        client.request(f"M{number}", "/")
    new = {each for each in set(measured(client)) - before if each[0].startswith("board_requests")}
    assert 0 < len(new) < 16
    assert not any(re.search(r"nobody|name-|^M\d", part) for each in new for part in each)


def test_the_board_and_its_queue_are_described(client: TestClient) -> None:
    found = measured(client)
    assert found["board_rows", "open-llm-v2"] == 4
    assert found["board_queue_requests", "PENDING"] == 1
    assert found["board_problem",] == 0
    assert found["process_resident_memory_bytes",] > 1e6


def test_health_answers_while_the_process_does(client: TestClient) -> None:
    assert client.get("/health").json()["status"] == "ok"
