"""The board at one revision, and the sync that swaps it whole: a reader sees the old board or the new, never half."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pandas as pd

from src.board.live.certainty import with_certainty
from src.board.live.identity import BoardIdentity, identity_of
from src.board.live.last_copy import Copy
from src.board.live.sources import NEVER, Contents, read_contents
from src.core import suites
from src.core.errors import BoardError, DeniedError, NotFoundError, ThrottledError
from src.core.frames.frame import from_contents
from src.core.moderation.applying import moderated
from src.core.profile.reading import Profile, ProfileReader
from src.core.store import Store
from src.core.suites import Suite

log = logging.getLogger(__name__)

DAMAGE_SOURCES = ("profile", "sync", "maintenance", "inspection")
INSPECT = 600.0  # seconds between two looks through a store's files
DENIED = timedelta(minutes=10)  # after a store refused to be written; a disk that only read may be mended by then

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
    identity: BoardIdentity | None = None  # whom exports and citations name; None: the board says nothing of itself

    @cached_property
    def models(self) -> int:
        """How many models there are; one may have several rows."""
        return int(self.frame["model"].nunique())


@dataclass(frozen=True)
class State:
    """Everything a page needs of a board at one moment, behind one reference."""

    snapshots: Mapping[str, Snapshot] = field(default_factory=dict)  # in the order of `suites.names()`
    source: Source = "none"
    as_of: datetime = NEVER
    problem: str | None = None
    damage: tuple[str, ...] = ()  # files of the store that cannot be read, or are not what was written, in sentences
    profile: Profile = field(default_factory=Profile)

    @property
    def revision(self) -> str:
        """One word that changes when any suite's rows do."""
        rows = ";".join(f"{name}@{each.revision}" for name, each in self.snapshots.items()) or self.source
        return f"{rows};{self.profile.revision}" if self.profile.revision else rows


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
        maintenance: Callable[[], object] | None = None,
        inspect: Callable[[], Sequence[str]] | None = None,
        keep_day: Callable[[Snapshot, date], object] | None = None,
        name: str | None = None,
    ) -> None:
        """`local`: the store is a folder, so it is read at the start and needs no copy. `poll` in seconds.

        `maintenance`: what to do in the store before it is read, such as publishing finished runs; what it returns are
        sentences on files it could not read. `keep_day`: what to do with a suite's rows when they changed, and once a
        day. If the store denies either, both rest for ten minutes. `inspect`: look through the store's files and say,
        in a sentence each, which are damaged. `name`: what an operator's flag or variable calls the board.
        """
        self.store = store
        self.sample = sample
        self.poll = poll
        self._maintenance = maintenance
        self._inspection = inspect
        self._damage: dict[str, tuple[str, ...]] = {}  # a name of `DAMAGE_SOURCES` → sentences
        self.name = name
        self._profiles = ProfileReader(store)
        self._dressed: dict[str, _Dressed] = {}  # suite → its rows as operators' decisions make them
        self._keep_day = keep_day
        self._kept: dict[str, tuple[str, date]] = {}  # suite → the revision and the day last kept
        self._listeners: list[Callable[[Snapshot], object]] = []
        self._clock = clock
        self._local = local
        self._copy = Copy(cache_dir, store.name) if cache_dir else None
        self._state = State()
        self._contents: Contents | None = None  # what the store's rows were last built from
        self._not_before = NEVER
        self._reads_until = NEVER  # the store denied a write: none is tried before
        self._one_at_a_time = threading.Lock()
        self._scheduler: Any = None

    @property
    def suites(self) -> tuple[str, ...]:
        """The suites that the board's profile names, then others that it has rows of; the default one if none."""
        return tuple(dict.fromkeys((*self._state.profile.suite_names, *self._state.snapshots))) or (suites.DEFAULT,)

    @property
    def identity(self) -> BoardIdentity | None:
        """Who exports and citations name; None if neither the store nor an operator says."""
        return identity_of(self.name, self._state.profile.config, self.store.name)

    @property
    def shown(self) -> Store:
        """The store that the rows on screen came from: while the sample is shown, that is not `store`."""
        return self.sample if self.sample and self._state.source == "sample" else self.store

    @property
    def state(self) -> State:
        """All suites at one moment."""
        return self._state

    def snapshot(self, suite: str | None = None) -> Snapshot:
        """Return the current rows of `suite`, or of the first suite of the board.

        Raises NotFoundError for a suite it has not.
        """
        state = self._state
        name = suite or self.suites[0]
        if name in state.snapshots:
            return state.snapshots[name]
        if name not in self.suites:
            raise NotFoundError(f"This board has no suite '{name}'; it has {', '.join(self.suites)}.")
        known = suites.load(name)
        return Snapshot(
            _empty(known), known, "", state.source, state.as_of, state.problem, self.store.name, self.identity
        )

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
        if self._inspection:
            self._scheduler.add_job(
                self.inspect,
                "interval",
                seconds=INSPECT,
                next_run_time=datetime.now(UTC) + timedelta(seconds=1),
                max_instances=1,
                coalesce=True,
            )
        self._scheduler.start()
        self._tell(self._listeners)

    def on_rows(self, listener: Callable[[Snapshot], object]) -> None:
        """Call `listener` from a thread with each suite's rows: those of now, and others before readers see them."""
        self._listeners.append(listener)
        self._tell([listener])

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
                if kept := self._copy.profile():
                    self._state = replace(self._state, profile=self._profiles.restore(*kept))
                if contents := self._copy.last():
                    self._show(contents, "copy", contents.as_of, None)
                    return
            except Exception:  # whatever an older version of this code left there
                log.warning("The last copy of %s cannot be read and is set aside.", self.store.name, exc_info=True)
                self._copy.forget()
        if self.sample:
            sample = read_contents(self.sample, None, None)
            snapshots = self._snapshots(sample, self.sample.name, "sample", self._clock(), None)
            self._state = State(snapshots, "sample", self._clock())

    def sync(self) -> None:
        """Bring the board in step with its store. Never raises: `problem` holds what went wrong.

        One call to the store for rows and one for settings if nothing changed; else only files that changed are read.
        """
        with self._one_at_a_time:
            now = self._clock()
            if now < self._not_before:
                return
            try:
                self._sync(now)
            except ThrottledError as error:
                self._not_before = now + timedelta(seconds=error.retry_after)
                self._keep(str(error))
            except BoardError as error:
                self._keep(str(error))
            except Exception as error:
                log.exception("sync of %s", self.store.name)
                self._keep(
                    f"{self.store.name} holds something this board cannot read ({type(error).__name__}: {error})."
                )

    def inspect(self) -> None:
        """Look through the store's files for damage. Never raises."""
        if self._inspection is None:
            return
        try:
            damage = tuple(self._inspection())
        except BoardError as error:
            log.warning("%s", error)
            return
        except Exception:
            log.exception("inspection of %s", self.store.name)
            return
        with self._one_at_a_time:
            self._report("inspection", damage)

    def _report(self, source: str, damage: Sequence[str]) -> None:
        """Note what `source` found damaged now, in place of what it found before."""
        self._damage[source] = tuple(damage)
        by_file: dict[str, str] = {}  # each sentence begins with its file
        for each in DAMAGE_SOURCES:
            for sentence in self._damage.get(each, ()):
                by_file.setdefault(sentence.partition(" ")[0].rstrip(":"), sentence)
        whole = tuple(by_file.values())
        if new := [sentence for sentence in whole if sentence not in self._state.damage]:
            log.warning("%s", " ".join(new))
        self._state = replace(self._state, damage=whole)

    def _sync(self, now: datetime) -> None:
        profile = self._state.profile
        known = self._contents if self._follow_profile() else None
        is_written = now >= self._reads_until
        if is_written:
            self._maintain(now)
        contents = read_contents(self.store, known, self._copy)
        source: Source = "local" if self._local else "live"
        if contents is known and self._state.source == source and self._state.profile is profile:
            self._refresh(now)
        else:
            self._show(contents, source, now, known)
            if self._copy and not contents.problems:
                self._copy.keep(replace(contents, as_of=now), self._state.profile)
        self._report("sync", tuple(contents.problems.values()))
        if is_written:
            self._keep_days(now)

    def _follow_profile(self) -> bool:
        """Read what the dataset `board` says; return whether the suites are as before. Errors leave what was there."""
        before = _every_suite()
        try:
            profile = self._profiles.read()
            self._state = replace(self._state, profile=profile)
            self._report("profile", tuple(profile.problems.values()))
        except ThrottledError:
            raise
        except BoardError as error:
            self._report("profile", (f"board: its settings are not read just now: {error}",))
        except Exception as error:
            log.exception("profile of %s", self.store.name)
            self._report("profile", (f"board: its settings cannot be read ({type(error).__name__}: {error}).",))
        return _every_suite() == before

    def _maintain(self, now: datetime) -> None:
        """Whatever goes wrong here, rows are read all the same."""
        if not self._maintenance:
            return
        try:
            damage = self._maintenance()
            self._report("maintenance", damage if isinstance(damage, tuple) else ())
        except DeniedError as error:
            self._only_read(error, now)
        except ThrottledError:
            raise
        except BoardError as error:
            self._report("maintenance", (f"results: what is new is not published just now: {error}",))
        except Exception as error:
            log.exception("maintenance of %s", self.store.name)
            self._report(
                "maintenance", (f"results: what is new is not published just now ({type(error).__name__}: {error}).",)
            )

    def _keep_days(self, now: datetime) -> None:
        today = now.date()
        try:
            for suite, snapshot in self._state.snapshots.items():
                if self._keep_day and self._kept.get(suite) != (snapshot.revision, today):
                    self._keep_day(snapshot, today)
                    self._kept[suite] = (snapshot.revision, today)
        except DeniedError as error:
            self._only_read(error, now)
        except BoardError as error:
            log.warning("Today's table is not kept yet: %s", error)

    def _only_read(self, error: DeniedError, now: datetime) -> None:
        if self._reads_until == NEVER:
            log.info("This board only reads: %s", error)
        self._reads_until = now + DENIED

    def _tell(self, listeners: Sequence[Callable[[Snapshot], object]]) -> None:
        """Call `listeners` with the rows of now, once anybody reads them."""
        for snapshot in self._state.snapshots.values() if self._scheduler else ():
            for listener in listeners:
                self._scheduler.add_job(listener, args=[snapshot], misfire_grace_time=None)

    def _prepare(self, state: State) -> None:
        """Let those who listen make what the readers of new rows share, so that the first reader does not wait."""
        old = self._state.snapshots
        for suite, snapshot in state.snapshots.items() if self._scheduler else ():
            if suite not in old or old[suite].frame is not snapshot.frame:
                for listener in self._listeners:
                    try:
                        listener(snapshot)
                    except Exception:  # it is made when it is asked for, or fails there
                        log.exception("preparing the rows of %s", suite)

    def _show(self, contents: Contents, source: Source, as_of: datetime, known: Contents | None) -> None:
        before = self._state
        snapshots = self._snapshots(contents, self.store.name, source, as_of, before if known else None)
        state = State(snapshots, source, as_of, None, before.damage, before.profile)
        self._prepare(state)
        self._contents, self._state = contents, state

    def _snapshots(
        self, contents: Contents, store: str, source: Source, as_of: datetime, before: State | None
    ) -> dict[str, Snapshot]:
        """Return what `contents` make. A suite that did not change since `before` keeps its frame and revision."""
        snapshots = {}
        profile = self._state.profile
        for name in suites.names():
            if name not in contents.frames:
                continue
            suite = suites.load(name)
            frame = self._dress(suite, contents.frames[name], profile)
            old = before.snapshots.get(name) if before else None
            revision = contents.revision
            if frame is not contents.frames[name] and profile.revision:
                revision = f"{revision}+{profile.revision}"
            if old is not None and old.frame is frame:
                revision = old.revision
            snapshots[name] = Snapshot(frame, suite, revision, source, as_of, None, store, self.identity)
        return snapshots

    def _dress(self, suite: Suite, frame: pd.DataFrame, profile: Profile) -> pd.DataFrame:
        """Return a suite's rows after moderation, with the columns that a newcomer sees; made once for each."""
        columns = profile.config.columns
        known = self._dressed.get(suite.name)
        if known and known.base is frame and known.rest == (suite, profile.moderation.entries, columns):
            return known.frame
        dressed = moderated(frame, suite, profile.moderation)
        if dressed is not frame:
            dressed = with_certainty(dressed, suite)
        if columns:
            dressed = dressed.copy(deep=False)
            dressed.attrs["columns"] = columns
        self._dressed[suite.name] = _Dressed(frame, (suite, profile.moderation.entries, columns), dressed)
        return dressed

    def _refresh(self, now: datetime) -> None:
        """Return the same rows, known to be current as of `now`."""
        self._state = _restamp(self._state, as_of=now, problem=None)

    def _keep(self, problem: str) -> None:
        """Return the same rows, with the reason why they are not newer."""
        log.warning("%s", problem)
        self._state = _restamp(self._state, as_of=self._state.as_of, problem=problem)


class _Dressed(NamedTuple):
    base: pd.DataFrame
    rest: tuple[Suite, tuple[Any, ...], tuple[str, ...]]
    frame: pd.DataFrame


def _every_suite() -> dict[str, Suite]:
    return {name: suites.load(name) for name in suites.names()}


def _restamp(state: State, as_of: datetime, problem: str | None) -> State:
    snapshots = {name: replace(each, as_of=as_of, problem=problem) for name, each in state.snapshots.items()}
    return replace(state, snapshots=snapshots, as_of=as_of, problem=problem)


def _empty(suite: Suite) -> pd.DataFrame:
    return from_contents(pd.DataFrame(columns=["fullname", *(each.column for each in suite.benchmarks)]), suite)
