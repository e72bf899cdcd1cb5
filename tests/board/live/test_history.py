"""Dated snapshots stay what they were; the changes between two of them are exact."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from src.board.live.history import History, changes
from src.board.live.snapshot import Snapshot
from src.core.errors import NotFoundError
from src.core.frames.frame import from_contents, read_table
from src.core.store import LocalStore
from src.core.suites import load
from tests.boards.small_board import AS_OF, row, snapshot

DAYS = {
    date(2024, 10, 15): "v2_2024-10-15_contents_1500.parquet",
    date(2025, 2, 8): "v2_2025-02-08_contents_3827.parquet",
    date(2025, 3, 13): "v2_final_merged_4576.parquet",
}


@pytest.fixture
def history(tmp_path) -> History:
    return History(LocalStore(tmp_path), monotonic=lambda: 0.0)


def first(history: History, day: date) -> float:
    return float(history.at("open-llm-v2", day).frame["average"].iloc[0])


def test_a_day_shows_the_last_table_of_that_day_or_before(history):
    assert history.keep(snapshot(row("org/m", 10.0)), date(2025, 1, 10))
    assert history.keep(snapshot(row("org/m", 20.0)), date(2025, 1, 20))
    asked = [date(2025, 1, 10), date(2025, 1, 19), date(2025, 1, 20), date(2030, 1, 1)]
    assert [first(history, day) for day in asked] == [10.0, 10.0, 20.0, 20.0]
    with pytest.raises(NotFoundError, match="the first is of 2025-01-10"):
        history.at("open-llm-v2", date(2025, 1, 9))


def test_a_day_never_shows_other_rows_later(history):
    history.keep(snapshot(row("org/m", 10.0)), date(2025, 1, 10))
    assert not history.keep(snapshot(row("org/m", 99.0)), date(2025, 1, 10))
    assert first(history, date(2025, 1, 10)) == 10.0


def test_the_same_rows_are_not_kept_twice(history):
    rows = snapshot(row("org/m", 10.0), row("org/n", 20.0))
    assert history.keep(rows, date(2025, 1, 10))
    assert not history.keep(rows, date(2025, 1, 11))
    assert history.days("open-llm-v2") == (date(2025, 1, 10),)


def test_made_up_rows_and_empty_boards_are_not_kept(history):
    shown = snapshot()
    sample = Snapshot(shown.frame, shown.suite, "r", "sample", AS_OF)
    empty = Snapshot(shown.frame.iloc[:0], shown.suite, "r", "live", AS_OF)
    assert not history.keep(sample, date(2025, 1, 10))
    assert not history.keep(empty, date(2025, 1, 10))


def test_two_replicas_keep_one_table(tmp_path):
    ours, theirs = (History(LocalStore(tmp_path), monotonic=lambda: 0.0) for _ in range(2))
    theirs.days("open-llm-v2")  # they looked before we wrote
    assert ours.keep(snapshot(row("org/m", 10.0)), date(2025, 1, 10))
    assert not theirs.keep(snapshot(row("org/m", 11.0)), date(2025, 1, 10))
    assert first(History(LocalStore(tmp_path)), date(2025, 1, 10)) == 10.0


def test_files_that_are_no_days_are_not_taken_for_some(history):
    history.store.append({"history/open-llm-v2/notes.txt": b"x", "history/open-llm-v2/2025-13-40.parquet": b"x"})
    assert history.days("open-llm-v2") == ()


def test_what_two_decimals_cannot_tell_apart_has_not_changed():
    before, after = snapshot(row("org/m", 10.0)), snapshot(row("org/m", 10.004))
    assert changes(before, after).rescored == ()


def test_a_run_of_another_revision_is_another_row():
    found = changes(snapshot(row("org/m", 10.0)), snapshot(row("org/m", 10.0, **{"Model sha": "f" * 40})))
    assert (list(found.added["model"]), list(found.removed["model"]), found.rescored) == (["org/m"], ["org/m"], ())


def test_a_score_that_comes_or_goes_is_a_change():
    missing = {"MUSR": None, "MUSR Raw": None}
    (each,) = changes(snapshot(row("org/m", 10.0)), snapshot(row("org/m", 10.0, **missing))).rescored
    assert each.scores == {"average": (10.0, None), "musr": (10.0, None)}


def test_the_two_regradings_of_math_are_seen_as_they_happened(history, shared):
    """SOURCES of the real tables: 1,120 of 1,499 common rows moved by 2024-11, 3,496 of 3,823 after 2025-02-08."""
    suite = load("open-llm-v2")
    for day, file in DAYS.items():
        frame = from_contents(read_table(shared(f"data/contents/{file}")), suite)
        assert history.keep(Snapshot(frame, suite, file, "live", AS_OF), day)
    autumn, winter, spring = (history.at(suite.name, day) for day in DAYS)
    last = changes(winter, spring)
    moved = pd.Series([set(each.scores) for each in last.rescored])
    assert sum("math" in scores for scores in moved) == 3496
    assert (len(last.added), len(last.removed)) == (753, 4)
    first_time = changes(autumn, winter)
    # by February every row that moved in autumn has, and a few were run again
    assert 1100 <= sum("math" in each.scores for each in first_time.rescored) <= 1150
