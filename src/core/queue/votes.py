"""Votes: `votes/votes_data.jsonl`, one line for one person, model and revision."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta

from src.core.errors import BadInputError, ConflictError, CorruptError, NotFoundError, StoreError, UnknownOutcomeError
from src.core.records import Vote
from src.core.store import Rev, Store
from src.core.store.salvage import salvaged

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
        self._damage: CorruptError | None = None
        self._looked: datetime | None = None
        self._waiting: dict[Ballot, bytes] = {}
        self._mutex, self._commit = threading.Lock(), threading.Lock()

    def count(self, model: str, revision: str) -> int:
        """Votes for this revision, or for the model before revisions were pinned."""
        return self._counts[model, revision] + (self._counts[model, "main"] if revision != "main" else 0)

    def by(self, username: str) -> frozenset[tuple[str, str]]:
        """Return the (model, revision) that somebody voted for, as of the last look."""
        return frozenset((model, revision) for model, revision, voter in self._ballots if voter == username)

    @property
    def problems(self) -> tuple[str, ...]:
        """Why not all votes count, in a sentence that names the file; nothing if they all do."""
        return () if self._damage is None else (str(self._damage),)

    def refresh(self, now: datetime) -> None:
        """Read the votes again, at most once a minute."""
        if self._looked is not None and abs(now - self._looked) < self.FRESH:
            return
        if not self._commit.acquire(blocking=False):
            return  # a vote is being written, which may have to wait for a quota: nobody else has to
        try:
            self._look()
        finally:
            self._commit.release()
        self._looked = now

    def add(self, model: str, revision: str, username: str) -> bool:
        """Return whether this vote is new. Returns once it is durable."""
        if not (model and revision and username):
            raise BadInputError("A vote names a model, a revision and who votes.")
        ballot = (model, revision, username)
        vote = Vote(model=model, revision=revision, username=username, timestamp=self._store.now())
        Vote.read(vote.write())  # refuses what nobody could read back
        with self._mutex:
            mine = ballot not in self._waiting
            self._waiting.setdefault(ballot, vote.write().rstrip())
        with self._commit:
            if ballot in self._waiting:
                try:
                    self._look()
                    mine = mine and ballot not in self._ballots
                    self._write()
                except BaseException:
                    with self._mutex:
                        self._waiting.pop(ballot, None)  # the others try for themselves
                    raise
            elif ballot not in self._ballots:
                raise UnknownOutcomeError("The same vote, given a moment ago, could not be saved; vote again.")
        return mine  # else a commit before this one took it along

    def _write(self) -> None:
        unknown: UnknownOutcomeError | None = None
        for attempt in range(self.TRIES):
            try:
                if attempt:
                    self._look(force=True)
                return self._write_waiting()
            except (ConflictError, UnknownOutcomeError) as error:
                unknown = error if isinstance(error, UnknownOutcomeError) else unknown
                if attempt == self.TRIES - 1:
                    raise
            except StoreError as error:
                if unknown is None:
                    raise
                raise unknown from error  # the earlier attempt may have landed

    def _write_waiting(self) -> None:
        with self._mutex:
            waiting = dict(self._waiting)
        lines = [line for ballot, line in waiting.items() if ballot not in self._ballots]
        if lines and self._damage is not None:  # a new file would take the place of what may be put back
            raise CorruptError(
                f"Votes are not taken just now: {self._damage} Its operator can also run "
                f"`python app.py doctor --store {self._store.name} --repair`."
            )
        if lines:
            data = b"\n".join([*self._lines, *lines]) + b"\n"
            self._store.replace({PATH: data}, self._rev, f"{len(lines)} vote(s)")
            self._rev = None  # what lies under the new head is read before the next write
            self._take([*self._lines, *lines])
        with self._mutex:
            for ballot in waiting:
                self._waiting.pop(ballot, None)

    def _look(self, force: bool = False) -> None:
        rev: Rev | None = None
        data, damage = b"", None
        with suppress(NotFoundError):
            rev = self._store.head("votes")
            if rev == self._rev and not force and self._damage is None:
                return
            try:
                data = self._store.read(PATH, rev)
            except CorruptError as error:
                known = b"\n".join(self._lines) + b"\n"  # as last read, or written, by this process
                data, damage = known + salvaged(self._store, PATH), error
        self._rev, self._damage = rev, damage
        self._take(dict.fromkeys(data.splitlines()))

    def _take(self, lines: Iterable[bytes]) -> None:
        self._lines = [line for line in lines if line.strip()]
        ballots = set()
        for line in self._lines:
            with suppress(BadInputError):  # a line nobody can read stays in the file and counts for nothing
                vote = Vote.read(line)
                ballots.add((vote.model, vote.revision, vote.username))
        self._ballots = ballots
        self._counts = Counter((model, revision) for model, revision, _ in ballots)
