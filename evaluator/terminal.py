"""What a person at the box sees, and how they stop it: progress bars in a terminal, one line a step in a log."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

Line = Callable[[Mapping[str, Any]], str]

SENTENCES: dict[str, Line] = {
    "idle": lambda said: f"nothing to do{_why(said['waiting'])}" + _again(said["seconds"]),
    "claimed": lambda said: f"{said['model']} ({said['precision']}): claimed, run {said['slot']}",
    "download": lambda said: f"{said.get('model', 'the model')}: bringing the weights",
    "loading": lambda said: f"{said.get('model', 'the model')}: loading",
    "checkpoint": lambda said: f"{said.get('model', 'the model')}: {', '.join(said['tasks'])} done",
    "publish": lambda said: f"{said.get('model', 'the model')}: storing results and answers",
    "finished": lambda said: f"{said['model']}: finished, {said['result']}",
    "ended": lambda said: f"{said['model']}: {said['code']}: {said['message']}",
    "lost": lambda said: f"{said['model']}: {said['problem']}",
    "store": lambda said: f"the store does not answer: {said['problem']}",
}


def _why(waiting: Mapping[str, int]) -> str:
    return "; waiting: " + ", ".join(f"{many} {reason}" for reason, many in waiting.items()) if waiting else ""


def _again(seconds: float | None) -> str:
    return f"; looking again in {seconds:.0f} s" if seconds else ""


class Lines:
    """One line for each step, with the time; for logs and pipes."""

    def __init__(self, write: Callable[[str], Any] = lambda line: print(line, flush=True)) -> None:
        self._write = write

    def __call__(self, what: str, particulars: Mapping[str, Any]) -> None:
        if what in SENTENCES:
            self._write(f"{datetime.now():%F %T} {SENTENCES[what](particulars)}")

    def close(self) -> None:
        """Nothing is open."""


class Bars:
    """A bar for the tasks of the run and one for the answers of the task at hand; steps scroll above them."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), transient=True
        )
        self._lock = threading.Lock()
        self._answers = self._progress.add_task("answers", visible=False)
        self._expected: dict[str, int] = {}
        self._lines = Lines(lambda line: self._progress.console.print(line, highlight=False, markup=False))
        self._progress.start()

    def __call__(self, what: str, particulars: Mapping[str, Any]) -> None:
        with self._lock:
            if what == "requests":
                self._expected = dict(particulars["counts"])
                self._progress.update(
                    self._answers,
                    description=next(iter(self._expected), "answers"),
                    total=sum(self._expected.values()),
                    completed=0,
                    visible=True,
                )
            elif what == "answers":
                counts = particulars["counts"]
                done = sum(min(counts.get(task, 0), most) for task, most in self._expected.items())
                self._progress.update(self._answers, completed=done)
            elif what in ("finished", "ended"):
                self._progress.update(self._answers, visible=False)
            self._lines(what, particulars)

    def close(self) -> None:
        """Give the terminal back."""
        self._progress.stop()


class OneVoice:
    """Lines for several workers at one queue: that nothing is to be done is said by one of them."""

    def __init__(self, lines: Lines, clock: Callable[[], float] = time.monotonic) -> None:
        self._lines, self._clock = lines, clock
        self._lock = threading.Lock()
        self._silent_until = 0.0

    def __call__(self, what: str, particulars: Mapping[str, Any]) -> None:
        with self._lock:
            if what == "idle":
                if self._clock() < self._silent_until:
                    return
                self._silent_until = self._clock() + 0.9 * (particulars["seconds"] or 60.0)
            self._lines(what, particulars)


def stop_on_signals(stops: Sequence[threading.Event]) -> None:
    """From now on SIGINT and SIGTERM set all of `stops`; whoever asks once more gets a KeyboardInterrupt."""
    asked = threading.Event()

    def stop(*_: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        print("stopping: what runs goes back into the queue (once more: at once)", flush=True)
        for each in (asked, *stops):
            each.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def show() -> Lines | Bars:
    """Bars where somebody watches, lines where not."""
    return Bars() if sys.stderr.isatty() and sys.stdout.isatty() else Lines()
