"""A write that is killed at any of its steps happened whole or not at all, and can simply be done again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from src.core.errors import CorruptError, NotFoundError
from src.core.store import LocalStore, Store
from src.core.store.hub import HubStore
from tests.core.crashing import Killed, dying_client, killed_at
from tools.hub import Hub

START = {"contents/table": b"old table", "contents/notes": b"old notes"}

NEW_FILES = {"contents/a/1": b"one", "contents/b": b"two"}
NEW_TABLE = {"contents/table": b"new table", "contents/notes": b"new notes"}
GONE = {"contents/table": b"new table", "contents/notes": None}
LARGE = {"contents/train.parquet": b"PAR1" * 99}

Write = Callable[[Store, str], object]
WRITES: dict[str, tuple[Write, dict[str, bytes]]] = {
    "append": (lambda store, head: store.append(NEW_FILES), START | NEW_FILES),
    "replace": (lambda store, head: store.replace(NEW_TABLE, head), NEW_TABLE),
    "delete": (lambda store, head: store.replace(GONE, head), {"contents/table": b"new table"}),
    "large": (lambda store, head: store.append(LARGE), START | LARGE),
}


def write_in(folder: Path, kind: str, head: str) -> None:
    WRITES[kind][0](LocalStore(folder), head)


def everything(store: Store, rev: str | None = None) -> dict[str, bytes]:
    entries = store.list("contents", rev)
    return {one.path: store.read(one.path, rev) for one in entries if not one.path.endswith(".gitattributes")}


@pytest.mark.parametrize("kind", WRITES)
def test_a_folder_is_whole_after_a_kill_at_any_step_of_a_write(tmp_path: Path, kind: str) -> None:
    write, after = WRITES[kind]
    table: list[tuple[str, str]] = []
    for number in range(1, 100):
        folder = tmp_path / str(number)
        head = LocalStore(folder).replace(START, None)
        step = killed_at(number, partial(write_in, folder, kind, head))
        store = LocalStore(folder)
        found = everything(store)
        assert found in (START, after), step
        assert everything(store, head) == START, step
        table.append((step or "the end", "before" if found == START else "after"))
        if step is None:
            break
        if found == START:
            write(store, head)
        assert everything(store) == after, step
        assert everything(store, head) == START, step
    assert table[-1] == ("the end", "after")
    assert len(table) > 8
    places = [place for _, place in table]
    assert places == sorted(places, reverse=True)  # one point of no return


@pytest.mark.parametrize("kind", WRITES)
def test_the_hub_is_whole_after_a_client_dies_at_any_half_call_of_a_write(tmp_path: Path, kind: str) -> None:
    write, after = WRITES[kind]
    ended = False
    number = 0
    while not ended:
        number += 1
        hub = Hub()
        hub.seed("datasets", "owner/contents", {path.removeprefix("contents/"): data for path, data in START.items()})
        with dying_client(hub, number) as steps:
            store = made(tmp_path)
            try:
                write(store, hub.repo("datasets", "owner/contents").chain[-1].oid)
                ended = True
            except Killed:
                pass
        with dying_client(hub, 10**9):
            store = made(tmp_path)
            assert everything(store) in (START, after), steps[-1]
            write(store, store.head("contents"))
            assert everything(store) == after, steps[-1]
    assert number > 4


def made(tmp_path: Path) -> HubStore:
    return HubStore("owner", token="hf_owner", endpoint="http://hub.test", cache_dir=tmp_path, sleep=lambda wait: None)


def test_a_folder_without_a_log_is_taken_over_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "results/org").mkdir(parents=True)
    (tmp_path / "results/org/one.json").write_bytes(b"{}")
    store = LocalStore(tmp_path)
    assert [entry.path for entry in store.list("results")] == ["results/org/one.json"]
    assert store.read("results/org/one.json") == b"{}"
    (tmp_path / "results/org/stray.json").write_bytes(b"{}")
    assert len(LocalStore(tmp_path).list("results")) == 1


def test_files_lie_in_the_folder_as_anyone_can_read_them(tmp_path: Path) -> None:
    LocalStore(tmp_path).append({"requests/a/b.json": b'{"x": 1}'})
    assert (tmp_path / "requests/a/b.json").read_bytes() == b'{"x": 1}'


def test_a_file_changed_by_hand_is_not_passed_off_as_what_was_committed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.append({"requests/a": b"1"})
    (tmp_path / "requests/a").write_bytes(b"2")
    with pytest.raises(CorruptError, match="by hand"):
        store.read("requests/a")
    (tmp_path / "requests/a").write_bytes(b"1")
    assert store.read("requests/a") == b"1"


def test_replaced_bytes_are_kept_for_a_day_and_then_let_go(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first = store.replace({"contents/t": b"1"}, None)
    second = store.replace({"contents/t": b"2"}, first)
    assert store.read("contents/t", first) == b"1"
    store.KEEP_REPLACED = -1.0
    store.replace({"contents/t": b"3"}, second)
    with pytest.raises((CorruptError, NotFoundError)):
        store.read("contents/t", first)
    assert store.read("contents/t") == b"3"
