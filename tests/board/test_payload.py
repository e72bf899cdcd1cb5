"""What the browser gets of a snapshot, where no other test of the table looks."""

from __future__ import annotations

import orjson

from src.board.payload import Payload
from src.board.query import Query
from tests.board.small_board import row, snapshot


def test_rows_with_the_same_scores_under_two_names_are_marked_for_the_audit_and_no_others():
    shown = snapshot(row("org/one", 50.0), row("org/two", 50.0), row("org/three", 30.0))
    payload = Payload(shown.frame)
    first = payload.first(Query(), {})["rows"]["columns"]
    core = orjson.loads(payload.core.body)["columns"]
    for columns in (first, core):
        marked = dict(zip(columns["model"]["lines"].split("\n"), columns["audit"]["flags"], strict=True))
        assert marked == {"org/one": "1", "org/two": "1", "org/three": "0"}
