"""A board keeps in step with its store, cheaply, and never shows half of anything."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from src.board.live.freshness import freshness
from src.board.live.opening import open_board, open_sample
from src.board.live.snapshot import Board
from src.core.errors import NotFoundError, ThrottledError, UnknownOutcomeError
from src.core.store import Entry, LocalStore, Rev
from src.settings import Settings
from tests.doubles.clock import Clock
from tests.e2e.boards import V2, published, small_store, v1_table, v2_table

TABLE = "contents/data/train-00000-of-00001.parquet"
OTHER = "contents/open-llm-v1/train-00000-of-00001.parquet"


class Remote(LocalStore):
    """A store that counts its calls, and can be made to fail or to hang."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.name = "hub:somebody"
        self.calls: Counter[str] = Counter()
        self.trouble: Callable[[], None] = lambda: None

    def head(self, dataset: str) -> Rev:
        self._asked("head")
        return super().head(dataset)

    def list(self, prefix: str, rev: Rev | None = None) -> Sequence[Entry]:
        self._asked("list")
        return super().list(prefix, rev)

    def read(self, path: str, rev: Rev | None = None) -> bytes:
        self._asked("read")
        return super().read(path, rev)

    def _asked(self, what: str) -> None:
        self.calls[what] += 1
        self.trouble()

    def taken(self) -> dict[str, int]:
        """The calls since this was last asked."""
        calls, self.calls = self.calls, Counter()
        return dict(calls)


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(small_store(tmp_path / "store"))


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2025, 3, 13, 12, tzinfo=UTC))


@pytest.fixture
def board(remote: Remote, tmp_path: Path, clock: Clock) -> Board:
    return Board(remote, tmp_path / "cache", clock.moment)


def publish(remote: Remote, rows: int, path: str = TABLE) -> None:
    table = published(v2_table(V2[:rows]), "open-llm-v2")
    remote.replace({path: table}, LocalStore(remote.root).head("contents"))


def go_wrong(error: Exception) -> Callable[[], None]:
    def trouble() -> None:
        raise error

    return trouble


def test_a_sync_shows_every_suite_of_the_store(board: Board) -> None:
    board.sync()
    assert board.suites == ("open-llm-v2", "open-llm-v1")
    assert len(board.snapshot().frame) == len(V2)
    assert board.snapshot("open-llm-v1").frame["model"].tolist() == ["acme/anvil-7b-v1"]
    assert {each.source for each in board.state.snapshots.values()} == {"live"}


def test_a_sync_of_an_unchanged_store_costs_two_calls(board: Board, remote: Remote, clock: Clock) -> None:
    board.sync()
    before = board.snapshot().frame
    remote.taken()
    clock.tick(minutes=5)
    board.sync()
    assert remote.taken() == {"head": 2}
    assert board.snapshot().frame is before
    assert board.snapshot().as_of == clock.moment()


def test_only_the_table_that_changed_is_fetched(board: Board, remote: Remote) -> None:
    board.sync()
    old, other = board.snapshot(), board.snapshot("open-llm-v1")
    remote.taken()
    publish(remote, rows=3)
    board.sync()
    assert remote.taken() == {"head": 3, "list": 1, "read": 1}
    assert len(board.snapshot().frame) == 3
    assert board.snapshot().revision != old.revision
    assert board.snapshot("open-llm-v1").frame is other.frame
    assert board.snapshot("open-llm-v1").revision == other.revision


def test_a_suite_that_was_taken_away_is_gone(board: Board, remote: Remote) -> None:
    board.sync()
    remote.replace({OTHER: None}, LocalStore(remote.root).head("contents"))
    board.sync()
    assert board.suites == ("open-llm-v2",)
    with pytest.raises(NotFoundError, match="has no suite 'open-llm-v1'; it has open-llm-v2"):
        board.snapshot("open-llm-v1")


