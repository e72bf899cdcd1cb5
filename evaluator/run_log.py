"""What others may read of a run's log: not a word that was said while a gated benchmark ran.

A chat template is a stranger's program: it sees every question, and what it raises would otherwise be published with
the failure. So would whatever a library prints about an item. The whole log stays on the box.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from evaluator.job import LOG, Failure
from evaluator.publish import redact

LONGEST = 40_000  # bytes
HIDDEN = "[what was written while a gated benchmark ran is kept on the box]"
UNTOLD = "it stopped in a gated benchmark, so what it said is kept on the box"


class RunLog:
    """The log of a run folder, from now on. `gated`: benchmarks of which nothing may leave the box."""

    def __init__(self, run: Path, gated: Collection[str] = ()) -> None:
        self._path, self._gated = run / LOG, frozenset(gated)
        self._parts = [(self._size(), False)]  # where a part begins, and whether it is hidden

    def hear(self, event: Mapping[str, Any]) -> None:
        """Notes where a benchmark begins: a "unit" names it, and how long the log was then."""
        if event.get("event") == "unit":
            told = event.get("log")
            begins = min(told, self._size()) if isinstance(told, int) else self._size()
            self._parts.append((max(begins, self._parts[-1][0]), event.get("benchmark") in self._gated))

    @property
    def hides(self) -> bool:
        """Whether what is said now stays on the box."""
        return self._parts[-1][1]

    def may_say(self, failure: Failure) -> Failure:
        """A failure as the child told it, without its words where they may be a question's."""
        if not self.hides:
            return failure
        kind = re.match(r"[A-Z]\w{0,60}(?=:)", failure.message)
        return Failure(failure.code, f"{kind[0] if kind else 'Failed'}: {UNTOLD}.")

    def text(self, most: int = LONGEST) -> str:
        """The end of the log, for people: progress bars and anything like a token left out."""
        try:
            data = self._path.read_bytes()
        except OSError:
            return ""
        ends = [begins for begins, _ in self._parts[1:]] + [len(data)]
        kept = b"".join(
            HIDDEN.encode() + b"\n" if hidden else data[begins:end]
            for (begins, hidden), end in zip(self._parts, ends, strict=True)
            if begins < end
        )
        lines = redact(kept[-most:]).decode("utf-8", "replace").splitlines()
        return "\n".join(
            line.rsplit("\r", 1)[-1] for line in lines if "it/s]" not in line and "examples/s]" not in line
        )

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except OSError:
            return 0
