"""Repositories as the Hub has them: git trees with real ids, a chain of commits, branches, large files, a quota."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tools.hub.faults import Faults

LARGE = (".parquet", ".safetensors", ".bin", ".arrow", ".gz", ".zst", ".pt")


Changes = Mapping[str, "bytes | str | None"]
"""Path → its bytes, the sha256 of a large file that is there already, or None to delete it."""


class RefusedError(Exception):
    """An answer other than 2xx."""

    def __init__(self, status: int, message: str, code: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, dict(headers or {})


class Stamp(NamedTuple):
    """Who wrote a file last."""

    number: int
    commit: str
    title: str
    date: float


class Blob(NamedTuple):
    oid: str
    size: int
    sha256: str | None
    stamp: Stamp


class Tree:
    """A folder. Never changed: `put` makes new folders along the paths that change."""

    def __init__(self, items: dict[str, Tree | Blob]) -> None:
        self.items = items
        self._oid: str | None = None

    @property
    def oid(self) -> str:
        if self._oid is None:
            named = sorted((name + "/" if isinstance(item, Tree) else name, item) for name, item in self.items.items())
            body = b"".join(
                (b"40000 " if isinstance(item, Tree) else b"100644 ")
                + name.rstrip("/").encode()
                + b"\0"
                + bytes.fromhex(item.oid)
                for name, item in named
            )
            self._oid = hashlib.sha1(b"tree %d\0" % len(body) + body).hexdigest()
        return self._oid

    def get(self, path: str) -> Tree | Blob | None:
        here: Tree | Blob | None = self
        for part in path.split("/") if path else ():
            here = here.items.get(part) if isinstance(here, Tree) else None
        return here

    def put(self, changes: Mapping[str, Blob | None]) -> Tree:
        items, below = dict(self.items), dict[str, dict[str, Blob | None]]()
        for path, blob in changes.items():
            name, _, rest = path.partition("/")
            if rest:
                below.setdefault(name, {})[rest] = blob
            elif blob is None:
                items.pop(name, None)
            else:
                items[name] = blob
        for name, inner in below.items():
            child = items.get(name)
            made = (child if isinstance(child, Tree) else Tree({})).put(inner)
            if made.items:
                items[name] = made
            else:
                items.pop(name, None)
        return Tree(items)

    def walk(self, prefix: str = "", deep: bool = True) -> Iterator[tuple[str, Tree | Blob]]:
        for name, item in sorted(self.items.items()):
            yield prefix + name, item
            if deep and isinstance(item, Tree):
                yield from item.walk(f"{prefix}{name}/")


@dataclass(frozen=True)
class Commit:
    number: int
    oid: str
    parent: str | None
    title: str
    date: float
    tree: Tree
    changed: tuple[str, ...]


@dataclass
class Repo:
    kind: str  # models, datasets, spaces
    id: str
    private: bool = False
    gated: bool = False
    commits: dict[str, Commit] = field(default_factory=dict)  # oid → commit
    chain: list[Commit] = field(default_factory=list)  # of main
    refs: dict[str, str] = field(default_factory=dict)
    pulls: list[str] = field(default_factory=list)  # titles
    times: deque[float] = field(default_factory=deque)  # of commits in the last hour
    lock: threading.RLock = field(default_factory=threading.RLock)

    def at(self, rev: str, back: int = 0) -> Commit:
        """Return the commit a revision names; `back` commits earlier if it is main."""
        if rev in {"main", "refs/heads/main"}:
            return self.chain[max(0, len(self.chain) - 1 - back)]
        oid = self.refs.get(rev, rev)
        if oid not in self.commits:
            near = [one for one in self.commits if len(oid) >= 7 and one.startswith(oid)]
            if not near:
                raise RefusedError(404, f"Invalid rev id: {rev}", "RevisionNotFound")
            oid = near[0]
        return self.commits[oid]


@dataclass
class Spaces:
    """How Spaces stand: `stages` come one after the other, the last one for ever; a test may change everything."""

    secrets: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    stages: list[str] = field(default_factory=lambda: ["BUILDING", "APP_STARTING", "RUNNING"])
    error: str | None = None
    answers: bool = True


class Hub:
    """All repositories, in memory and, with `root`, on disk. `quota`: commits an hour and repository.

    `sparse`: answer as sparingly as other servers that speak the Hub's protocol: no folders in recursive listings, no
    ids of folders, no `lastCommit`, no `cardData`, no tags, no sizes in the information on a repository.
    """

    def __init__(
        self,
        *,
        root: Path | None = None,
        faults: Faults | None = None,
        clock: Callable[[], float] = time.time,
        quota: int | None = None,
        readers: tuple[str, ...] = (),
        hang: float = 3.0,
        sparse: bool = False,
    ) -> None:
        self.faults, self.clock, self.quota = faults or Faults(), clock, quota
        self.readers, self.hang = readers, hang  # tokens that may only read; seconds until a hanging call ends
        self.sparse = sparse
        self.repos: dict[tuple[str, str], Repo] = {}
        self.spaces = Spaces()
        self.calls: Counter[str] = Counter()
        self.refused: Counter[int] = Counter()
        self._objects: dict[str, bytes] = {}
        self._root = root
        self._lock = threading.Lock()
        if root:
            self._load(root)

    def repo(self, kind: str, name: str) -> Repo:
        try:
            return self.repos[kind, name]
        except KeyError:
            raise RefusedError(404, "Repository not found", "RepoNotFound") from None

    def create(self, kind: str, name: str, private: bool = False, gated: bool = False) -> Repo:
        with self._lock:
            if (kind, name) in self.repos:
                raise RefusedError(409, "You already created this repo")
            repo = self.repos[kind, name] = Repo(kind, name, private, gated)
        self._log(repo, {"create": {"private": private, "gated": gated}})
        self.commit(repo, {".gitattributes": b"*.parquet filter=lfs\n"}, "initial commit")
        return repo

    def seed(self, kind: str, name: str, files: Mapping[str, bytes], title: str = "files") -> str:
        """Return files of a test, committed at once; the repository is made if it is missing."""
        repo = self.repos.get((kind, name)) or self.create(kind, name)
        kept = {path: self.put_large(data) if is_large(path, len(data)) else data for path, data in files.items()}
        return self.commit(repo, kept, title).oid

    def commit(
        self, repo: Repo, files: Changes, title: str, *, parent: str | None = None, branch: str = "main"
    ) -> Commit:
        """Return one commit: bytes, the sha256 of a large file that lies there, or None to delete."""
        with repo.lock:
            start = repo.at(branch) if repo.chain else None
            if parent and start and not start.oid.startswith(parent):
                raise RefusedError(412, "A commit has happened since. Please refresh and try again.")
            self._count(repo)
            commit = self._made(repo, start, files, title, date=self.clock(), branch=branch)
            kept = {path: None if data is None else self._store(data)[0] for path, data in files.items()}
            self._log(repo, {"title": title, "date": commit.date, "branch": branch, "files": kept})
            return commit

    def put_large(self, data: bytes) -> str:
        """Store a large file; return its name."""
        name = hashlib.sha256(data).hexdigest()
        self._keep(name, data)
        return name

    def has(self, name: str) -> bool:
        return name in self._objects or bool(self._root and (self._root / "objects" / name).exists())

    def data(self, blob: Tree | Blob | None) -> bytes:
        assert isinstance(blob, Blob), "no such file"
        return self._load_object(blob.sha256 or blob.oid)

    def _made(
        self, repo: Repo, start: Commit | None, files: Changes, title: str, *, date: float, branch: str
    ) -> Commit:
        number = (start.number if start else 0) + 1
        names = {path: None if data is None else self._store(data) for path, data in files.items()}
        output = json.dumps(
            [start.oid if start else None, title, date, sorted((p, n and n[0]) for p, n in names.items())]
        )
        oid = hashlib.sha1(f"{repo.kind}/{repo.id}/{branch}/{output}".encode()).hexdigest()
        stamp = Stamp(number, oid, title, date)
        blobs = {path: None if name is None else Blob(*name[1:], stamp) for path, name in names.items()}
        tree = (start.tree if start else Tree({})).put(blobs)
        commit = Commit(number, oid, start.oid if start else None, title, date, tree, tuple(files))
        repo.commits[oid] = commit
        if branch == "main":
            repo.chain.append(commit)
        else:
            repo.refs[branch] = oid
        return commit

    def _store(self, data: bytes | str) -> tuple[str, str, int, str | None]:
        """(object's name, git id, size, sha256 of a large file)."""
        if isinstance(data, str):
            if not self.has(data):
                raise RefusedError(404, f"There is no large file {data}")
            size = len(self._load_object(data))
            pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{data}\nsize {size}\n".encode()
            return data, git_id(pointer), size, data
        oid = git_id(data)
        self._keep(oid, data)
        return oid, oid, len(data), None

    def _count(self, repo: Repo) -> None:
        now = self.clock()
        while repo.times and repo.times[0] <= now - 3600:
            repo.times.popleft()
        if self.quota is not None and len(repo.times) >= self.quota:
            wait = max(1, int(repo.times[0] + 3600 - now) + 1)
            raise RefusedError(
                429, "You have exceeded our hourly quota for commits.", headers={"Retry-After": str(wait)}
            )
        repo.times.append(now)

    def _keep(self, name: str, data: bytes) -> None:
        if self._root:
            place = self._root / "objects" / name
            if not place.exists():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
        else:
            self._objects[name] = data

    def _load_object(self, name: str) -> bytes:
        return self._objects[name] if self._root is None else (self._root / "objects" / name).read_bytes()

    def _log(self, repo: Repo, line: object) -> None:
        if self._root:
            place = self._root / "repos" / repo.kind / f"{repo.id.replace('/', '~')}.jsonl"
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("a") as file:
                file.write(json.dumps(line) + "\n")

    def _load(self, root: Path) -> None:
        for place in sorted((root / "repos").glob("*/*.jsonl")):
            kind, name = place.parent.name, place.stem.replace("~", "/")
            repo = self.repos[kind, name] = Repo(kind, name)
            for line in map(json.loads, place.read_text().splitlines()):
                if made := line.get("create"):
                    repo.private, repo.gated = made["private"], made["gated"]
                    continue
                start = repo.at(line["branch"]) if repo.chain else None
                files = {
                    path: None if one is None else one if len(one) == 64 else self._load_object(one)
                    for path, one in line["files"].items()
                }
                self._made(repo, start, files, line["title"], date=line["date"], branch=line["branch"])


def git_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_large(path: str, size: int) -> bool:
    return path.endswith(LARGE) or size > 5_000_000
