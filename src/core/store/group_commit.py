"""A store whose appends share commits: what several threads want written while one commit is under way goes next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

from src.core.errors import ConflictError, ThrottledError
from src.core.store.delegating import DelegatingStore
from src.core.store.files import one_dataset
from src.core.store.protocol import Rev, Store

Make = Callable[[], Mapping[str, bytes]]


@dataclass
class PendingWrite:
    """Files that wait for the next commit."""

    files: Mapping[str, bytes]
    message: str
    waits: int  # that a quota had asked for when its files were made
    make: Make | None = None  # makes the files again
    rev: Rev | None = None
    error: BaseException | None = None
    done: threading.Event = field(default_factory=threading.Event)


Wishes = list[PendingWrite]


class Waits(Store, Protocol):
    """A store with a quota that leaves the waiting to who asks for it."""

    def impatient(self) -> Store:
        """Return the same store, which raises ThrottledError at once."""

    def wait_out(self, error: ThrottledError, waited: float) -> float | None:
        """Wait as `error` asks; seconds waited in all, None if that would be too long."""


class GroupCommitStore(DelegatingStore):
    """The same store with group commits: nobody waits for company, but who has to wait travels together.

    A repository takes about 128 commits an hour; submissions of one minute, or the boxes of one machine, need one.
    """

    MOST = 500  # files in one commit

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        # who waits for a quota waits here, so that later writes join this commit
        self._quota = cast(Waits, store) if hasattr(type(store), "wait_out") else None
        self._writer = self._quota.impatient() if self._quota else store
        self._mutex = threading.Lock()
        self._turns: dict[str, threading.Lock] = {}
        self._waits = 0  # that the quota has asked for so far
        self._waiting: dict[str, list[PendingWrite]] = {}

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        rev = self._wait_for(PendingWrite(files, message, self._waits))
        assert rev is not None
        return rev

    def append_late(self, make: Make, message: str = "") -> Rev | None:
        """Append what `make` gives, and asks it again after every wait for the quota. None: nothing more is wanted."""
        waits = self._waits
        files = make()
        return self._wait_for(PendingWrite(files, message, waits, make)) if files else None

    def _wait_for(self, wish: PendingWrite) -> Rev | None:
        dataset, _ = one_dataset(wish.files)
        with self._mutex:
            turn = self._turns.setdefault(dataset, threading.Lock())
            self._waiting.setdefault(dataset, []).append(wish)
        with turn:
            while not wish.done.is_set():  # those before it may fill a commit of their own
                self._commit(dataset)
        if wish.error is not None:
            raise wish.error
        return wish.rev

    def _commit(self, dataset: str) -> None:
        wishes, waited = self._taken(dataset, []), 0.0
        try:
            while wishes := self._renewed(wishes):
                try:
                    return self._write(wishes)
                except ThrottledError as error:
                    longer = self._quota.wait_out(error, waited) if self._quota else None
                    if longer is None:
                        return _settle(wishes, error=error)
                self._waits += 1
                wishes, waited = self._taken(dataset, wishes), longer
        except BaseException as error:
            _settle([wish for wish in wishes if not wish.done.is_set()], error=error)
            raise

    def _taken(self, dataset: str, taken: Wishes) -> Wishes:
        """Return those already taken and those who wait, as many as fit into one commit; who was first goes first."""
        with self._mutex:
            waiting, taken = self._waiting[dataset], list(taken)
            count = sum(len(wish.files) for wish in taken)
            while waiting and (not taken or count + len(waiting[0].files) <= self.MOST):
                taken.append(waiting.pop(0))
                count += len(taken[-1].files)
            return taken

    def _renewed(self, wishes: Wishes) -> Wishes:
        """Return the writes that still want something; files from before a wait are made again if they asked for it."""
        for wish in wishes:
            if wish.make and wish.waits < self._waits:
                try:
                    wish.files, wish.waits = wish.make(), self._waits
                except Exception as error:
                    _settle([wish], error=error)
                else:
                    if not wish.files:
                        _settle([wish])
        return [wish for wish in wishes if not wish.done.is_set()]

    def _write(self, wishes: Sequence[PendingWrite]) -> None:
        """Settles every wish. Raises ThrottledError if none is settled yet."""
        together: dict[str, bytes] = {}
        apart: Wishes = []
        for wish in wishes:
            if any(together.get(path, data) != data for path, data in wish.files.items()):
                apart.append(wish)  # two want the same name: the store says who is wrong
            else:
                together |= wish.files
        group = [wish for wish in wishes if wish not in apart]
        message = group[0].message if len(group) == 1 else f"{group[0].message} and {len(group) - 1} more"
        try:
            rev = self._writer.append(together, message)
        except ThrottledError:
            raise
        except ConflictError as error:
            if len(group) == 1:
                _settle(group, error=error)
            else:
                apart = list(wishes)  # one of them is wrong: each for itself
        except BaseException as error:
            _settle(group, error=error)
            if not isinstance(error, Exception):
                raise
        else:
            _settle(group, rev)
        for wish in apart:
            try:
                _settle([wish], self.inner.append(wish.files, wish.message))
            except Exception as error:
                _settle([wish], error=error)


def _settle(wishes: Sequence[PendingWrite], rev: Rev | None = None, error: BaseException | None = None) -> None:
    for wish in wishes:
        wish.rev, wish.error = rev, error
        wish.done.set()


def append_late(store: Store, make: Make, message: str = "") -> Rev | None:
    """Append what `make` gives as late as the store can ask for it; None if there is nothing to append."""
    if isinstance(store, GroupCommitStore):
        return store.append_late(make, message)
    files = make()
    return store.append(files, message) if files else None
