"""The commits of a folder store: its manifests, which are the truth, and its log, their index, kept in step.

The order of a commit: its bytes are staged; under the lock they get their names, the manifest is written and synced
(from here on the commit counts), and the log takes it in. A log that is missing, damaged, behind, or was copied with
the folder is made again from the manifests; a file of manifests that is damaged, from the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from src.core.errors import BusyError, StoreError, UnknownOutcomeError
from src.core.store.disk import locked
from src.core.store.log import Log, LogDamagedError
from src.core.store.manifests import End, Manifest, Manifests, Written
from src.core.store.placing import APPENDED, Placing
from src.core.store.restoring import adoption, completed, differing, given_up, last_known

logger = logging.getLogger(__name__)


class Ledger:
    """The commits of one folder. Safe for threads and processes: only the holder of the lock changes anything."""

    WAIT = 30.0  # seconds for another writer

    def __init__(self, root: Path, name: str, placing: Placing, clock: Callable[[], datetime]) -> None:
        self._root, self._name, self._placing, self._clock = root, name, placing, clock
        house = root / ".board"
        self._lock, self._here = house / "lock", house / "here"
        self._manifests = Manifests(house / "commits.jsonl")
        self.log = Log(house / "log.sqlite3")

    def open(self) -> None:
        """Make the log fit the manifests, whatever happened to the folder. Raises OSError, StoreError."""
        if self.log.is_sound():  # takes a while, and needs no lock
            with self._locked():
                self._follow()
            return
        with self._locked():
            if self.log.is_sound():  # somebody was quicker
                self._follow()
            else:
                self._rebuild()

    def refresh(self) -> None:
        """Take in what a writer committed and could not log before it died; cheap if there is nothing."""
        if self._manifests.size() == self.log.end().at:
            return
        with suppress(OSError), locked(self._lock, 0) as is_held:  # a disk that only reads still shows what is logged
            if is_held:  # else a writer is at it
                self._follow()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Be the only writer. If the block raises, it has committed nothing."""
        with self._locked():
            self._follow()
            end = self.log.end()
            try:
                with self.log.transaction():
                    yield
            except BaseException as error:
                self._take_back(end, error)
                raise

    def commit(self, dataset: str, rev: str, at: str, message: str, files: Mapping[str, Written | None]) -> None:
        """Make it count that files have these bytes (None: are deleted), which are in place; within a `turn`."""
        manifest = Manifest(self.log.last() + 1, at, dataset, rev, message, files)
        end = self._manifests.append([manifest], self.log.end().at)
        self.log.follow([manifest], end)

    def is_wrong(self, dataset: str, path: str, oid: str) -> bool:
        """Return whether the manifests name other bytes for a file than the log does."""
        return self._manifests.names_other(dataset, path, oid)

    def rebuild(self) -> None:
        """Make the log again from the manifests."""
        with self._locked():
            self._rebuild()

    def take_in(self) -> list[str]:
        """Make the log again, and commit what else lies in the folder, as it lies there; return that, with dataset."""
        with self._locked():
            return self._rebuild(adopt=True)

    def put_back(self, dataset: str, path: str, oid: str) -> None:
        """Give a file that was deleted by hand its name again, from its second one; no writer is waited for."""
        if (self._root / dataset / path).exists():
            return
        with locked(self._lock, 0) as is_held:
            if is_held and (dataset, path, oid) in self.log.current(dataset, path):
                self._placing.put_back(dataset, path, oid)
                logger.warning("%s/%s was missing in %s; it was put back.", dataset, path, self._name)

    def recover(self) -> None:
        """Make the log again if it is damaged; somebody else may have done so meanwhile."""
        self.open()

    def lost(self) -> list[str]:
        """Return the files (with dataset) that manifests name, whose bytes were not in the folder and are not now."""
        current = {f"{dataset}/{path}" for dataset, path, _ in self.log.current()}
        named = (paths for manifest in self._manifests.read().manifests for paths in manifest.given_up.values())
        return sorted({path for paths in named for path in paths} - current)

    def _follow(self) -> None:
        if not self.log.is_made_in(self._place()):
            self._rebuild()
            return
        end, size = self.log.end(), self._manifests.size()
        if not self._manifests.holds(end):
            logger.warning("The manifests of %s were damaged; they are written again from its log.", self._name)
            with self.log.transaction():
                self.log.follow([], self._manifests.rewrite(self.log.export()))
            return
        if size == end.at:
            return
        reading = self._manifests.read(end.at)
        if any(manifest.given_up for manifest in reading.manifests):
            self._rebuild()
            return
        with self.log.transaction():
            self.log.follow(reading.manifests, reading.end if reading.end.line else end)
        self._manifests.cut(reading.end.at)

    def _rebuild(self, adopt: bool = False) -> list[str]:
        reading, new = self._manifests.read(), list[Manifest]()
        manifests = completed(reading.manifests, self._logged(not reading.manifests))
        number, at = max((one.number for one in manifests), default=0) + 1, self._clock().isoformat()
        replaced = set[tuple[str, str, str]]()  # what lies among the old only

        def is_there(dataset: str, path: str, oid: str) -> bool:
            where = self._placing.find(dataset, path, oid)
            if where == self._placing.kept(oid):
                replaced.add((dataset, path, oid))
            return where is not None

        missing = given_up(manifests, is_there)
        if missing:
            new.append(Manifest(number, at, given_up=missing))
            paths = [path for lost in missing.values() for path in lost]
            logger.warning("%s does not hold %d file(s) its manifests name: %s", self._name, len(paths), paths[:5])
        is_damaged = reading.damaged > 0 and len(manifests) == len(reading.manifests)
        others = list[Manifest]()
        if adopt or is_damaged or not reading.manifests:
            files = differing(self._placing, last_known([*manifests, *new]))
            others = adoption(files, number + 1, at, "files that were here before the manifests")
            new += others
        end = reading.end
        if len(manifests) > len(reading.manifests):
            end = self._manifests.rewrite([*manifests, *new])
        elif new:
            end = self._manifests.append(new, end.at)
        self._here.touch()
        self.log.make([*manifests, *new], end, self._place())
        for file in self.log.current():
            if file in replaced:
                self._placing.put_back(*file)
            if not APPENDED.fullmatch(file[0]):
                self._placing.keep(file[2], self._root / file[0] / file[1])
        return [f"{manifest.dataset}/{path}" for manifest in others for path in manifest.files]

    def _logged(self, anyway: bool) -> list[Manifest]:
        """Return what the log says, if it is whole. `anyway`: also one of an earlier version, which cannot tell."""
        try:
            return self.log.export() if anyway or self.log.is_sound() else []
        except (LogDamagedError, StoreError, TypeError, ValueError):
            return []

    def _place(self) -> str:
        """Return what tells this folder from any copy of it: a copy's files are other files, made at another time."""
        try:
            here = self._here.stat()
        except FileNotFoundError:
            return ""
        return f"{here.st_ino}:{here.st_ctime_ns}"

    def _take_back(self, end: End, error: BaseException) -> None:
        try:
            if self._manifests.size() > end.at:
                self._manifests.cut(end.at)
        except OSError:
            raise UnknownOutcomeError(
                f"The disk of {self._name} failed in the middle of a commit; whether it counts is not known."
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with locked(self._lock, self.WAIT) as is_held:
            if not is_held:
                raise BusyError(f"{self._name} is being written by another process; try again shortly.")
            yield
