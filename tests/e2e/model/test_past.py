"""The History tab of a model's page: runs by date and scorer, estimates apart, reports of contamination."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from playwright.sync_api import Page, expect

from src.board.live.opening import SAMPLE
from src.core.estimates import EstimateRecord, Guess, keep
from src.core.store import LocalStore
from tests.e2e.conftest import Serve, Served

MODEL = "model/tidewater-ml/Estuary-7.62B-Instruct"


def test_every_run_is_told_with_its_scorer_and_reports_stand_beside_it(
    sample: Served, page: Page, shoot, faults
) -> None:
    page.goto(f"{sample.url}/{MODEL}")
    page.get_by_role("tab", name="History").click()
    expect(page.get_by_role("heading", name="Runs (4)", level=2).last).to_be_visible()
    expect(page.get_by_role("heading", name="Contamination reports (1)")).to_be_visible()
    expect(page.get_by_role("region", name="Contamination").first).to_contain_text("Made-up overlap test")
    assert not faults(page)
    shoot(page, "history")


def test_an_estimate_is_labelled_and_shown_apart_even_for_a_model_without_a_row(
    serve: Serve, page: Page, tmp_path: Path, shoot
) -> None:
    shutil.copytree(SAMPLE, tmp_path / "board", ignore=shutil.ignore_patterns(".board"))
    guess = Guess(value=31.4, se=2.1, low=27.3, high=35.5, asked=100, items=756)
    when = datetime(2025, 1, 1, tzinfo=UTC)
    reported = EstimateRecord(
        model="org/only-estimated", suite="open-llm-v2", seed=1, date=when, benchmarks={"musr": guess}
    )
    keep(LocalStore(tmp_path / "board"), reported)
    served = serve(tmp_path / "board")
    page.goto(f"{served.url}/model/org/only-estimated")
    estimated = page.get_by_role("region", name="Estimated, not measured")
    expect(estimated.first).to_contain_text("≈ 31.4")
    expect(page.get_by_text("Estimated from 100 questions a benchmark")).to_be_visible()
    page.goto(f"{served.url}/")
    expect(page.get_by_text("only-estimated")).to_have_count(0)  # never among the ranks
