"""The columns as a list, and what the browser and a download get of them."""

from __future__ import annotations

import gzip
import io
import json

import brotli
import numpy as np
import pandas as pd
import pytest

from src.board.exports.csv_parquet import shown, to_csv, to_parquet
from src.board.table.columns import TYPES, columns
from src.board.table.payload import LONGEST_TEXT, Payload
from src.board.table.query import Query, run
from src.board.table.rows import Rows
from src.core import suites
from src.core.model.types import BY_KEY
from tests.boards.made_up import frame

HOSTILE = 'a/\u202e"><img src=x onerror=alert(1)>\n${alert(2)}\x00'


@pytest.fixture(scope="module")
def made_up() -> pd.DataFrame:
    return frame(300)


def decoded(payload: Payload, key: str) -> list:
    """One column of the core as the browser reads it."""
    column = json.loads(payload.core.body)["columns"][key]
    if "lines" in column:
        return column["lines"].split("\n")
    if "codes" in column:
        return [None if code < 0 else column["values"][code] for code in column["codes"]]
    return list(column.get("numbers") or column.get("days") or column["flags"])


@pytest.mark.parametrize("suite", suites.names())
def test_every_suite_has_columns_with_a_name_a_help_and_a_key_of_their_own(suite: str) -> None:
    of = columns(suites.load(suite))
    assert len({column.key for column in of}) == len(of)
    assert all(column.title and column.help for column in of)
    assert [column.key for column in of[:2]] == ["rank", "model"]
    scores = [column for column in of if column.group == "scores" and column.key != "average"]
    assert [column.key for column in scores] == [benchmark.key for benchmark in suites.load(suite).benchmarks]


def test_every_type_of_a_file_has_its_word_on_the_page() -> None:
    assert set(TYPES) == set(BY_KEY)


def test_rows_travel_in_the_boards_order_with_partial_rows_last(made_up: pd.DataFrame) -> None:
    averages = decoded(Payload(made_up), "average")
    whole = [average for average in averages if average is not None]
    assert whole == sorted(whole, reverse=True)
    assert averages[len(whole) :] == [None] * (len(averages) - len(whole))
    assert len(whole) < len(averages)


def test_what_travels_is_what_the_frame_holds(made_up: pd.DataFrame) -> None:
    payload = Payload(made_up)
    sorted_frame = made_up.iloc[payload.rows.base]
    assert decoded(payload, "model") == sorted_frame["model"].tolist()
    assert (
        decoded(payload, "license")
        == sorted_frame["license"].astype(object).where(sorted_frame["license"].notna(), None).tolist()
    )
    days = [None if day is None else str(np.datetime64(day, "D")) for day in decoded(payload, "upload_date")]
    assert days == sorted_frame["upload_date"].astype(object).where(sorted_frame["upload_date"].notna(), None).tolist()
    for ours, theirs in zip(decoded(payload, "bbh"), sorted_frame["bbh.score"], strict=True):
        assert ours is None if np.isnan(theirs) else ours == pytest.approx(theirs, abs=5e-5)
    flags = {True: "1", False: "0"}
    assert decoded(payload, "flagged") == [flags.get(flag, "-") for flag in sorted_frame["flagged"].tolist()]


def test_a_file_is_named_by_its_bytes_and_unpacks_to_them(made_up: pd.DataFrame) -> None:
    core = Payload(made_up).core
    assert core.name == Payload(made_up.copy()).core.name
    assert brotli.decompress(core.brotli) == gzip.decompress(core.gzip) == core.body
    changed = made_up.copy()
    changed.loc[0, "license"] = "another"
    assert Payload(changed).core.name != core.name


def test_a_strangers_text_is_one_bounded_line(made_up: pd.DataFrame) -> None:
    hostile = made_up.copy()
    hostile.loc[0, ["model", "license"]] = [HOSTILE, "x" * 10_000_000]
    payload = Payload(hostile)
    assert len(decoded(payload, "model")) == len(hostile)
    assert 'a/\u202e"><img src=x onerror=alert(1)>\ufffd${alert(2)}\ufffd' in decoded(payload, "model")
    assert max(len(text) for text in decoded(payload, "license") if text) == LONGEST_TEXT
    assert len(payload.core.body) < 200_000


def test_numbers_that_json_does_not_know_are_unknown(made_up: pd.DataFrame) -> None:
    odd = made_up.copy()
    odd.loc[0, ["bbh.score", "params_b", "co2_kg"]] = [np.inf, -np.inf, np.nan]
    payload = Payload(odd)
    at = payload.rows.place[0]
    assert [decoded(payload, key)[at] for key in ("bbh", "params_b", "co2_kg")] == [None, None, None]


def test_a_board_without_rows_travels_too(made_up: pd.DataFrame) -> None:
    empty = made_up.iloc[:0].copy()
    payload = Payload(empty)
    assert json.loads(payload.core.body)["n"] == 0
    assert payload.about(Query(), run(payload.rows, Query()))["total"] == 0


def test_a_download_is_what_is_shown_and_a_spreadsheet_runs_nothing_of_it(made_up: pd.DataFrame) -> None:
    hostile = made_up.copy()
    hostile.loc[hostile.index[:2], "license"] = ['=HYPERLINK("http://evil")', "+1"]
    query = Query.parse({"columns": "average,bbh,license", "sort": "-bbh"})
    table = shown(Rows(hostile), query)
    assert list(table.columns) == ["Rank", "Model", "Precision", "Average", "BBH", "Licence"]
    csv = pd.read_csv(io.BytesIO(to_csv(table)))
    assert csv["BBH"].tolist()[:5] == sorted(hostile["bbh.score"].dropna(), reverse=True)[:5]
    texts = [text for name in ("Model", "Precision", "Licence") for text in csv[name].dropna()]
    assert not [text for text in texts if text[0] in "=+-@\t\r"]
    assert '\'=HYPERLINK("http://evil")' in texts
    parquet = pd.read_parquet(io.BytesIO(to_parquet(table)))
    assert '=HYPERLINK("http://evil")' in parquet["Licence"].tolist()
    pd.testing.assert_series_equal(parquet["BBH"], table["BBH"])


def test_a_download_of_a_search_that_cannot_be_read_says_why(made_up: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        shown(Rows(made_up), Query.parse({"q": "/(/"}))