@pytest.mark.parametrize(
    "error",
    [UnknownOutcomeError("The Hub took too long to answer."), OSError("no route"), MemoryError()],
    ids=lambda e: type(e).__name__,
)
def test_a_failed_sync_keeps_the_old_rows_and_says_why(
    board: Board, remote: Remote, clock: Clock, error: Exception
) -> None:
    board.sync()
    then, before = clock.moment(), board.snapshot()
    publish(remote, rows=3)
    clock.tick(hours=3)
    remote.trouble = go_wrong(error)
    board.sync()
    after = board.snapshot()
    assert after.frame is before.frame
    assert after.as_of == then
    assert after.problem
    fresh = freshness(board, clock.moment())
    assert fresh.tone == "stale"
    assert "3 h old" in (fresh.notice or "")
    assert after.problem.rstrip(".") in (fresh.notice or "")

    remote.trouble = lambda: None
    board.sync()
    assert len(board.snapshot().frame) == 3
    assert board.snapshot().problem is None
    assert freshness(board, clock.moment()).notice is None


@pytest.mark.parametrize("at", ["list", "read"])
def test_a_sync_that_breaks_half_way_leaves_the_old_board_whole(board: Board, remote: Remote, at: str) -> None:
    board.sync()
    before = board.snapshot()
    publish(remote, rows=3)
    remote.taken()

    def trouble() -> None:
        if remote.calls[at]:
            raise UnknownOutcomeError("cut off")

    remote.trouble = trouble
    board.sync()
    assert board.snapshot().frame is before.frame
    assert board.snapshot().problem == "cut off"


