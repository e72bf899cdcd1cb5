"""A folder board that was copied while others wrote, or whose records were damaged, holds what it confirmed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from src.core.errors import ConflictError, CorruptError, NotFoundError
from src.core.repair import repair
from src.core.store import LocalStore
from src.core.store.files import blob_id
from src.core.store.ledger import Ledger
from tests.core.copying import acknowledged, copy_in_any_order, missing, writers
from tests.core.processes import PROCESSES

PATHS = [f"requests/{number}" for number in range(10)]


def take_copies(folder: Path, boards: int, each: int) -> list[str]:
    """Take copies of boards at random moments under writes and open each; what any of them lacks."""
    lacking = list[str]()
    for seed in range(boards):
        rng, place = random.Random(seed), folder / f"{seed}"
        place.mkdir()
        with writers(place / "board", 4, seed) as journals:
            while len(acknowledged(journals)) < 20:
                time.sleep(0.02)
            for number in range(each):
                time.sleep(rng.uniform(0.0, 0.1))
                confirmed = acknowledged(journals)
                copy_in_any_order(place / "board", place / f"copy-{number}", rng)
                store = LocalStore(place / f"copy-{number}")
                lacking += [f"board {seed}, copy {number}: {one}" for one in missing(store, confirmed)]
                store.append({"requests/after/the-copy": b"1"})
                again = LocalStore(place / f"copy-{number}")
                assert list(again.list("requests")) == list(store.list("requests"))
        shutil.rmtree(place)
    return lacking


def test_copies_taken_under_writes_hold_all_that_was_confirmed_before_they_began(tmp_path: Path) -> None:
    assert take_copies(tmp_path, boards=4, each=3) == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_hundred_copies_taken_under_writes_hold_all_that_was_confirmed_before(tmp_path: Path) -> None:
    assert take_copies(tmp_path, boards=25, each=4) == []


def write_and_die(folder: Path) -> None:
    """Ten confirmed commits, a table that was replaced, and a death that leaves the log as it is."""
    store = LocalStore(folder)
    for path in PATHS:
        store.append({path: path.encode()})
    head = store.replace({"contents/table": b"1"}, None)
    store.replace({"contents/table": b"2"}, head)
    os.kill(os.getpid(), signal.SIGKILL)


def died(folder: Path) -> Path:
    process = PROCESSES.Process(target=write_and_die, args=(folder,), daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    return folder


@pytest.fixture(scope="module")
def left_behind(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return died(tmp_path_factory.mktemp("died") / "board")


def holds_everything(folder: Path) -> LocalStore:
    store = LocalStore(folder)
    assert [entry.path for entry in store.list("requests")] == PATHS
    assert {path: store.read(path) for path in PATHS} == {path: path.encode() for path in PATHS}
    assert store.read("contents/table") == b"2"
    assert store.lost() == []
    return store


def flipped(data: bytes, seed: int) -> bytes:
    rng, changed = random.Random(seed), bytearray(data)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "deleted": lambda file: file.unlink(),
    "emptied": lambda file: file.write_bytes(b""),
    "cut at a third": lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 3]),
    "cut at two thirds": lambda file: file.write_bytes(file.read_bytes()[: 2 * file.stat().st_size // 3]),
    "overwritten": lambda file: file.write_bytes(random.Random(0).randbytes(file.stat().st_size)),
    **{f"one bit ({seed})": lambda file, seed=seed: file.write_bytes(flipped(file.read_bytes(), seed))
       for seed in range(6)},
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["log.sqlite3", "log.sqlite3-wal", "log.sqlite3-shm", "commits.jsonl", "here"])
def test_damage_to_one_of_its_records_costs_a_board_nothing(tmp_path: Path, name: str, damage: str) -> None:
    file = died(tmp_path / "board") / ".board" / name
    if name == "here" and damage.startswith("one bit"):
        pytest.skip("it is empty")
    DAMAGE[damage](file)
    store = holds_everything(tmp_path / "board")
    assert list(store.order(PATHS[::-1])) == PATHS
    store.append({"requests/9-after": b"more"})
    assert len(LocalStore(tmp_path / "board").list("requests")) == 11


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["log.sqlite3", "log.sqlite3-wal", "commits.jsonl"])
def test_damage_to_a_copys_records_costs_it_no_file(tmp_path: Path, left_behind: Path, name: str, damage: str) -> None:
    shutil.copytree(left_behind, tmp_path / "copy")
    DAMAGE[damage](tmp_path / "copy/.board" / name)
    holds_everything(tmp_path / "copy")


def test_a_copy_whose_log_is_of_another_moment_goes_by_its_manifests(tmp_path: Path, left_behind: Path) -> None:
    LocalStore(tmp_path / "young").append({"requests/other": b"1"})
    shutil.copytree(left_behind, tmp_path / "copy")
    for file in (tmp_path / "young/.board").glob("log.sqlite3*"):
        shutil.copyfile(file, tmp_path / "copy/.board" / file.name)
    assert list(holds_everything(tmp_path / "copy").order(PATHS[::-1])) == PATHS


@pytest.mark.parametrize("keep", ["nothing", "the log"])
def test_a_copy_without_manifests_is_taken_over_as_it_lies_there(tmp_path: Path, left_behind: Path, keep: str) -> None:
    shutil.copytree(left_behind, tmp_path / "copy")
    (tmp_path / "copy/.board/commits.jsonl").unlink()
    if keep == "nothing":
        shutil.rmtree(tmp_path / "copy/.board")
    (tmp_path / "copy/votes").mkdir()
    (tmp_path / "copy/votes/v").write_bytes(b"vote")
    store = holds_everything(tmp_path / "copy")
    assert store.read("votes/v") == b"vote"
    if keep == "the log":
        assert list(store.order(PATHS[::-1])) == PATHS


EARLIER = (
    "CREATE TABLE commits (seq INTEGER PRIMARY KEY AUTOINCREMENT, dataset TEXT NOT NULL, rev TEXT NOT NULL UNIQUE,"
    " at TEXT NOT NULL, message TEXT NOT NULL)",
    "CREATE TABLE files (dataset TEXT NOT NULL, path TEXT NOT NULL, oid TEXT NOT NULL, size INTEGER NOT NULL,"
    " since INTEGER NOT NULL, until INTEGER, PRIMARY KEY (dataset, path, since)) WITHOUT ROWID",
)


def test_a_folder_of_an_earlier_version_keeps_its_revisions_and_their_order(tmp_path: Path) -> None:
    (tmp_path / ".board").mkdir()
    (tmp_path / "requests").mkdir()
    with sqlite3.connect(tmp_path / ".board/log.sqlite3") as log:
        for statement in EARLIER:
            log.execute(statement)
        for number, name in enumerate("zamb", start=1):
            (tmp_path / "requests" / name).write_bytes(name.encode())
            log.execute("INSERT INTO commits VALUES (?, 'requests', ?, '2025-01-01', '')", (number, f"rev-{number}"))
            row = ("requests", name, blob_id(name.encode()), 1, number)
            log.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?, NULL)", row)
    store = LocalStore(tmp_path)
    assert store.head("requests") == "rev-4"
    assert len(store.list("requests", "rev-2")) == 2
    assert [path[-1] for path in store.order([f"requests/{name}" for name in "abmz"])] == [*"zamb"]
    assert store.read("requests/z") == b"z"
    store.append({"requests/more": b"1"})
    assert LocalStore(tmp_path).list("requests", "rev-3") == store.list("requests", "rev-3")


def test_every_cut_of_the_manifests_leaves_the_commits_before_it(tmp_path: Path, left_behind: Path) -> None:
    """A copy of a file that grows ends anywhere, also in the middle of a line."""
    whole = (left_behind / ".board/commits.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)[:4]
    for size in range(len(lines[0]), sum(map(len, lines)), 37):
        shutil.copytree(left_behind, tmp_path / str(size), ignore=shutil.ignore_patterns("log.sqlite3*"))
        (tmp_path / str(size) / ".board/commits.jsonl").write_bytes(whole[:size])
        store = LocalStore(tmp_path / str(size))
        assert [entry.path for entry in store.list("requests")] == PATHS[: whole[:size].count(b"\n")]
        store.append({"requests/more": b"1"})
        assert LocalStore(tmp_path / str(size)).read("requests/more") == b"1"


def test_what_a_copy_came_too_late_for_does_not_count_in_it_and_is_named(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "board")
    store.append({"requests/a": b"1", "requests/b": b"2"})
    head = store.replace({"contents/table": b"old"}, None)
    shutil.copytree(tmp_path / "board", tmp_path / "copy", ignore=shutil.ignore_patterns("commits.jsonl"))
    store.append({"requests/c": b"3"})
    store.replace({"contents/table": b"new"}, head)
    loose = store.head("requests")
    store.replace({"requests/archive": b"1 2", "requests/a": None, "requests/b": None}, loose)
    shutil.copyfile(tmp_path / "board/.board/commits.jsonl", tmp_path / "copy/.board/commits.jsonl")
    copy = LocalStore(tmp_path / "copy")
    assert [entry.path for entry in copy.list("requests")] == ["requests/a", "requests/b"]
    assert copy.read("contents/table") == b"old"
    assert copy.lost() == ["requests/archive", "requests/c"]
    copy.append({"requests/c": b"of its own"})
    again = LocalStore(tmp_path / "copy")
    assert again.read("requests/c") == b"of its own"
    assert again.lost() == ["requests/archive"]


def test_a_copy_that_came_too_late_for_the_manifest_of_new_bytes_has_the_old_ones(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "board")
    head = store.replace({"contents/table": b"old"}, None)
    shutil.copytree(tmp_path / "board/.board", tmp_path / "copy/.board")
    store.replace({"contents/table": b"new"}, head)
    shutil.copytree(tmp_path / "board/contents", tmp_path / "copy/contents")
    copy = LocalStore(tmp_path / "copy")
    assert copy.read("contents/table") == b"old"
    assert (tmp_path / "copy/contents/table").read_bytes() == b"old"


def test_a_deleted_file_stays_for_copies_that_are_under_way_and_is_gone_for_readers(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    head = store.append({"requests/a/1": b"1", "requests/b": b"2"})
    head = store.replace({"requests/a/1": None}, head)
    assert (tmp_path / "requests/a/1").exists()
    assert [entry.path for entry in store.list("requests")] == ["requests/b"]
    with pytest.raises(NotFoundError):
        store.open("requests/a/1")
    store.KEEP_REPLACED = -1.0
    store.replace({"requests/c": b"3"}, head)
    assert not (tmp_path / "requests/a").exists()


def test_a_file_can_lie_where_a_folder_was_deleted_and_the_other_way_round(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    head = store.append({"requests/a/1": b"1", "requests/b": b"2"})
    store.replace({"requests/a/1": None, "requests/b": None}, head)
    store.append({"requests/a": b"file", "requests/b/1": b"below"})
    assert [store.read(path) for path in ("requests/a", "requests/b/1")] == [b"file", b"below"]


def test_a_log_that_was_damaged_while_the_board_runs_is_made_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.append({path: path.encode() for path in PATHS})
    for file in (tmp_path / ".board").glob("log.sqlite3*"):
        file.unlink()
    assert len(store.list("requests")) == 10
    store.append({"requests/more": b"1"})
    assert len(LocalStore(tmp_path).list("requests")) == 11


def test_manifests_that_were_damaged_while_the_board_runs_are_written_again(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "board")
    store.append({path: path.encode() for path in PATHS})
    for spoil in (Path.unlink, lambda file: file.write_bytes(b""), lambda file: file.write_bytes(b"x" * 99)):
        spoil(tmp_path / "board/.board/commits.jsonl")
        head = store.head("requests")
        assert store.append({"requests/more": b"1"}) == store.head("requests")
        shutil.copytree(tmp_path / "board", tmp_path / "copy")
        assert len(LocalStore(tmp_path / "copy").list("requests")) == 11
        shutil.rmtree(tmp_path / "copy")
        store.replace({"requests/more": None}, store.head("requests"))
        assert store.list("requests", head)


def test_a_commit_that_its_writer_could_not_log_is_there_for_everybody(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.append({"requests/1": b"1"})
    kept = {file: file.read_bytes() for file in (tmp_path / ".board").glob("log.sqlite3*")}
    store.append({"requests/2": b"2"})
    store = None  # type: ignore[assignment]
    for file, data in kept.items():
        file.write_bytes(data)
    assert len(LocalStore(tmp_path).list("requests")) == 2


def test_nothing_is_made_again_while_somebody_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from src.core.errors import BusyError
    from src.core.store.disk import locked

    LocalStore(tmp_path).append({"requests/1": b"1"})
    (tmp_path / ".board/log.sqlite3").unlink()
    monkeypatch.setattr(Ledger, "WAIT", 0.1)
    with locked(tmp_path / ".board/lock", 0) as is_held:
        assert is_held
        with pytest.raises(BusyError, match="another process"):
            LocalStore(tmp_path)
        assert not (tmp_path / ".board/log.sqlite3").exists()
    assert len(LocalStore(tmp_path).list("requests")) == 1


def test_what_was_put_back_by_hand_is_taken_in_and_what_is_gone_is_named(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.append({"requests/1": b"1", "requests/2": b"2", "requests/3": b"3"})
    (tmp_path / "requests/1").unlink()
    (tmp_path / "requests/2").write_bytes(b"other")
    with pytest.raises(CorruptError):
        store.read("requests/2")
    assert store.take_in() == ["requests/2"]
    assert store.lost() == ["requests/1"]
    assert store.read("requests/2") == b"other"
    assert [entry.path for entry in store.list("requests")] == ["requests/2", "requests/3"]
    (tmp_path / "requests/1").write_bytes(b"1")
    assert store.take_in() == ["requests/1"]
    assert store.lost() == []
    assert store.read("requests/1") == b"1"
    with pytest.raises(ConflictError):
        store.append({"requests/1": b"x"})


def test_the_doctors_repair_takes_in_files_without_a_manifest_and_lists_what_a_copy_lacks(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.append({"results/org/a.json": b"{}"})
    store.append({"results/org/gone.json": b"{}"})
    for file in (tmp_path / ".board").glob("log.sqlite3*"):
        file.unlink()
    (tmp_path / "results/org/gone.json").unlink()
    (tmp_path / "results/org/new.json").write_bytes(b"{}")
    steps = {step.path: step for step in repair(LocalStore(tmp_path))}
    assert steps["results/org/new.json"].lost is None
    assert steps["results/org/gone.json"].lost is not None
    assert [entry.path[-6:] for entry in LocalStore(tmp_path).list("results")] == ["a.json", "w.json"]
