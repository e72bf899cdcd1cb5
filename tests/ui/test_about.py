"""The About page says what the suite and the signs of uncertainty mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pandas as pd

from src.board.live.opening import open_board
from src.core.frames.frame import from_contents, to_contents
from src.core.frames.tables import write_parquet
from src.core.store import LocalStore
from src.core.suites import Aggregation, load
from src.settings import Settings
from src.ui.pages.about import page as about
from src.ui.web.page import Visit


def test_the_baselines_of_a_suite_are_listed(tmp_path: Path) -> None:
    suite = load("basque")
    table = pd.DataFrame([{"model": "org/m", **{each.column: 40.0 for each in suite.benchmarks}}])
    rows = write_parquet(to_contents(from_contents(table, suite), suite))
    LocalStore(tmp_path).append({"contents/data/train-00000-of-00001.parquet": rows})
    settings = Settings(store=str(tmp_path))
    board = open_board(settings)
    board.sync()
    body = about.view(board, settings, Visit("/about")).body
    cells = re.findall(r'<td class="lb-num">([^<]*)</td>', body)
    assert cells == ["25.00", "50.00", "25.00", "25.83", "26.55"]
    assert "Guessing" in body
    assert "Approximate: only the counts of correct answers are known" in body


def test_every_way_to_aggregate_has_a_sentence() -> None:
    assert set(about.AVERAGES) == set(get_args(Aggregation))
