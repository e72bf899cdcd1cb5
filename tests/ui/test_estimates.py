"""Estimates on a model's first screen and in the API: marked, cut at 0 where they are shown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fastapi.testclient import TestClient

from src.core.estimates import EstimateRecord, Guess, keep
from src.settings import Settings
from src.ui.app import build_app
from tests.boards.small_board import board


def test_an_estimate_is_on_the_first_screen_marked_and_cut_at_zero_and_uncut_in_the_api(tmp_path: Path) -> None:
    shown = board(tmp_path)
    guess = Guess(value=3.7, se=3.2, low=-2.6, high=10.0, asked=100, items=5761)
    when = datetime(2025, 1, 2, tzinfo=UTC)
    record = EstimateRecord(model="org/first", suite="open-llm-v2", seed=1, date=when, benchmarks={"bbh": guess})
    keep(shown.store, record)
    with TestClient(build_app(shown, Settings())) as client:
        page = client.get("/model/org/first").text
        answer = client.get("/api/v1/models/org/first/estimates").json()
        assert client.get("/api/v1/models/org/second/estimates").json()["estimates"] == []
    above, _, _ = page.partition('id="lb-scores"')
    assert "Estimated, not measured" in above
    assert "BBH ≈ 3.7 <small>(0.0 to 10.0)</small>" in above
    assert answer["estimates"][0]["benchmarks"]["bbh"]["low"] == -2.6
    assert "≈" not in TestClient(build_app(shown, Settings())).get("/model/org/second").text
