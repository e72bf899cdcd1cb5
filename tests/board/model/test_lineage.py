"""A model's family both ways: what it was made from, up to the first; what it gained over its base, and how surely."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from src.board.live.certainty import with_certainty
from src.board.live.snapshot import Snapshot
from src.board.model.overview import Run, model_view
from src.core import suites
from src.core.frames.contents import from_contents

SUITE = suites.load()


def snapshot(*rows: tuple[str, str | None, float]) -> Snapshot:
    table = pd.DataFrame(
        [
            {"fullname": model, "Precision": "bfloat16", "Base Model": base}
            | {each.raw_column: raw for each in SUITE.benchmarks}
            | {each.column: 100 * raw for each in SUITE.benchmarks}
            for model, base, raw in rows
        ]
    )
    frame = with_certainty(from_contents(table, SUITE), SUITE)
    return Snapshot(frame, SUITE, "r", "local", datetime.now(UTC))


def test_the_line_of_ancestors_is_followed_to_what_the_board_does_not_know():
    board = snapshot(("a/chat", "a/sft", 0.5), ("a/sft", "a/base", 0.4), ("a/base", "gone/first", 0.3))
    view = model_view(board, "a/chat")
    assert view.base.model == "a/sft"
    assert [each.model if isinstance(each, Run) else each for each in view.ancestors] == ["a/base", "gone/first"]


def test_models_that_name_each_other_do_not_turn_in_circles():
    view = model_view(snapshot(("a/one", "a/two", 0.5), ("a/two", "a/one", 0.4)), "a/one")
    assert [each.model for each in view.ancestors if isinstance(each, Run)] == ["a/one"]


def test_descendants_are_counted_beyond_those_shown():
    board = snapshot(("a/base", None, 0.3), *((f"b/child-{i}", "a/base", 0.3 + i / 100) for i in range(8)))
    view = model_view(board, "a/base")
    assert (len(view.made_from_it), view.made_from_it_count) == (5, 8)
    assert view.made_from_it[0].model == "b/child-7"


def test_a_gain_says_how_sure_it_is_and_how_much_of_the_base_is_left():
    view = model_view(snapshot(("a/chat", "a/base", 0.55), ("a/base", None, 0.5)), "a/chat")
    average = view.lines[0]
    assert average.gained.value == average.gain
    assert average.gained.interval.low < average.gain < average.gained.interval.high
    assert average.gained.retention > 1
