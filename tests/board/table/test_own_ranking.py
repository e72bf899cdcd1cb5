"""A reader's own ranking is called what it is, and the board's intervals stand beside the board's ranks only."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from fastapi.testclient import TestClient

from src.board.exports import csv_parquet, formats
from src.board.table.listing import listing
from src.board.table.query import Query, run
from src.board.table.rows import Rows
from src.settings import Settings
from src.ui.app import build_app
from tests.boards.small_board import ROWS, board, row, snapshot

NAMES = {
    "": "Average",
    "aggregate=mean": "Average",
    "aggregate=win_rate&weights=math:3": "Win rate (MATH Lvl 5 × 3)",
    "weights=ifeval:0,bbh:2.5": "Average (IFEval × 0; BBH × 2.5)",
    "average=shown&columns=ifeval,bbh": "Average (only IFEval, BBH)",
}


def params(text: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in text.split("&") if pair)


@pytest.mark.parametrize("asks", NAMES)
def test_an_average_is_called_what_it_is(asks: str) -> None:
    assert run(Rows(snapshot().frame), Query.parse(params(asks))).ranking == NAMES[asks]


def test_files_of_an_own_ranking_name_it_in_header_and_caption() -> None:
    query = Query.parse(params("aggregate=win_rate&weights=math:3"))
    found = listing(snapshot(), query)
    name = "Win rate (MATH Lvl 5 × 3)"
    own = f"ranked by {name}, not the board’s average"
    assert name in formats.csv(found).decode().splitlines()[0].split(",")
    tex = formats.FORMATS["tex"].write(found).decode()
    assert name.replace("×", r"$\times$") in tex
    assert "not the board's average" in tex
    text = formats.FORMATS["md"].write(found).decode()
    assert f"| {name} |" in text.splitlines()[0]
    assert own in text
    assert name in csv_parquet.shown(Rows(snapshot().frame), query).columns
    for written in (tex, text):
        assert "Average" not in written


def test_the_boards_own_average_keeps_its_name_everywhere() -> None:
    found = listing(snapshot(), Query())
    assert "average" in formats.csv(found).decode().splitlines()[0].split(",")
    assert "ranked by" not in formats.FORMATS["md"].write(found).decode()


def test_files_carry_errors_and_what_tells_rows_apart() -> None:
    twice = snapshot(
        row("org/a", 50.0),
        row("org/a", 49.0, Precision="float16"),
        row("org/a", 48.0, Precision="float16", **{"Model sha": "f" * 40}),
    )
    found = listing(twice, Query.parse({"columns": "average,ifeval"}))
    text = formats.FORMATS["md"].write(found).decode().splitlines()
    assert text[0] == "| Rank | Model | Precision | Revision | Average | IFEval |"
    assert text[2].startswith("| 1 | org/a | bfloat16 | 0123456 | 50.00 ± 1.")
    table = csv_parquet.shown(Rows(twice.frame), Query.parse({"columns": "average,ifeval"}))
    assert list(table) == ["Rank", "Model", "Precision", "Revision", "Average", "Average ±", "IFEval", "IFEval ±"]
    assert (table["Average ±"] > 0).all()
    one = csv_parquet.shown(Rows(snapshot().frame), Query.parse({"aggregate": "median", "columns": "average"}))
    assert list(one) == ["Rank", "Model", "Precision", "Median"]  # whose error nobody knows


@pytest.mark.parametrize(("asks", "has"), [("", True), ("rank=shown&types=chat", False), ("weights=math:2", False)])
def test_rank_intervals_stand_beside_ranks_of_the_whole_board_only(asks: str, has: bool) -> None:
    found = listing(snapshot(), Query.parse(params(asks)))
    records = orjson.loads(orjson.dumps(found.json()))
    assert [("rank_low" in each, "tied" in each) for each in records] == [(has, has)] * len(records)
    assert records == found.records() or not has


def test_the_page_names_the_ranking_in_its_header_title_and_description(tmp_path: Path) -> None:
    with TestClient(build_app(board(tmp_path, *ROWS), Settings())) as client:
        own = client.get("/?aggregate=win_rate&weights=math:3").text
        assert "<span>Win rate (MATH Lvl 5 × 3)</span>" in own
        assert "<title>Ranked by Win rate (MATH Lvl 5 × 3)" in own
        assert "Back to the board’s ranking" in own
        assert "–3</span>" not in client.get("/?rank=shown&size=mid").text
        assert client.get("/api/v1/models?aggregate=win_rate").json()["ranked_by"] == "Win rate"
