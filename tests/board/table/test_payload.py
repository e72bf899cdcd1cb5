"""What the browser gets of a snapshot, where no other test of the table looks."""

from __future__ import annotations

import orjson
import pytest

from src.board.table.payload import Payload
from src.board.table.query import Query, run
from tests.boards.small_board import row, snapshot

PINS = (
    ("org/one", ["org/one~bfloat16", "org/one~float16"]),
    (f"org/one_float16_{'0' * 40}_False", ["org/one~float16"]),
    ("gone/model,org/two~bfloat16", ["org/two~bfloat16", "gone/model"]),
)


def test_rows_with_the_same_scores_under_two_names_are_marked_for_the_audit_and_no_others():
    shown = snapshot(row("org/one", 50.0), row("org/two", 50.0), row("org/three", 30.0))
    payload = Payload(shown.frame)
    columns = orjson.loads(payload.core.body)["columns"]
    marked = dict(zip(columns["model"]["lines"].split("\n"), columns["audit"]["flags"], strict=True))
    assert marked == {"org/one": "1", "org/two": "1", "org/three": "0"}


@pytest.mark.parametrize(("pins", "handed"), PINS)
def test_the_browser_is_handed_pins_as_ids_of_rows(pins: str, handed: list[str]) -> None:
    two = [row("org/one", 50.0), row("org/one", 40.0, Precision="float16"), row("org/two", 30.0)]
    payload = Payload(snapshot(*two).frame)
    query = Query.parse({"pinned": pins})
    assert payload.about(query, run(payload.rows, query))["query"]["pinned"] == handed