def test_a_table_that_cannot_be_read_keeps_the_old_rows_and_is_named(board: Board, remote: Remote) -> None:
    board.sync()
    whole = LocalStore(remote.root).read(TABLE)
    remote.replace({TABLE: whole[: len(whole) // 2]}, LocalStore(remote.root).head("contents"))
    board.sync()
    assert len(board.snapshot().frame) == len(V2)
    assert any(TABLE in sentence for sentence in board.state.damage)


def test_a_store_that_asks_for_patience_gets_it(board: Board, remote: Remote, clock: Clock) -> None:
    board.sync()
    remote.trouble = go_wrong(ThrottledError("Too many calls; try in 5 min.", retry_after=300))
    clock.tick(minutes=1)
    board.sync()
    remote.trouble = lambda: None
    remote.taken()
    clock.tick(minutes=4)
    board.sync()
    assert remote.taken() == {}
    clock.tick(minutes=2)
    board.sync()
    assert remote.taken() == {"head": 2}
    assert board.snapshot().problem is None


def test_the_next_start_shows_the_last_copy_without_asking_anybody(
    board: Board, remote: Remote, tmp_path: Path, clock: Clock
) -> None:
    board.sync()
    remote.taken()
    again = Board(remote, tmp_path / "cache", clock.moment, sample=LocalStore(tmp_path / "empty"))
    again.open()
    assert remote.taken() == {}
    assert again.state.source == "copy"
    assert again.state.as_of == clock.moment()
    assert again.snapshot().frame.equals(board.snapshot().frame)
    again.sync()
    assert remote.taken() == {"head": 2}  # the copy is what the store has: nothing to fetch
    assert again.state.source == "live"


def test_a_start_after_a_change_fetches_only_what_the_copy_lacks(
    board: Board, remote: Remote, tmp_path: Path, clock: Clock
) -> None:
    board.sync()
    publish(remote, rows=3)
    again = Board(remote, tmp_path / "cache", clock.moment)
    again.open()
    remote.taken()
    again.sync()
    assert remote.taken()["read"] == 1
    assert len(again.snapshot().frame) == 3


@pytest.mark.parametrize("damage", ["cut", "other bytes", "gone", "garbled manifest"])
def test_a_damaged_copy_gives_way_to_the_sample(
    board: Board, remote: Remote, tmp_path: Path, clock: Clock, damage: str
) -> None:
    board.sync()
    blobs = sorted((tmp_path / "cache").rglob("blobs/*"))
    if damage == "cut":
        blobs[0].write_bytes(blobs[0].read_bytes()[:100])
    elif damage == "other bytes":
        for blob in blobs:
            blob.write_bytes(bytes(blob.stat().st_size))
    elif damage == "gone":
        blobs[0].unlink()
    else:
        next((tmp_path / "cache").rglob("manifest.json")).write_text("{")
    sample = LocalStore(tmp_path / "sample")
    sample.append({TABLE: published(v2_table(V2[:2]), "open-llm-v2")})
    again = Board(remote, tmp_path / "cache", clock.moment, sample=sample)
    again.open()
    assert again.state.source == "sample"
    assert len(again.snapshot().frame) == 2
    again.sync()
    assert again.state.source == "live"
    assert len(again.snapshot().frame) == len(V2)


def test_the_sample_is_copied_without_the_log_of_whoever_opened_the_original(tmp_path: Path, monkeypatch) -> None:
    original = tmp_path / "sample"
    LocalStore(original).append({TABLE: published(v2_table(V2[:2]), "open-llm-v2")})
    (original / "votes").mkdir()
    (original / "votes" / "later.jsonl").write_bytes(b"not in the log")
    monkeypatch.setattr("src.board.live.opening.SAMPLE", original)
    copy = open_sample(tmp_path / "cache")
    assert copy is not None
    assert copy.read("votes/later.jsonl") == b"not in the log"


def test_a_start_never_waits_for_the_network(remote: Remote, tmp_path: Path) -> None:
    sample = LocalStore(tmp_path / "sample")
    sample.append({TABLE: published(v2_table(V2[:2]), "open-llm-v2")})
    release = threading.Event()

    def hang() -> None:
        release.wait(600)

    remote.trouble = hang
    board = Board(remote, tmp_path / "cache", sample=sample)
    board.start()
    try:
        assert board.state.source == "sample"
        assert "made up" in (freshness(board, datetime.now(UTC)).notice or "")
        release.set()
        wait_until(lambda: board.state.source == "live")
        assert len(board.snapshot().frame) == len(V2)
    finally:
        release.set()
        board.stop()


def test_the_scheduler_notices_a_change_by_itself(remote: Remote, tmp_path: Path) -> None:
    board = Board(remote, tmp_path / "cache", poll=0.2)
    board.start()
    try:
        wait_until(lambda: board.state.source == "live")
        publish(remote, rows=4)
        wait_until(lambda: len(board.snapshot().frame) == 4)
    finally:
        board.stop()


def test_a_folder_that_somebody_writes_to_is_noticed_too(tmp_path: Path) -> None:
    store = LocalStore(small_store(tmp_path / "store"))
    board = Board(store, local=True, poll=0.2)
    board.start()
    try:
        assert board.state.source == "local"
        store.replace({TABLE: published(v2_table(V2[:3]), "open-llm-v2")}, store.head("contents"))
        wait_until(lambda: len(board.snapshot().frame) == 3)
    finally:
        board.stop()


def test_who_listens_is_told_of_the_rows_of_now_and_only_of_others_that_follow(tmp_path: Path) -> None:
    store = LocalStore(small_store(tmp_path / "store"))
    board = Board(store, local=True, poll=0.05)
    reported: list[tuple[str, int]] = []
    board.on_rows(lambda snapshot: reported.append((snapshot.suite.name, len(snapshot.frame))))
    board.start()
    try:
        wait_until(lambda: len(reported) == 2)
        store.replace({TABLE: published(v2_table(V2[:3]), "open-llm-v2")}, store.head("contents"))
        wait_until(lambda: len(reported) == 3)
        assert reported[2] == ("open-llm-v2", 3)
        late: list[str] = []
        board.on_rows(lambda snapshot: late.append(snapshot.suite.name))
        wait_until(lambda: len(late) == 2)
    finally:
        board.stop()


def test_what_readers_share_is_made_before_they_see_new_rows(tmp_path: Path) -> None:
    store = LocalStore(small_store(tmp_path / "store"))
    board = Board(store, local=True, poll=0.05)
    board.start()
    made: list[tuple[int, int]] = []
    board.on_rows(lambda snapshot: made.append((len(snapshot.frame), len(board.snapshot(snapshot.suite.name).frame))))
    board.on_rows(lambda snapshot: 1 / 0)
    try:
        wait_until(lambda: len(made) == 2)
        shown = len(board.snapshot("open-llm-v2").frame)
        store.replace({TABLE: published(v2_table(V2[:3]), "open-llm-v2")}, store.head("contents"))
        wait_until(lambda: len(board.snapshot("open-llm-v2").frame) == 3)
        assert made[2] == (3, shown)
        assert shown != 3
    finally:
        board.stop()


def test_a_reader_never_sees_two_revisions_at_once(tmp_path: Path) -> None:
    """Both suites are swapped together: of each state, both have one row or both have two."""
    store = LocalStore(tmp_path / "store")
    two = v1_table()
    boards = [
        {TABLE: published(v2_table(V2[: n + 1]), "open-llm-v2"), OTHER: published(table, "open-llm-v1")}
        for n, table in enumerate((two, two.loc[[0, 0]].assign(fullname=["a/a", "b/b"])))
    ]
    store.append(boards[0])
    board = Board(store, local=True)
    board.open()
    seen, stop = set(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            state = board.state
            seen.add(tuple(len(each.frame) for each in state.snapshots.values()))
            time.sleep(0.0005)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for turn in range(1, 9):
        store.replace(dict(boards[turn % 2]), store.head("contents"))
        board.sync()
    stop.set()
    for reader in readers:
        reader.join()
    assert seen <= {(1, 1), (2, 2)}


def test_a_store_of_results_alone_is_a_board_and_only_new_files_are_read(tmp_path: Path, shared) -> None:  # type: ignore[no-untyped-def]
    excerpts = shared("data/results/leaderboard_v2_excerpts")
    files = {
        f"results/{path.parent.name.replace('__', '/')}/{path.name}": path.read_bytes()
        for path in sorted(excerpts.glob("*/*.json"))
    }
    first, *rest = files
    remote = Remote(tmp_path / "store")
    remote.append({name: files[name] for name in rest})
    board = Board(remote, tmp_path / "cache")
    board.sync()
    assert len(board.snapshot().frame) == len(rest)
    remote.append({first: files[first]})
    remote.taken()
    board.sync()
    assert remote.taken()["read"] == 1
    assert len(board.snapshot().frame) == len(files)


def test_a_table_published_beside_results_takes_their_place(tmp_path: Path, shared) -> None:  # type: ignore[no-untyped-def]
    result = next(shared("data/results/leaderboard_v2_excerpts").glob("*pythia-12b/*.json"))
    store = Remote(tmp_path / "store")
    store.append({f"results/EleutherAI/pythia-12b/{result.name}": result.read_bytes()})
    board = Board(store, tmp_path / "cache")
    board.sync()
    assert len(board.snapshot().frame) == 1
    store.append({TABLE: published(v2_table(), "open-llm-v2")})
    board.sync()
    assert len(board.snapshot().frame) == len(V2)
    store.taken()
    board.sync()
    assert store.taken() == {"head": 2}


def test_a_result_that_cannot_be_read_is_left_out_and_named(tmp_path: Path, shared) -> None:  # type: ignore[no-untyped-def]
    good = next(shared("data/results/leaderboard_v2_excerpts").glob("*pythia-12b/*.json")).read_bytes()
    store = LocalStore(tmp_path / "store")
    store.append(
        {
            "results/EleutherAI/pythia-12b/results_2024-06-17T17-37-25.144953.json": good,
            "results/some/body/results_2024-06-17T17-37-25.144953.json": good[:1000],
        }
    )
    board = Board(store, local=True)
    board.open()
    assert board.snapshot().frame["model"].tolist() == ["EleutherAI/pythia-12b"]
    assert any("results/some/body" in note for note in board.snapshot().frame.attrs["notes"])


def test_an_empty_folder_says_how_to_fill_it(tmp_path: Path) -> None:
    board = Board(LocalStore(tmp_path), local=True)
    board.open()
    assert board.snapshot().frame.empty
    assert "python app.py import FILE --store" in (board.state.problem or "")


def test_a_folder_that_does_not_exist_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"There is no folder .*nothing-here"):
        open_board(Settings(store=str(tmp_path / "nothing-here")))
    assert list(tmp_path.iterdir()) == []


def wait_until(holds: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)
