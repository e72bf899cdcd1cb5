"""What a child leaves in its run folder is opened and parsed as a stranger's, and nothing behind a link is read."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluator.cluster.split_run import checkpoints, take
from evaluator.job import CHECKPOINTS, LOG, MODEL, RESULTS, WORK, checkpoint_name, samples_name
from evaluator.run import publish
from evaluator.run.events import parse, read_events
from evaluator.run.run_log import RunLog
from evaluator.run_files import BadRunError, is_file, read, read_json, read_lines, remove, write
from src.core.store import LocalStore
from tests.evaluator.cluster.test_split_run import part
from tests.evaluator.conftest import WholeRun

CANARY = "CANARY-77"
TASK = "leaderboard_musr_team_allocation"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file beside the run folder."""
    path = tmp_path / "secret" / "results.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"canary": CANARY}) + "\n")
    return path


def _replaced(run: Path, name: str) -> Path:
    path = run / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    return path


def _folder_as_link(run: Path, name: str, secret: Path) -> None:
    path = _replaced(run, name)
    shutil.rmtree(path.parent)
    secret.rename(secret.with_name(path.name))
    path.parent.symlink_to(secret.parent)


def _socket(run: Path, name: str, secret: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(_replaced(run, name).parent, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{here}/{Path(name).name}")
        os.close(here)


TRAPS: dict[str, Callable[[Path, str, Path], object]] = {
    "a link": lambda run, name, secret: _replaced(run, name).symlink_to(secret),
    "a link to a link": lambda run, name, secret: (
        (run / WORK / "l").symlink_to(secret),
        _replaced(run, name).symlink_to(run / WORK / "l"),
    ),
    "a hard link": lambda run, name, secret: os.link(secret, _replaced(run, name)),
    "a folder that is a link": _folder_as_link,
    "a pipe": lambda run, name, secret: os.mkfifo(_replaced(run, name)),
    "a socket": _socket,
    "a folder": lambda run, name, secret: _replaced(run, name).mkdir(),
    "nothing": lambda run, name, secret: _replaced(run, name),
    "a terabyte of nothing": lambda run, name, secret: os.truncate(_touched(_replaced(run, name)), 2**40),
    "no text": lambda run, name, secret: _replaced(run, name).write_bytes(b"\xff\xfe\0"),
    "no JSON": lambda run, name, secret: _replaced(run, name).write_text("{"),
    "a well": lambda run, name, secret: _replaced(run, name).write_text("[" * 200_000),
    "a number of a million digits": lambda run, name, secret: _replaced(run, name).write_text("9" * 1_000_000),
    "a list": lambda run, name, secret: _replaced(run, name).write_text("[]"),
    "an empty table": lambda run, name, secret: _replaced(run, name).write_text("{}"),
}


def _touched(path: Path) -> Path:
    path.touch()
    return path


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize("name", [RESULTS, samples_name(TASK)], ids=["results", "samples"])
def test_a_trap_in_a_run_folder_is_not_published(
    whole_run: WholeRun, tmp_path: Path, secret: Path, trap: str, name: str
) -> None:
    run = shutil.copytree(whole_run.run, tmp_path / "run")
    TRAPS[trap](run, name, secret)
    store = LocalStore(tmp_path / "board")
    with pytest.raises(BadRunError) as refusal:
        publish.publish(store, run, whole_run.suite, {}, {})
    assert CANARY not in str(refusal.value)
    assert not [path for path in (tmp_path / "board").iterdir() if path.name != ".board"]


@pytest.mark.parametrize("trap", [trap for trap in TRAPS if trap not in ("no text", "no JSON", "a well", "a list",
                                                                        "a number of a million digits",
                                                                        "an empty table")])  # fmt: skip
@pytest.mark.parametrize("name", [MODEL, samples_name(TASK), checkpoint_name(TASK)], ids=["model", "samples", "task"])
def test_a_trap_in_a_part_is_not_sent_to_the_head(
    whole_run: WholeRun, tmp_path: Path, secret: Path, trap: str, name: str
) -> None:
    run = shutil.copytree(whole_run.run, tmp_path / "run")
    TRAPS[trap](run, name, secret)
    with pytest.raises(BadRunError):
        checkpoints(run)


@pytest.mark.parametrize("trap", ["a link", "a hard link", "a folder that is a link", "a pipe", "a socket", "a folder"])
def test_a_trap_for_the_log_is_not_read(tmp_path: Path, secret: Path, trap: str) -> None:
    """Return the child cannot place one behind the fence; without it, it can."""
    run = tmp_path / "run"
    (run / WORK).mkdir(parents=True)
    if trap != "a folder that is a link":
        TRAPS[trap](run, LOG, secret)
    log = RunLog(run)
    assert (log.text(), log.tail()) == ("", "")


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}", b'{"config": 7, "load_seconds": "x"}', b"[" * 200_000])
def test_an_invalid_part_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / CHECKPOINTS).mkdir(parents=True)
    take(tmp_path, part("a"))
    spoilt = part("b")
    spoilt.files[MODEL] = content
    with pytest.raises(BadRunError):
        take(tmp_path, spoilt)


def test_what_the_head_writes_goes_through_no_link(tmp_path: Path, secret: Path) -> None:
    (tmp_path / CHECKPOINTS).mkdir(parents=True)
    before = secret.read_text()
    for name in (MODEL, f"{MODEL}.part", checkpoint_name("a")):
        (tmp_path / name).symlink_to(secret)
    take(tmp_path, part("a"))
    assert secret.read_text() == before
    assert is_file(tmp_path, MODEL)
    remove(tmp_path / CHECKPOINTS)
    (tmp_path / CHECKPOINTS).symlink_to(secret.parent)
    with pytest.raises(BadRunError):
        write(tmp_path, checkpoint_name("b"), b"{}")
    assert os.listdir(secret.parent) == [secret.name]


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "", "work/../../x"])
def test_a_name_that_leaves_the_run_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadRunError):
        read(tmp_path, name)


