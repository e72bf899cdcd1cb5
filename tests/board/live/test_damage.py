"""Every kind of file of a board × every kind of damage × while it runs or before it starts.

Rows that another whole file holds are kept, others' requests are claimed, the file is named, a repair says what is gone
for good, and after it the board is sound.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from src.board.live.history import History
from src.board.live.maintenance import Maintenance
from src.board.live.opening import SAMPLE, SAMPLE_TIME
from src.board.live.snapshot import Board
from src.core.doctor import examine
from src.core.queue import Queue
from src.core.recovery import Recovery
from src.core.repair import repair
from src.core.store import LocalStore
from src.core.store.inspection import Inspection
from tests.core.damage import DAMAGES, empty

KINDS = {
    "the only request that waits": "requests/queue/eb/*/request.*.json",
    "a request that runs": "requests/queue/*/*/request.*.json",
    "a claim": "requests/queue/*/*/claim.*.json",
    "an accepted end": "requests/queue/*/*/done.*.json",
    "a failure": "requests/queue/*/*/fail.*.json",
    "a request of an old board": "requests/*/*_eval_request_*.json",
    "an archive": "requests/archive/*.jsonl",
    "the votes": "votes/votes_data.jsonl",
    "a result": "results/*/*/results_*.json",
    "a published table": "contents/data/*.parquet",
    "the table of another suite": "contents/open-llm-v1/*.parquet",
    "a dated table": "history/*/*.parquet",
    "answers": "*-details/*/*.parquet",
    "reports of contamination": "contamination/*.jsonl",
}
Rows = set[tuple[str, str, str]]


class Sample(NamedTuple):
    """The sample as a store, what its tables hold, and what its other files hold of them."""

    folder: Path
    rows: dict[str, Rows]
    elsewhere: dict[str, Rows]
    files: set[str]  # that count; what was archived lies there for another day, and nobody misses it


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("sample") / "board"
    shutil.copytree(SAMPLE, folder)
    store = opened(folder)
    assert Queue(store).tidy(older_than=timedelta(days=150), most=2)
    board = Board(store, local=True)
    board.open()
    recovered = {suite: Recovery(store).frame(suite)[0] for suite in board.suites}
    elsewhere = {suite: set() if frame is None else keys(frame) for suite, frame in recovered.items()}
    files = {entry.path for dataset in store.datasets() for entry in store.list(dataset)}
    return Sample(folder, rows_of(board), elsewhere, files)


def opened(folder: Path) -> LocalStore:
    return LocalStore(folder, clock=lambda: SAMPLE_TIME)


def board_of(folder: Path) -> Board:
    store = opened(folder)
    return Board(
        store, local=True, maintenance=Maintenance(store), keep_day=History(store).keep, inspect=Inspection(store)
    )


def keys(frame) -> Rows:  # type: ignore[no-untyped-def]
    return {tuple(map(str, row)) for row in frame[["model", "precision", "revision"]].to_numpy()}  # type: ignore[misc]


def rows_of(board: Board) -> dict[str, Rows]:
    return {suite: keys(board.snapshot(suite).frame) for suite in board.suites}


def pick(sample: Sample, folder: Path, kind: str) -> tuple[Path, str]:
    paths = (file.relative_to(folder).as_posix() for file in sorted(folder.glob(KINDS[kind])))
    path = next(path for path in paths if path in sample.files)
    return folder / path, path


def claims_go_on(folder: Path, path: str) -> None:
    """Every request but the damaged one is claimed."""
    queue = Queue(opened(folder))
    waiting = {entry.key for entry in queue.snapshot().waiting}
    if "waits" not in path:
        assert waiting
    claims = queue.claim_many("box", 10)
    assert {claim.key for claim in claims} == waiting


@pytest.mark.slow
@pytest.mark.parametrize("when", ["while running", "at start"])
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_costs_itself_and_nothing_else(
    sample: Sample, tmp_path: Path, kind: str, damage: Callable[[Path], None], when: str
) -> None:
    costs_itself(sample, tmp_path, kind, damage, when)


@pytest.mark.parametrize("kind", ["the only request that waits", "the votes", "a published table"])
def test_an_empty_file_costs_itself_and_nothing_else(sample: Sample, tmp_path: Path, kind: str) -> None:
    costs_itself(sample, tmp_path, kind, empty, "at start")


def costs_itself(sample: Sample, tmp_path: Path, kind: str, damage: Callable[[Path], None], when: str) -> None:
    """A damaged file is put back from another copy, or named; everything that does not need it goes on."""
    folder = tmp_path / "board"
    shutil.copytree(sample.folder, folder)
    file, path = pick(sample, folder, kind)
    board = board_of(folder)
    if when == "while running":
        board.open()
    whole = file.read_bytes()
    damage(file)
    board.sync() if when == "while running" else board.open()
    board.inspect()
    if file.exists() and file.read_bytes() == whole:  # the folder had a second name for it, and put it back
        assert board.state.problem is None
        assert all(rows <= rows_of(board).get(suite, set()) for suite, rows in sample.rows.items())
        return claims_go_on(folder, path)
    assert any(path in sentence for sentence in board.state.damage), board.state.damage
    assert board.state.problem is None
    kept = expected_rows(sample, kind, when)
    for suite, rows in kept.items():
        assert rows <= rows_of(board).get(suite, set())
    doctor = " ".join(finding.detail for finding in examine(opened(folder), writes=False))
    assert path in doctor
    claims_go_on(folder, path)

    is_back = file.exists() and file.read_bytes() == whole  # since somebody read it meanwhile
    steps = {step.path: step for step in repair(opened(folder))}
    assert is_back or steps[path].lost or steps[path].done.startswith("put back")  # another file held the same bytes
    after = board_of(folder)
    after.open()
    after.inspect()
    assert after.state.damage == ()
    assert [finding.detail for finding in examine(opened(folder)) if not finding.fit and finding.name != "clock"] == []
    for suite, rows in expected_rows(sample, kind, "at start").items():
        assert rows <= rows_of(after).get(suite, set())


def expected_rows(sample: Sample, kind: str, when: str) -> dict[str, Rows]:
    """All rows; of a table that was damaged before the start, those that other files hold."""
    rows = dict(sample.rows)
    if when == "at start":
        for suite, folder in (("open-llm-v2", "contents/data/"), ("open-llm-v1", "contents/open-llm-v1/")):
            if KINDS[kind].startswith(folder):
                rows[suite] = sample.elsewhere[suite]
    return rows


def test_the_sample_s_other_files_hold_most_of_its_table(sample: Sample) -> None:
    """Else the tests above would say nothing."""
    assert len(sample.elsewhere["open-llm-v2"]) > 0.8 * len(sample.rows["open-llm-v2"])
