"""Operators' decisions: write-once entries, and what they do to the rows."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from src.core import suites
from src.core.errors import BadInputError, DeniedError
from src.core.moderation.applying import moderated
from src.core.moderation.entries import (
    Moderation,
    ModerationEntry,
    check_author,
    check_operator,
    draft,
    read_entries,
    record,
)
from src.core.scoring import averages
from src.core.store import LocalStore
from tests.boards import small_board

NOW = datetime(2025, 3, 1, tzinfo=UTC)
V2 = suites.load("open-llm-v2")


def entry(action: str, number: int = 0, **fields: object) -> ModerationEntry:
    made = draft(action, "alice", NOW + timedelta(minutes=number), reason="because", **fields)
    return made.model_copy(update={"id": f"e{number}"})


def after(*entries: ModerationEntry):  # type: ignore[no-untyped-def]
    return moderated(small_board.snapshot().frame, V2, Moderation(entries)).set_index("model")


def test_a_flag_a_mark_and_a_new_name_reach_the_rows() -> None:
    frame = after(
        entry("flag", 1, model="org/first"),
        entry("official", 2, organisation="org"),
        entry("merge", 3, model="other/small", into="other/large"),
    )
    assert frame["flagged"].to_dict() == {
        "org/first": True,
        "org/second": False,
        "other/large": False,
        "other/partial": False,
    }
    assert bool(frame.loc["org/second", "official"])
    assert frame.loc["other/large", "id"] == "other/large~bfloat16"


def test_a_correction_reaches_the_average_and_the_old_value_is_kept() -> None:
    frame = after(
        entry("correct", 1, model="org/second", suite="open-llm-v2", benchmark="ifeval", value=70.0, was=40.0)
    )
    row = frame.loc["org/second"]
    assert row["ifeval.score"] == 70.0
    assert row["ifeval.raw"] == pytest.approx(0.7)
    assert row["average"] == pytest.approx((70.0 + 5 * 40.0) / 6)
    assert frame.attrs["corrected"] == {row["id"]: {"ifeval": 40.0, "average": 40.0}}
    untouched = small_board.snapshot().frame.set_index("model").loc["org/first", "average"]
    assert frame.loc["org/first", "average"] == untouched


def test_the_average_of_a_corrected_row_is_that_of_its_cells() -> None:
    frame = after(
        entry("correct", 1, model="org/second", suite="open-llm-v2", benchmark="gpqa", value=12.5)
    ).reset_index()
    row = frame[frame["model"] == "org/second"]
    assert averages(row, V2).iloc[0] == pytest.approx(row["average"].iloc[0])
    assert row["gpqa.raw"].iloc[0] == pytest.approx(0.25 + 0.125 * 0.75)


def test_hidden_and_withdrawn_rows_are_counted_and_named() -> None:
    frame = after(entry("hide", 1, model="org/first"), entry("withdraw", 2, model="other/small"))
    assert list(frame.index) == ["org/second", "other/partial"]
    assert [each.model for each in frame.attrs["hidden"]] == ["org/first", "other/small"]
    assert "2 rows are hidden by this board's operators: org/first, other/small." in frame.attrs["notes"][-1]


def test_a_lifted_decision_counts_no_more_and_stays_in_the_history() -> None:
    hide = entry("hide", 1, model="org/first")
    lift = entry("lift", 2, of="e1")
    frame = small_board.snapshot().frame
    assert moderated(frame, V2, Moderation((hide, lift))) is frame
    assert Moderation((hide, lift)).of("org/first") == (hide, lift)


def test_a_decision_about_an_earlier_name_counts_for_the_merged_rows() -> None:
    frame = after(
        entry("correct", 1, model="other/small", suite="open-llm-v2", benchmark="ifeval", value=10.0),
        entry("merge", 2, model="other/small", into="other/mid"),
        entry("merge", 3, model="other/mid", into="other/large"),
    )
    assert frame.loc["other/large", "ifeval.score"] == 10.0
    moderation = Moderation((entry("merge", 3, model="b/b", into="c/c"), entry("merge", 4, model="a/a", into="b/b")))
    assert moderation.names("a/a") == {"a/a", "b/b", "c/c"}
    assert moderation.renamed("a/a") == "c/c"


def test_a_decision_for_another_suite_or_a_row_that_is_not_there_changes_nothing() -> None:
    frame = small_board.snapshot().frame
    others = (entry("hide", 1, model="org/first", suite="other"), entry("flag", 2, model="no/body"))
    assert moderated(frame, V2, Moderation(others)) is frame


@pytest.mark.parametrize(
    ("action", "fields", "words"),
    [
        ("ban", {"model": "a/b"}, "There is no action 'ban'"),
        ("flag", {}, "needs `model`"),
        ("correct", {"model": "a/b", "suite": "s", "benchmark": "x"}, "needs `value`"),
        ("correct", {"model": "a/b", "suite": "s", "benchmark": "x", "value": "nan"}, "finite"),
        ("merge", {"model": "a/b", "into": "a/b"}, "into itself"),
        ("flag", {"model": "../x"}, "cannot be a model's name"),
        ("flag", {"model": "a/b", "url": "javascript:1"}, "https://"),
        ("flag", {"model": "a/b", "reason": ""}, "Give a reason"),
    ],
)
def test_an_entry_that_lacks_something_is_refused(action: str, fields: dict[str, object], words: str) -> None:
    with pytest.raises(BadInputError) as refused:
        draft(action, "alice", NOW, **{"reason": "because", **fields})
    assert words in str(refused.value)


def test_two_operators_at_once_lose_nothing(tmp_path: Path) -> None:
    stores = [LocalStore(tmp_path), LocalStore(tmp_path)]
    start = threading.Barrier(2)

    def write(number: int) -> None:
        start.wait(30)
        for at in range(10):
            record(stores[number], draft("flag", f"op{number}", NOW, model=f"org/m{at}", reason="seen the test"))

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    read = read_entries(stores[0], stores[0].head("board"), Moderation())
    assert sorted((each.by, str(each.model)) for each in read.entries) == sorted(
        (f"op{number}", f"org/m{at}") for number in range(2) for at in range(10)
    )


def test_a_damaged_entry_costs_itself_and_is_named(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    kept = record(store, draft("flag", "alice", NOW, model="org/m", reason="seen"))
    store.append({"board/moderation/broken.json": b"{", "board/moderation/odd.json": b'{"action": "ban"}'})
    read = read_entries(store, store.head("board"), Moderation())
    assert read.entries == (kept,)
    assert set(read.problems) == {"moderation/broken.json", "moderation/odd.json"}
    assert all(text.startswith("board/moderation/") for text in read.problems.values())


def test_only_operators_decide_and_only_authors_answer() -> None:
    check_operator("alice", {"alice"})
    for stranger in ("mallory", None):
        with pytest.raises(DeniedError):
            check_operator(stranger, {"alice"})
    check_author("org/m", "carol", {"org"}, ())
    check_author("org/m", "org", (), ())
    check_author("org/m", "dave", (), {"dave"})
    with pytest.raises(DeniedError):
        check_author("org/m", "mallory", {"other"}, {"dave"})
