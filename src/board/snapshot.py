"""The board at one revision, and the sync that swaps it whole: a reader sees the old board or the new, never half."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from src.board.sources import NEVER, Contents, Copy, read_contents
from src.core import suites
from src.core.errors import BoardError, Denied, NotFound, Throttled
from src.core.frame import from_contents
from src.core.store import Store
from src.core.suites import Suite

log = logging.getLogger(__name__)

Source = Literal["live", "copy", "sample", "local", "none"]
"""Where the rows on screen come from; "none": nothing has been read yet, or there is nothing."""


@dataclass(frozen=True)
class Snapshot:
    """One suite's rows at one revision. Immutable: what follows it is another snapshot."""

    frame: pd.DataFrame
    suite: Suite
    revision: str
    source: Source
    as_of: datetime  # UTC: when these rows were last known to be the store's
    problem: str | None = None  # why they are no newer, in a sentence
    store: str = ""  # what a person calls the store these rows come from

    @cached_property
    def models(self) -> int:
        """How many models there are; one may have several rows."""
        return int(self.frame["model"].nunique())


@dataclass(frozen=True)
class State:
    """Everything a page needs of a board at one moment, behind one reference."""

    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)
    source: Source = "none"
    as_of: datetime = NEVER
    problem: str | None = None

    @property
    def revision(self) -> str:
        """One word that changes when any suite's rows do."""
        return ";".join(f"{name}@{each.revision}" for name, each in self.snapshots.items()) or self.source


