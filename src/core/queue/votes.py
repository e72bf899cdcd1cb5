"""Votes: `votes/votes_data.jsonl`, one line for one person, model and revision."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from src.core.errors import BadInput, Conflict, NotFound, Unknown
from src.core.records import Vote
from src.core.store import Rev, Store

PATH = "votes/votes_data.jsonl"
Ballot = tuple[str, str, str]
"""(model, revision, username)"""


class Votes:
    """The votes of one store. Votes that arrive while a commit is under way share the next one."""

    FRESH = timedelta(minutes=1)
    TRIES = 10

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lines: list[bytes] = []
        self._ballots: set[Ballot] = set()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._rev: Rev | None = None
        self._looked: datetime | None = None
        self._waiting: dict[Ballot, bytes] = {}
        self._mutex, self._commit = threading.Lock(), threading.Lock()

    def count(self, model: str, revision: str) -> int:
        """Votes for this revision, or for the model before revisions were pinned."""
        return self._counts[model, revision] + (self._counts[model, "main"] if revision != "main" else 0)

    def refresh(self, now: datetime) -> None:
        """Reads the votes again, at most once a minute."""
        if self._looked is None or not timedelta(0) <= now - self._looked < self.FRESH:
            with self._commit:
                self._look()
            self._looked = now

    def add(self, model: str, revision: str, username: str) -> bool:
        """Whether this vote is new. Returns once it is durable."""
        if not (model and revision and username):
            raise BadInput("A vote names a model, a revision and who votes.")
        ballot = (model, revision, username)
        vote = Vote(model=model, revision=revision, username=username, timestamp=self._store.now())
        Vote.read(vote.write())  # refuses what nobody could read back
        with self._mutex:
            self._waiting.setdefault(ballot, vote.write().rstrip())
        with self._commit:
            with self._mutex:
                if ballot not in self._waiting:
                    return ballot in self._ballots  # the commit before this one took it along
            self._look()
            if ballot in self._ballots:
                with self._mutex:
                    self._waiting.pop(ballot, None)
                return False
            self._write()
        return True

    def _write(self) -> None:
        for attempt in range(self.TRIES):
            with self._mutex:
                group = {ballot: line for ballot, line in self._waiting.items() if ballot not in self._ballots}
            if not group:
                break
            data = b"\n".join([*self._lines, *group.values()]) + b"\n"
            try:
                self._store.replace({PATH: data}, self._rev, f"{len(group)} vote(s)")
                self._rev = None  # what lies under the new head is read before the next write
                self._take([*self._lines, *group.values()])
                break
            except (Conflict, Unknown):
                if attempt == self.TRIES - 1:
                    with self._mutex:
                        self._waiting.clear()
                    raise
                self._look(anew=True)
        with self._mutex:
            self._waiting.clear()

    def _look(self, anew: bool = False) -> None:
        rev: Rev | None = None
        data = b""
        with suppress(NotFound):
            rev = self._store.head("votes")
            if rev == self._rev and not anew:
                return
            data = self._store.read(PATH, rev)
        self._rev = rev
        self._take(data.splitlines())

    def _take(self, lines: Iterable[bytes]) -> None:
        self._lines = [line for line in lines if line.strip()]
        ballots = set()
        for line in self._lines:
            with suppress(BadInput):  # a line nobody can read stays in the file and counts for nothing
                vote = Vote.read(line)
                ballots.add((vote.model, vote.revision, vote.username))
        self._ballots = ballots
        self._counts = Counter((model, revision) for model, revision, _ in ballots)
