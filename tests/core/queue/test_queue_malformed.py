"""Any file in a queue's folders: readers get a notice, nothing breaks, and what is whole counts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from src.core.lifecycle import Status
from src.core.queue import Queue
from src.core.store import LocalStore
from tests.boards.requests import ask
from tests.core.garbage import broken, files_of, use
from tests.core.queue.test_queue_moving import live
from tests.doubles.clock import Clock


@pytest.mark.parametrize("seed", range(4))
def test_no_broken_file_breaks_a_queue(tmp_path: Path, seed: int) -> None:
    clock = live(tmp_path / "board", seed, acts=60)
    clock.tick(100 * 3600)
    queue = Queue(LocalStore(tmp_path / "board", clock=clock.moment))
    queue.vote("org/m1", "a" * 40, "bob")
    if seed % 2:
        assert queue.tidy()
    files, rng, wrong = files_of(tmp_path / "board"), random.Random(seed), 0
    for number in range(12):
        wrong += broken(files, tmp_path / str(number), rng)
        use(tmp_path / str(number), clock)
    assert wrong > 100


def test_a_line_of_an_archive_that_nobody_can_read_is_told_and_the_others_count(tmp_path: Path) -> None:
    clock = Clock()
    queue = Queue(LocalStore(tmp_path / "board", clock=clock.moment))
    keys = [queue.submit(ask(f"org/m{number}")).key for number in range(3)]
    for claim in queue.claim_many("box", 3):
        queue.finish(claim, [f"results/{claim.key}"])
    clock.tick(100 * 3600)
    assert queue.tidy() == 3
    files = files_of(tmp_path / "board")
    (archive,) = (path for path in files if "/archive/" in path)
    lines = files[archive].splitlines(keepends=True)
    (tmp_path / "copy" / archive).parent.mkdir(parents=True)
    (tmp_path / "copy" / archive).write_bytes(lines[0] + lines[1][:50] + b"\n" + lines[2].replace(b"org/m", b"org/n"))
    copy = Queue(LocalStore(tmp_path / "copy", clock=clock.moment))
    state = copy.snapshot()
    (whole,) = state.finished
    assert whole.key in keys
    assert copy.results(whole.key) == (f"results/{whole.key}",)
    assert len(state.problems) == 1
    assert "another request's" in state.problems[0]
    assert whole.status is Status.FINISHED
