"""The response store: answers in one SQLite file, keyed by model, settings, task and request."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY, model TEXT NOT NULL, settings TEXT NOT NULL,
                                UNIQUE (model, settings));
CREATE TABLE IF NOT EXISTS answer (run INTEGER NOT NULL, task TEXT NOT NULL, request BLOB NOT NULL, value TEXT NOT NULL,
                                   PRIMARY KEY (run, task, request)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS note (run INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
                                 PRIMARY KEY (run, name)) WITHOUT ROWID;
"""


class Responses:
    """The answers of one model under one set of settings; `save` is durable when it returns."""

    def __init__(self, path: str | Path, model: str, settings: Mapping[str, Any]) -> None:
        """Open or create the store. `model` names the weights (a sha); `settings` is whatever changes an answer."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(str(path), timeout=60.0, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # kill -9 loses nothing; a power cut loses the last seconds
        self._db.executescript(SCHEMA)
        key = (model, json.dumps(settings, sort_keys=True))
        self._db.execute("INSERT OR IGNORE INTO run (model, settings) VALUES (?, ?)", key)
        (self._run,) = self._db.execute("SELECT id FROM run WHERE model = ? AND settings = ?", key).fetchone()

    def read(self, task: str) -> dict[bytes, Any]:
        """Return every answer of a task: `{request_key: answer}`."""
        rows = self._db.execute("SELECT request, value FROM answer WHERE run = ? AND task = ?", (self._run, task))
        return {request: json.loads(value) for request, value in rows}

    def save(self, answers: Iterable[tuple[str, bytes, Any]]) -> None:
        """Store `(task, request_key, answer)` triples in one transaction; an answer already there is kept."""
        rows = [(self._run, task, request, json.dumps(value)) for task, request, value in answers]
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT OR IGNORE INTO answer VALUES (?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def notes(self) -> dict[str, Any]:
        """Return the notes that processes of this run stored for processes that resume it: `{name: value}`."""
        rows = self._db.execute("SELECT name, value FROM note WHERE run = ?", (self._run,))
        return {name: json.loads(value) for name, value in rows}

    def note(self, **values: Any) -> None:
        """Store values; replace earlier ones of the same name."""
        rows = [(self._run, name, json.dumps(value)) for name, value in values.items()]
        self._db.executemany("INSERT OR REPLACE INTO note VALUES (?, ?, ?)", rows)

    def close(self) -> None:
        """Close the store."""
        self._db.close()


def request_key(kind: str, arguments: Sequence[Any]) -> bytes:
    """Return a 16-byte hash of a request's kind (`loglikelihood`, …) and arguments, independent of its document."""
    text = json.dumps([kind, *arguments], sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def count_by_task(path: Path) -> dict[str, int]:
    """Return the number of answers in a store by task, over all its runs; empty if it is absent or empty."""
    if not path.exists():
        return {}
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60.0)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'answer'").fetchone():
            return {}  # the run that makes the store has only just begun
        return dict(db.execute("SELECT task, COUNT(*) FROM answer GROUP BY task ORDER BY task").fetchall())