class Board:
    """A store's rows, kept in step with it.

    `start` shows the last copy, else the sample, at once and asks the store from a thread; `sync` may be called at any
    time from any thread. Reading never waits for a sync.
    """

    def __init__(
        self,
        store: Store,
        cache_dir: Path | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        *,
        sample: Store | None = None,
        local: bool = False,
        poll: float = 60.0,
        upkeep: Callable[[], object] | None = None,
        keep_day: Callable[[Snapshot, date], object] | None = None,
    ) -> None:
        """`local`: the store is a folder, so it is read at the start and needs no copy. `poll` in seconds.

        `upkeep`: what to do in the store before it is read, such as publishing finished runs. `keep_day`: what to do
        with a suite's rows when they changed, and once a day. Where the store refuses either, it is not asked again.
        """
        self.store = store
        self.sample = sample
        self.poll = poll
        self._upkeep = upkeep
        self._keep_day = keep_day
        self._kept: dict[str, tuple[str, date]] = {}  # suite → the revision and the day last kept
        self._listeners: list[Callable[[Snapshot], object]] = []
        self._clock = clock
        self._local = local
        self._copy = Copy(cache_dir, store.name) if cache_dir else None
        self._state = State()
        self._contents: Contents | None = None  # what the store's rows were last built from
        self._not_before = NEVER
        self._one_at_a_time = threading.Lock()
        self._scheduler: Any = None

    @property
    def suites(self) -> tuple[str, ...]:
        """The suites this board has rows of, newest first; the default one where it has none."""
        return tuple(name for name in suites.names() if name in self._state.snapshots) or (suites.DEFAULT,)

    @property
    def shown(self) -> Store:
        """The store that the rows on screen came from: while the sample is shown, that is not `store`."""
        return self.sample if self.sample and self._state.source == "sample" else self.store

    @property
    def state(self) -> State:
        """All suites at one moment."""
        return self._state

    def snapshot(self, suite: str | None = None) -> Snapshot:
        """The current rows of `suite`, or of the first suite of the board. Raises NotFound for a suite it has not."""
        state = self._state
        name = suite or self.suites[0]
        if name in state.snapshots:
            return state.snapshots[name]
        if name != suites.DEFAULT or state.snapshots:
            raise NotFound(f"This board has no suite '{name}'; it has {', '.join(self.suites)}.")
        known = suites.load(name)
        return Snapshot(_empty(known), known, "", state.source, state.as_of, state.problem, self.store.name)

    def start(self) -> None:
        """Show what is at hand, then keep asking the store in the background."""
        from apscheduler.schedulers.background import BackgroundScheduler

        self.open()
        self._scheduler = BackgroundScheduler(timezone=UTC)
        self._scheduler.add_job(
            self.sync,
            "interval",
            seconds=self.poll,
            # None would mean: paused, for ever
            next_run_time=datetime.now(UTC) + timedelta(seconds=self.poll if self._local else 0),
            max_instances=1,
            coalesce=True,
        )
        self._scheduler.start()
        self._tell(None)

    def on_rows(self, listener: Callable[[Snapshot], object]) -> None:
        """Call `listener` from a thread with each suite's rows: those of now, and whenever they are others."""
        self._listeners.append(listener)
        self._tell(None, [listener])

    def stop(self) -> None:
        """Ask no more. A sync under way ends by itself."""
        if self._scheduler:
            self._scheduler.shutdown(wait=False)
            self._scheduler = None

    def open(self) -> None:
        """Show what needs no network: the folder itself, the last copy, or the sample."""
        if self._local:
            self.sync()
            return
        if self._copy:
            try:
                if contents := self._copy.last():
                    self._show(contents, "copy", contents.as_of, None)
                    return
            except Exception:  # whatever an older version of this code left there
                log.warning("The last copy of %s cannot be read and is set aside.", self.store.name, exc_info=True)
                self._copy.forget()
        if self.sample:
            self._state = _state(
                read_contents(self.sample, None, None), self.sample.name, "sample", self._clock(), None
            )

    def sync(self) -> None:
        """Bring the board in step with its store. Never raises: what goes wrong is said in `problem`.

        One call to the store where nothing changed; where something did, only the files that changed are read.
        """
        with self._one_at_a_time:
            now = self._clock()
            if now < self._not_before:
                return
            try:
                self._sync(now)
            except Throttled as error:
                self._not_before = now + timedelta(seconds=error.retry_after)
                self._keep(str(error))
            except BoardError as error:
                self._keep(str(error))
            except Exception as error:
                log.exception("sync of %s", self.store.name)
                self._keep(
                    f"{self.store.name} holds something this board cannot read ({type(error).__name__}: {error})."
                )

    def _sync(self, now: datetime) -> None:
        self._keep_up()
        known = self._contents
        contents = read_contents(self.store, known, self._copy)
        source: Source = "local" if self._local else "live"
        if contents is known and self._state.source == source:
            self._refresh(now)
        else:
            self._show(contents, source, now, known)
            if self._copy:
                self._copy.keep(replace(contents, as_of=now))
        self._keep_days(now.date())

    def _keep_up(self) -> None:
        try:
            if self._upkeep:
                self._upkeep()
        except Denied as error:
            self._only_read(error)

    def _keep_days(self, today: date) -> None:
        try:
            for suite, snapshot in self._state.snapshots.items():
                if self._keep_day and self._kept.get(suite) != (snapshot.revision, today):
                    self._keep_day(snapshot, today)
                    self._kept[suite] = (snapshot.revision, today)
        except Denied as error:
            self._only_read(error)
        except BoardError as error:
            log.warning("Today's table is not kept yet: %s", error)

    def _only_read(self, error: Denied) -> None:
        log.info("This board only reads: %s", error)
        self._upkeep = self._keep_day = None

    def _tell(self, before: State | None, listeners: Sequence[Callable[[Snapshot], object]] | None = None) -> None:
        """Tell those who listen of the rows that are not those of `before`."""
        if not self._scheduler:
            return  # nobody reads yet
        old = before.snapshots if before else {}
        for suite, snapshot in self._state.snapshots.items():
            if suite not in old or old[suite].frame is not snapshot.frame:
                for listener in self._listeners if listeners is None else listeners:
                    self._scheduler.add_job(listener, args=[snapshot], misfire_grace_time=None)

    def _show(self, contents: Contents, source: Source, as_of: datetime, known: Contents | None) -> None:
        state = _state(contents, self.store.name, source, as_of, self._state if known else None)
        before, self._contents, self._state = self._state, contents, state
        self._tell(before)

    def _refresh(self, now: datetime) -> None:
        """The same rows, known to be current as of `now`."""
        self._state = _restamp(self._state, as_of=now, problem=None)

    def _keep(self, problem: str) -> None:
        """The same rows, and why they are no newer."""
        log.warning("%s", problem)
        self._state = _restamp(self._state, as_of=self._state.as_of, problem=problem)


def _state(contents: Contents, store: str, source: Source, as_of: datetime, before: State | None) -> State:
    """The state that `contents` make; a suite that did not change since `before` keeps its frame and revision."""
    snapshots = {}
    for name in suites.names():
        if name not in contents.frames:
            continue
        frame = contents.frames[name]
        old = before.snapshots.get(name) if before else None
        same = old is not None and old.frame is frame
        revision = old.revision if old is not None and same else contents.revision
        snapshots[name] = Snapshot(frame, suites.load(name), revision, source, as_of, None, store)
    return State(snapshots, source, as_of, None)


def _restamp(state: State, as_of: datetime, problem: str | None) -> State:
    snapshots = {name: replace(each, as_of=as_of, problem=problem) for name, each in state.snapshots.items()}
    return replace(state, snapshots=snapshots, as_of=as_of, problem=problem)


def _empty(suite: Suite) -> pd.DataFrame:
    return from_contents(pd.DataFrame(columns=["fullname", *(each.column for each in suite.benchmarks)]), suite)
