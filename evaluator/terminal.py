"""Show progress to the operator (bars in a terminal, one line per step in a log) and handle stop signals."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from src.core.engine_way import is_off, way_words
from src.core.redact import clean

Line = Callable[[Mapping[str, Any]], str]

MESSAGES: dict[str, Line] = {
    "idle": lambda event: f"no request to run{_why(event['waiting'])}" + _again(event["seconds"]),
    "claimed": lambda event: f"{event['model']} ({event['precision']}): claimed, attempt {event['slot']}",
    "download": lambda event: f"{event.get('model', 'the model')}: downloading the weights",
    "loading": lambda event: f"{event.get('model', 'the model')}: loading",
    "way": lambda event: f"{event.get('model', 'the model')}: {engine_sentence(event)}",
    "checkpoint": lambda event: f"{event.get('model', 'the model')}: {', '.join(event['tasks'])} done",
    "served": lambda event: f"{event.get('model', 'the server')}: {event['answers']:,} answers{_spent(event)}",
    "publish": lambda event: f"{event.get('model', 'the model')}: storing results and answers",
    "trial": lambda event: f"{event['model']}: {event['code']}; trying a tiny model, in case this machine is at fault",
    "finished": lambda event: f"{event['model']}: finished, {event['result']}",
    "ended": lambda event: f"{event['model']}: {event['code']}: {event['message']}",
    "lost": lambda event: f"{event['model']}: {event['problem']}",
    "store": lambda event: f"the store does not answer: {event['problem']}",
}


def engine_sentence(way: Mapping[str, Any]) -> str:
    """Return how the engine runs a model's requests, from an event "way"; in capitals if it is off."""
    scoring, generation = way.get("scoring"), way.get("generation")
    words = way_words(scoring, generation)
    if is_off(scoring, generation):
        words = words.upper()
    # the child wrote the reason: force it into one printable line
    reason = "".join(c if c.isprintable() else " " for c in str(way.get("reason") or ""))[:300]
    return f"engine {words}: {reason}" if "stock" in words.lower() else f"engine {words}"


def _spent(event: Mapping[str, Any]) -> str:
    dollars, budget = event["dollars"], event["budget"]
    if dollars is None:
        return ", price unknown"
    return f", ${dollars:.2f}" + (f" of ${budget:.2f}" if budget is not None else "")


def _why(waiting: Mapping[str, int]) -> str:
    return "; pending: " + ", ".join(f"{count} {reason}" for reason, count in waiting.items()) if waiting else ""


def _again(seconds: float | None) -> str:
    return f"; next check in {seconds:.0f} s" if seconds else ""


class Lines:
    """One line for each step, with the time; for logs and pipes."""

    def __init__(self, write: Callable[[str], Any] = lambda line: print(line, flush=True)) -> None:
        self._write = write

    def __call__(self, what: str, particulars: Mapping[str, Any]) -> None:
        if what in MESSAGES:
            self._write(f"{datetime.now():%F %T} {clean(MESSAGES[what](particulars))}")

    def close(self) -> None:
        """Do nothing: no resource is open."""


class Bars:
    """A progress bar for the answers of the current task; messages scroll above it."""

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
        """Restore the terminal."""
        self._progress.stop()


class SharedLines:
    """Lines for several workers of one queue: only one of them reports that there is nothing to do."""

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
    """Let SIGINT and SIGTERM set all of `stops`; a second signal raises KeyboardInterrupt."""
    requested = threading.Event()

    def stop(*_: object) -> None:
        if requested.is_set():
            raise KeyboardInterrupt
        print("stopping: the running request returns to the queue (repeat to stop immediately)", flush=True)
        for event in (requested, *stops):
            event.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def show() -> Lines | Bars:
    """Return Bars for a terminal, else Lines."""
    return Bars() if sys.stderr.isatty() and sys.stdout.isatty() else Lines()
