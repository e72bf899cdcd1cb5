"""The response store: what was saved is read, by the same model and settings alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evaluator.engine.responses import Responses, count_by_task, request_key


def test_answers_come_back_exactly(tmp_path: Path) -> None:
    store = Responses(tmp_path / "r.sqlite", "sha", {"dtype": "float32"})
    answers = [(-0.1 - 2**-40, True), (float("-inf"), False), "a text\nwith “signs”"]
    store.save([("task", request_key("k", [i]), answer) for i, answer in enumerate(answers)])
    found = store.read("task")
    assert [found[request_key("k", [i])] for i in range(3)] == [
        [-0.1 - 2**-40, True],
        [float("-inf"), False],
        answers[2],
    ]


def test_models_settings_and_tasks_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    Responses(path, "sha", {"dtype": "float32"}).save([("task", b"k", 1)])
    assert Responses(path, "sha", {"dtype": "float32"}).read("task") == {b"k": 1}
    assert Responses(path, "sha", {"dtype": "float32"}).read("other") == {}
    assert Responses(path, "sha", {"dtype": "bfloat16"}).read("task") == {}
    assert Responses(path, "other", {"dtype": "float32"}).read("task") == {}


def test_the_first_answer_stays(tmp_path: Path) -> None:
    store = Responses(tmp_path / "r.sqlite", "sha", {})
    store.save([("task", b"k", 1)])
    store.save([("task", b"k", 2), ("task", b"l", 3)])
    assert store.read("task") == {b"k": 1, b"l": 3}


def test_progress_of_an_absent_store_is_none(tmp_path: Path) -> None:
    assert count_by_task(tmp_path / "nothing.sqlite") == {}
    (tmp_path / "begun.sqlite").touch()
    assert count_by_task(tmp_path / "begun.sqlite") == {}


def test_keys_distinguish_kinds_and_arguments() -> None:
    keys = {request_key("a", ["b", "c"]), request_key("a", ["bc"]), request_key("b", ["b", "c"]), request_key("a", [])}
    assert len(keys) == 4
    assert request_key("g", ["x", {"a": 1, "b": 2}]) == request_key("g", ["x", {"b": 2, "a": 1}])


WRITER = """
import os, sys
from evaluator.engine.responses import Responses
store = Responses(sys.argv[1], "sha", {})
for i in range(10**6):
    store.save([("task", i.to_bytes(4, "big"), i)])
    os.write(1, b"%d\\n" % i)
"""


@pytest.mark.parametrize("after", [1, 50, 400])
def test_what_was_saved_before_a_kill_is_there(tmp_path: Path, after: int) -> None:
    path = tmp_path / "r.sqlite"
    child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    reported = [int(child.stdout.readline()) for _ in range(after)]
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    found = Responses(path, "sha", {}).read("task")
    assert {value: found[value.to_bytes(4, "big")] for value in reported} == {value: value for value in reported}
