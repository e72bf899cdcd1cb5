"""Parent and child are killed in the middle: nothing is lost, and only what was on its way is paid for again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import pytest

from evaluator.fence.view import REPOSITORY
from evaluator.served.answers import AnswerStore
from tests.doubles.model_server import ModelServer, serving, words

QUESTIONS = 40
AT_ONCE = 3
PARENT, CHILD = 0, 1


def start(server: ModelServer, folder: Path) -> subprocess.Popen[bytes]:
    (folder / "processes.json").unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.evaluator.served.kill_me", server.url, str(folder), str(QUESTIONS)]
    started = subprocess.Popen(command, cwd=REPOSITORY)
    while not (folder / "processes.json").exists() and started.poll() is None:
        time.sleep(0.01)
    return started


@pytest.mark.parametrize("faults", [[], ["cut", "429", "500", "malformed", ""] * 6], ids=["calm", "faulty"])
def test_ten_kills_lose_no_answer_and_pay_twice_only_for_what_was_on_its_way(tmp_path: Path, faults: list[str]) -> None:
    at = threading.Event()
    next_kill = [3]

    def on_call(number: int) -> None:
        if number >= next_kill[0]:
            at.set()

    broken = sum(fault in ("cut", "malformed") for fault in faults)
    with serving(ModelServer(faults=list(faults), on_call=on_call)) as server:
        for kill in range(10):
            running = start(server, tmp_path)
            while not at.wait(0.02) and running.poll() is None:
                pass
            processes = json.loads((tmp_path / "processes.json").read_text())
            with suppress(ProcessLookupError):
                os.kill(processes[(PARENT, CHILD)[kill % 2]], signal.SIGKILL)
            running.wait()
            with suppress(ProcessLookupError):  # a child whose parent died would wait for answers
                os.kill(processes[CHILD], signal.SIGKILL)
            at.clear()
            next_kill[0] = server.calls + 3
        next_kill[0] = 10**9
        assert start(server, tmp_path).wait() == 0
        asked = [
            {"messages": [{"role": "user", "content": f"question {i}"}], "model": "toy-1", "max_tokens": 8}
            for i in range(QUESTIONS)
        ]
        assert json.loads((tmp_path / "done.json").read_text()) == [words(payload) for payload in asked]
        usage = AnswerStore(tmp_path / "answers.sqlite").usage()
        assert usage.answers == QUESTIONS == usage.calls["paid"]
        paid_again = sum(server.charged.values()) - QUESTIONS - broken
        assert paid_again <= 10 * AT_ONCE
        assert usage.dollars is not None
        assert usage.unsure_dollars is not None
        # what the server charges is what the store knows, and at most what it holds possible
        assert usage.dollars <= server.dollars <= usage.dollars + usage.unsure_dollars
        assert usage.dollars == Decimal("0.022") * QUESTIONS
