"""A disk that refuses what a run writes, at whatever step: what was whole stays whole, and later it is written."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evaluator.child.checkpoints import write_json, write_lines
from evaluator.run import publish
from tests.core.failing import CODES, Disk


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def refusals(disk: Disk, code: int, act: Callable[[], object]) -> Iterator[int]:
    """Refuse each step of an act, which raises; yield the step's number after each refusal."""
    for number in range(1, 20):
        with disk.failing(number, code, lasting=True) as steps:
            try:
                act()
            except OSError as error:
                refusal = error
            else:
                assert len(steps) < number
                return
        assert refusal.errno == code
        yield number
    raise AssertionError("it never ended")


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_a_checkpoint_is_the_old_one_or_the_new_one(tmp_path: Path, disk: Disk, code: int) -> None:
    file = tmp_path / "checkpoint.json"
    write_json(file, {"done": 1})
    seen: list[int] = []
    for number in refusals(disk, code, lambda: write_json(file, {"done": 2})):
        seen.append(number)
        assert json.loads(file.read_text()) == {"done": 1}
    assert json.loads(file.read_text()) == {"done": 2}
    lines = tmp_path / "samples.jsonl"
    for number in refusals(disk, code, lambda: write_lines(lines, [{"a": 1}, {"a": 2}])):
        seen.append(number)
        assert not lines.exists()
    assert len(seen) >= 6
    assert [json.loads(line) for line in lines.read_text().splitlines()] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_the_stamp_of_a_publication_that_was_refused_is_written_later(tmp_path: Path, disk: Disk, code: int) -> None:
    seen = sum(1 for _ in refusals(disk, code, lambda: publish._stamp(tmp_path, "nonce")))
    assert seen >= 2
    assert publish._stamp(tmp_path, "nonce") == publish._stamp(tmp_path, "nonce")