def test_sizes_have_limits(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert read_json(tmp_path, "a.json", most=8) == {"a": 1}
    with pytest.raises(BadRunError, match="8 bytes, 7 are allowed"):
        read_json(tmp_path, "a.json", most=7)
    assert list(read_lines(tmp_path, "a.json")) == [{"a": 1}]


def test_removing_follows_no_link_and_works_at_any_depth(tmp_path: Path, secret: Path) -> None:
    deep = tmp_path / "deep"
    deep.mkdir()
    (deep / "link").symlink_to(secret.parent)
    here = os.open(deep, os.O_RDONLY)
    for _ in range(3000):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    remove(deep)
    assert not deep.exists()
    assert secret.exists()


EVENTS: dict[str, Any] = {
    "loading": {},
    "unit": {"tasks": ["a"], "benchmark": "ifeval", "log": 3},
    "requests": {"counts": {"a": 3}},
    "answers": {"counts": {}},
    "checkpoint": {"tasks": ["a", "b"]},
    "done": {},
    "failed": {"code": "harness", "message": "x", "traceback": None},
}


@pytest.mark.parametrize("kind", EVENTS)
def test_an_event_of_the_child_comes_through_with_its_own_fields_alone(kind: str) -> None:
    line = json.dumps({"event": kind, "model": "another/model", "more": 1} | EVENTS[kind]).encode()
    assert parse(line) == {"event": kind} | EVENTS[kind]


@pytest.mark.parametrize(
    "event",
    [
        {"event": "finished", "result": "results/x.json"},
        {"event": "idle"},
        {"event": "claimed", "model": "x"},
        {"event": ["unit"]},
        {"event": {}},
        {"event": "checkpoint"},
        {"event": "checkpoint", "tasks": "abc"},
        {"event": "checkpoint", "tasks": ["\x1b[2J"]},
        {"event": "checkpoint", "tasks": [["a"]]},
        {"event": "unit", "tasks": [], "benchmark": ["gpqa"], "log": 0},
        {"event": "unit", "tasks": [], "benchmark": "gpqa", "log": -1},
        {"event": "unit", "tasks": [], "benchmark": "gpqa", "log": 1.5},
        {"event": "answers", "counts": {"a": "9"}},
        {"event": "answers", "counts": {"a": 1e400}},
        {"event": "answers", "counts": {"a": -1}},
        {"event": "answers", "counts": [1]},
        {"event": "failed", "code": 7, "message": "x"},
        [],
        7,
    ],
)
def test_invalid_events_of_the_child_are_dropped(event: Any) -> None:
    assert parse(json.dumps(event).encode()) is None


def test_overlong_and_invalid_lines_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "events"
    done = b'{"event": "done"}\n'
    path.write_bytes(b"x" * 3_000_000 + b"\n" + b"[" * 100_000 + b"\n\xff\n" + done)
    with path.open("rb") as file:
        assert list(read_events(file)) == [{"event": "done"}]


def test_a_token_that_is_cut_in_two_at_the_end_that_is_shown_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / LOG).touch()
    log = RunLog(tmp_path)
    (tmp_path / LOG).write_text("hf_" + "S" * 300 + "\n" + "x" * 99_900 + "\nend")
    assert "S" not in log.text(100_000)
    assert log.text(100_000).endswith("\nend")
