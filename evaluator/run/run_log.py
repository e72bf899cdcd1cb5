"""The publishable part of a run's log: nothing that was written while a gated benchmark ran.

A chat template is an untrusted program: it sees every question, and its exceptions would otherwise be published with
the failure, as would anything a library prints about an item. The complete log stays on the evaluator's machine.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from evaluator.job import LOG, RunFailure
from evaluator.run_files import BadRunError, open_file
from src.core.redact import clean

LONGEST = 40_000  # bytes
MARGIN = 4_000  # bytes before the shown end, because a secret that is cut in two is not recognised
HIDDEN = "[what was written while a gated benchmark ran is kept on the box]"
WITHHELD = "it stopped in a gated benchmark, so its message is kept on the box"


class RunLog:
    """The log of a run folder from now on. `gated`: benchmarks whose output may not be published."""

    def __init__(self, run: Path, gated: Collection[str] = ()) -> None:
        self._run, self._gated = run, frozenset(gated)
        self._parts = [(self._size(), False)]  # (offset at which a part begins, whether it is hidden)

    def record(self, event: Mapping[str, Any]) -> None:
        """Record where a benchmark begins: the event "unit" names it and the size of the log."""
        if event.get("event") == "unit":
            size = event.get("log")
            begins = min(size, self._size()) if isinstance(size, int) else self._size()
            self._parts.append((max(begins, self._parts[-1][0]), event.get("benchmark") in self._gated))

    @property
    def hides(self) -> bool:
        """Whether output that is written now may not be published."""
        return self._parts[-1][1]

    def publishable(self, failure: RunFailure) -> RunFailure:
        """Return the failure that the child reported, without its message if that may contain a question."""
        if not self.hides:
            return failure
        kind = re.match(r"[A-Z]\w{0,60}(?=:)", failure.message)
        return RunFailure(failure.code, f"{kind[0] if kind else 'Failed'}: {WITHHELD}.")

    def text(self, most: int = LONGEST) -> str:
        """Return the end of the log for display: without progress bars, secrets and terminal control characters."""
        kept = self._end(most + MARGIN)
        lines = kept.decode("utf-8", "replace").splitlines()
        shown = (line.rsplit("\r", 1)[-1] for line in lines if "it/s]" not in line and "examples/s]" not in line)
        return clean("\n".join(shown))[-most:]

    def tail(self, most: int = 4_000) -> str:
        """Return the unmodified end of the log with hidden parts, for use on this machine only."""
        return self._read(max(0, self._size() - most), self._size()).decode("utf-8", "replace")

    def _end(self, most: int) -> bytes:
        """Return the last `most` bytes of the publishable parts."""
        ends = [begins for begins, _ in self._parts[1:]] + [self._size()]
        kept: list[bytes] = []
        for (begins, hidden), end in reversed(list(zip(self._parts, ends, strict=True))):
            left = most - sum(map(len, kept))
            if begins < end and left > 0:
                kept.append(HIDDEN.encode() + b"\n" if hidden else self._read(max(begins, end - left), end))
        return b"".join(reversed(kept))

    def _read(self, begins: int, end: int) -> bytes:
        try:
            with open_file(self._run, LOG, 2**63) as file:
                file.seek(begins)
                return file.read(end - begins)
        except BadRunError:
            return b""

    def _size(self) -> int:
        try:
            with open_file(self._run, LOG, 2**63) as file:
                return os.fstat(file.fileno()).st_size
        except BadRunError:
            return 0
