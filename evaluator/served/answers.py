"""The answers that a server gave in one run, and what they cost: one SQLite file, written before anything is paid for.

A call is recorded with the most it can cost before it is sent, and with what it did cost afterwards; both commits are
synced to the disk. A call without an end (the machine died in between) counts as paid at its most. So the sum never
promises more money than is left, and an answer that is in the file is never asked for again.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS answer (request BLOB PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS call (id INTEGER PRIMARY KEY, request BLOB NOT NULL, state TEXT NOT NULL,
                                 generates INTEGER NOT NULL, dollars TEXT, prompt INTEGER, completion INTEGER);
CREATE TRIGGER IF NOT EXISTS write_once BEFORE UPDATE ON answer
    BEGIN SELECT RAISE(ABORT, 'an answer is never changed'); END;
"""
SENT, PAID, FREE, UNSURE = "sent", "paid", "free", "unsure"
"""States of a call: on its way, answered, refused without a price, and broken off so that it may have been paid."""


class BudgetError(Exception):
    """Raised before a call that could exceed the budget."""


@dataclass(frozen=True)
class Usage:
    """What a run used so far. `dollars` counts what is known; `unsure_dollars` at most comes on top."""

    answers: int
    calls: Mapping[str, int]  # state → number
    prompt_tokens: int
    completion_tokens: int
    generated_tokens: int  # of answers that are texts
    generated_answers: int
    unmetered: int  # answers for which the server counted no tokens
    dollars: Decimal | None
    unsure_dollars: Decimal | None


def request_hash(url: str, payload: Mapping[str, Any]) -> bytes:
    """Return the key of a request: a hash of its address and everything in it."""
    text = json.dumps([url, payload], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class AnswerStore:
    """The answers and calls of one run. Safe for threads; one process at a time."""

    def __init__(self, path: Path, budget: Decimal | None = None) -> None:
        """Open or create the store. `budget`: dollars that all calls together may cost; None: no limit."""
        self._db = sqlite3.connect(path, timeout=60.0, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")  # every commit reaches the disk
        self._db.executescript(SCHEMA)
        self._budget = budget
        self._changed = threading.Condition()
        # nobody waits for these any longer: the process that sent them has ended
        self._db.execute("UPDATE call SET state = ? WHERE state = ?", (UNSURE, SENT))
        self._committed = sum(
            map(Decimal, self._column("SELECT dollars FROM call WHERE dollars IS NOT NULL")), Decimal()
        )
        self._in_flight = 0

    def get(self, request: bytes) -> dict[str, Any] | None:
        """Return the answer to a request; None if it has none yet."""
        with self._changed:
            row = self._db.execute("SELECT body FROM answer WHERE request = ?", (request,)).fetchone()
        return dict(json.loads(row[0])) if row else None

    def begin(self, request: bytes, most: Decimal | None, generates: bool) -> int:
        """Record a call that costs at most `most` dollars; return its number.

        Waits while calls on their way may cost less than they could. Raise BudgetError if it does not fit then.
        """
        price = most or Decimal()
        with self._changed:
            while self._budget is not None and self._committed + price > self._budget:
                if not self._in_flight:
                    raise BudgetError(
                        f"The budget of ${self._budget} is used up: ${self._committed:f} are spent or may be, and the "
                        f"next request can cost ${price:f}. The answers so far are kept: run it again with more."
                    )
                self._changed.wait(1.0)
            self._committed += price
            self._in_flight += 1
            row = (request, SENT, int(generates), None if most is None else str(most))
            done = self._db.execute("INSERT INTO call (request, state, generates, dollars) VALUES (?, ?, ?, ?)", row)
            return int(done.lastrowid or 0)

    def settle(
        self, call: int, body: Mapping[str, Any], prompt: int | None, completion: int | None, dollars: Decimal | None
    ) -> None:
        """Record the answer to a call and its price, in one commit. `dollars` None: the most it could cost."""
        with self._changed:
            request, most = self._of(call)
            paid = most if dollars is None else dollars
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("INSERT OR IGNORE INTO answer VALUES (?, ?)", (request, json.dumps(body)))
            self._db.execute(
                "UPDATE call SET state = ?, dollars = ?, prompt = ?, completion = ? WHERE id = ?",
                (PAID, None if paid is None else str(paid), prompt, completion, call),
            )
            self._db.execute("COMMIT")
            self._end((paid or Decimal()) - (most or Decimal()))

    def fail(self, call: int, may_be_paid: bool) -> None:
        """Record that a call brought no answer; `may_be_paid`: the server may have charged for it."""
        with self._changed:
            _, most = self._of(call)
            changed = (UNSURE, None if most is None else str(most)) if may_be_paid else (FREE, None)
            self._db.execute("UPDATE call SET state = ?, dollars = ? WHERE id = ?", (*changed, call))
            self._end(Decimal() if may_be_paid else -(most or Decimal()))

    def usage(self) -> Usage:
        """Return what the run used so far, over all its attempts."""
        with self._changed:
            rows = self._db.execute("SELECT state, generates, dollars, prompt, completion FROM call").fetchall()
            (answers,) = self._db.execute("SELECT COUNT(*) FROM answer").fetchone()
        paid = [row for row in rows if row[0] == PAID]
        priced = all(row[2] is not None for row in paid)
        unsure = [Decimal(row[2]) for row in rows if row[0] in (UNSURE, SENT) and row[2] is not None]
        return Usage(
            answers=answers,
            calls=Counter(row[0] for row in rows),
            prompt_tokens=sum(row[3] or 0 for row in paid),
            completion_tokens=sum(row[4] or 0 for row in paid),
            generated_tokens=sum(row[4] or 0 for row in paid if row[1]),
            generated_answers=sum(row[1] for row in paid),
            unmetered=sum(row[4] is None for row in paid),
            dollars=sum((Decimal(row[2]) for row in paid), Decimal()) if priced else None,
            unsure_dollars=sum(unsure, Decimal()) if priced else None,
        )

    def close(self) -> None:
        """Close the file."""
        with self._changed:
            self._db.close()

    def _of(self, call: int) -> tuple[bytes, Decimal | None]:
        request, most = self._db.execute("SELECT request, dollars FROM call WHERE id = ?", (call,)).fetchone()
        return request, None if most is None else Decimal(most)

    def _end(self, difference: Decimal) -> None:
        self._committed += difference
        self._in_flight -= 1
        self._changed.notify_all()

    def _column(self, query: str) -> list[str]:
        return [row[0] for row in self._db.execute(query)]
