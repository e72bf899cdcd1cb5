"""Search, filters, sorting, pins and links: the cases that the browser's code passes too, and what only Python does."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pandas as pd
import pytest

from src.board.table import url as links
from src.board.table.query import COUNTED, Query, run
from src.board.table.rows import Rows
from src.board.table.search import FIELDS, parse
from src.core.frames.contents import from_contents

ROOT = Path(__file__).parents[3]
TABLE = json.loads((ROOT / "tests/data/query_cases.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def rows() -> Rows:
    # the other way round, so that the board's order is not the frame's
    frame = pd.DataFrame(TABLE["rows"][::-1])
    for flag in ("merged", "moe", "flagged", "available", "official"):
        frame[flag] = frame[flag].astype("boolean")
    frame["revision"] = "0" * 40
    frame.attrs["suite"] = "open-llm-v2"
    return Rows(frame)


@pytest.mark.parametrize("case", TABLE["cases"], ids=[case["asks"] for case in TABLE["cases"]])
def test_a_view_gives_the_rows_it_asks_for(rows: Rows, case: dict) -> None:
    query = Query.parse(_params(case["params"]))
    selection = run(rows, query, counts=COUNTED)

    assert rows.frame["as"].iloc[selection.rows].tolist() == case["rows"].split()
    assert selection.problem == case.get("problem")
    for name in ("pinned", "matches"):
        assert getattr(selection, name) == case.get(name, getattr(selection, name))
    for name in ("ranks", "averages"):
        if name in case:
            assert [None if np.isnan(each) else each for each in getattr(selection, name)] == case[name]
    for group, counts in case.get("counts", {}).items():
        assert selection.counts[group] == counts


@pytest.mark.parametrize("case", TABLE["cases"], ids=[case["asks"] for case in TABLE["cases"]])
def test_a_view_survives_its_own_address(case: dict) -> None:
    query = Query.parse(_params(case["params"]))
    assert Query.parse(query.to_params()) == query
    if "canonical" in case:
        assert query.to_params() == _params(case["canonical"])


def test_the_browsers_code_passes_the_same_cases() -> None:
    node = shutil.which("node")
    if not node:
        pytest.skip("Node is not at hand: the browser's half of the cases runs with `node --test tests/ui`")
    files = sorted(str(path) for path in (ROOT / "tests/ui").glob("*.test.mjs"))
    ran = subprocess.run([node, "--test", *files], capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]


def test_any_text_can_be_searched() -> None:
    for text in ("", ";", "@", "/", "//", '"', "@:", "@@license::", "/[/", "\\", "a" * 10_000, "\u202e\x00", "İ"):
        parse(text)
    assert {term.field for term in parse(" ".join(f"@{field}:x" for field in FIELDS)).alternatives[0]} == set(FIELDS)


def test_a_board_without_rows_answers(rows: Rows) -> None:
    empty = rows.frame.iloc[:0].copy()
    empty.attrs = rows.frame.attrs
    selection = run(
        empty, Query.parse({"q": "/x/", "sort": "-ifeval,license", "size": "edge", "average": "shown"}), counts=COUNTED
    )
    assert selection.rows.tolist() == []
    assert set(selection.counts["size"].values()) == {0}


def test_infinite_scores_are_missing(rows: Rows) -> None:
    frame = rows.frame.copy()
    frame.attrs = rows.frame.attrs
    frame.loc[frame["as"] == "tiny", "average"] = np.inf
    ranked = run(frame, Query())
    assert frame["as"].iloc[ranked.rows[-2:]].tolist() == ["part", "tiny"]
    assert np.isnan(ranked.ranks[-1])


def _params(text: str) -> dict[str, str]:
    return links.first(parse_qsl(text.replace("+", "%2B"), keep_blank_values=True))


def test_where_lower_is_better_the_lowest_average_is_first() -> None:
    table = pd.DataFrame({"model": ["a/a", "b/b", "c/c"], "AMI WER": [9.0, None, 5.0]})
    for column in ("Earnings22", "Gigaspeech", "LS Clean", "LS Other", "SPGISpeech", "Tedlium", "Voxpopuli"):
        table[f"{column} WER"] = table["AMI WER"]
    selection = run(from_contents(table, "open-asr"), Query())
    assert selection.rows.tolist() == [2, 0, 1]
    assert selection.ranks[:2].tolist() == [1, 2]
    assert np.isnan(selection.ranks[2])


def test_benchmarks_of_both_directions_have_no_plain_average() -> None:
    table = pd.DataFrame({"fullname": ["a/a"], "Safety": [90.0], "Capability": [40.0]})
    frame = from_contents(table, "safety-capability")
    assert run(frame, Query.parse({"aggregate": "mean"})).averages.tolist() == [65.0]
    assert run(frame, Query()).averages.tolist() == [frame["average"].round(4)[0]]
