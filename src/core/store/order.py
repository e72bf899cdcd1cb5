"""The order in which the Hub's commits wrote files: by their dates, and exactly if dates are too close to tell."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from src.core.errors import NotFoundError
from src.core.store.protocol import Entry, Rev


class FileCommit(NamedTuple):
    """The commit that last wrote a file."""

    date: datetime
    rev: Rev


class Order:
    """What is known of when files were written; for those written once it is known for ever.

    `written(paths, rev)` asks for the commits of files, `listing(folder, rev)` for what a folder held at one.
    """

    CLOSE = timedelta(seconds=5)  # dates have whole seconds, and several servers give them

    def __init__(
        self,
        name: str,
        written: Callable[[Sequence[str], Rev | None], Mapping[str, FileCommit]],
        listing: Callable[[str, Rev], Sequence[Entry]],
    ) -> None:
        self._name, self._ask, self._listing = name, written, listing
        self._written: dict[str, FileCommit] = {}
        self._held: dict[tuple[str, Rev], frozenset[str]] = {}

    def of(self, paths: Sequence[str], rev: Rev | None) -> Sequence[str]:
        """Return files of one folder, first written first, those of one commit as given.

        Raises NotFoundError for one that is not there at `rev`.
        """
        unknown = [path for path in paths if path not in self._written]
        if unknown:
            self._written |= self._ask(unknown, rev)
        if missing := [path for path in paths if path not in self._written]:
            raise NotFoundError(f"There is no {missing[0]} in {self._name}.")
        group = self._groups(paths)
        crowded = {group[a] for a, b in pairwise(group) if group[a] == group[b] and self._rev(a) != self._rev(b)}
        # a folder that only grows held the fewer of these files, the earlier the commit
        held = {path: len(self._at(path) & {*paths}) if group[path] in crowded else 0 for path in paths}
        return sorted(paths, key=lambda path: (group[path], held[path]))

    def _groups(self, paths: Sequence[str]) -> dict[str, int]:
        """Path → the number of its group, by date; a group is of those that follow one another closely."""
        by_date = sorted(paths, key=lambda path: self._written[path].date)
        group, number = dict.fromkeys(by_date[:1], 0), 0
        for before, path in pairwise(by_date):
            number += self._written[path].date - self._written[before].date > self.CLOSE
            group[path] = number
        return group

    def _rev(self, path: str) -> Rev:
        return self._written[path].rev

    def _at(self, path: str) -> frozenset[str]:
        """Return what the folder of a file held at the commit that wrote it."""
        place = (path.rpartition("/")[0], self._rev(path))
        if place not in self._held:
            self._held[place] = frozenset(entry.path for entry in self._listing(*place))
        return self._held[place]


def first_commits(
    paths: Sequence[str], commits: Sequence[FileCommit], listing: Callable[[str, Rev], Sequence[Entry]]
) -> dict[str, FileCommit]:
    """Return the commit that first held each path, for servers that do not say which commit wrote a file.

    Args:
        paths: Files of one folder, each written once and there at the last of `commits`.
        commits: Every commit of the dataset, oldest first.
        listing: Return the entries of a folder at a revision. Called O(log commits) times for each path, and at most
            once for each commit.
    """
    folder, held = paths[0].rpartition("/")[0], dict[Rev, frozenset[str]]()

    def is_there(path: str, commit: FileCommit) -> bool:
        if commit.rev not in held:
            held[commit.rev] = frozenset(entry.path for entry in listing(folder, commit.rev))
        return path in held[commit.rev]

    found: dict[str, FileCommit] = {}
    for path in paths:
        first = bisect_left(commits, True, key=lambda commit: is_there(path, commit))
        if first < len(commits):
            found[path] = commits[first]
    return found
