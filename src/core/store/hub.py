"""The store that is an owner on the Hugging Face Hub: its datasets, over the public client.

What the client leaves to its callers is done here: time-outs, retries, looking before a write is repeated, waits that a
429 names, and no token in a message or a log.
"""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any, TypeVar
from urllib.parse import quote

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, HfFileSystem, constants
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError, RepositoryNotFoundError
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from src.core.errors import (
    BusyError,
    ConflictError,
    CorruptError,
    NotFoundError,
    StoreError,
    ThrottledError,
    UnknownOutcomeError,
)
from src.core.store.client import ServerClock, as_store_error, use_client
from src.core.store.files import one_dataset, split_path
from src.core.store.order import FileCommit, Order, first_commits
from src.core.store.protocol import Entry, Rev
from src.core.store.tree import Leaf, Trees

T = TypeVar("T")


class HubStore:
    """The datasets of one owner. Safe for threads. `sleep` and `rng` are the caller's, so that tests need not wait.

    `patience`: seconds that one call may spend on repeating itself; then its error is raised. `polite`: seconds by
    which it may wait longer than a 429 asks, at random: so others go first, and more travel together.
    """

    def __init__(
        self,
        owner: str,
        *,
        token: str | bool | None = None,
        endpoint: str | None = None,
        cache_dir: str | Path | None = None,
        private: bool | None = None,
        max_wait: float = 300.0,
        jitter: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        rng: random.Random | None = None,
    ) -> None:
        use_client()
        self.owner, self.name = owner, f"hub:{owner}"
        self._endpoint = (endpoint or constants.ENDPOINT).rstrip("/")
        self._token = token
        self._api = HfApi(endpoint=self._endpoint, token=token, library_name="open-llm-leaderboard")
        self._blobs = Path(cache_dir or Path(constants.HF_HOME) / "board-blobs")
        self._private, self._patience, self._polite = private, max_wait, jitter
        self._sleep, self._monotonic, self._rng = sleep, monotonic, rng or random.Random()
        self._hands_on = False  # a 429 at once, instead of waiting
        self._clock = ServerClock(monotonic)
        self._trees = Trees(self._fetch_tree)
        self._order = Order(self.name, self._written, self.list)

    def head(self, dataset: str) -> Rev:
        repo = self._repo(dataset)

        def call() -> Rev:
            response = self._get(f"/api/datasets/{repo}", params={"expand": ["sha"]})
            return str(response.json()["sha"])

        return self._read_call(call, dataset)

    def list(self, prefix: str, rev: Rev | None = None) -> Sequence[Entry]:
        dataset, folder = split_path(prefix)
        at = rev or self.head(dataset)
        leaves = self._read_call(lambda: self._trees.leaves(dataset, at, folder), prefix)
        return [Entry(f"{dataset}/{leaf.path}", leaf.oid, leaf.size) for leaf in leaves]

    def read(self, path: str, rev: Rev | None = None) -> bytes:
        dataset, rest = split_path(path)
        at = rev or self.head(dataset)
        leaf = self._trees.find(dataset, at, rest) or self._find([rest], dataset, at).get(rest)
        if leaf is None:
            raise NotFoundError(f"There is no {path} in {self.name} at {at[:7]}.")
        cached = self._blobs / leaf.oid[:2] / leaf.oid
        with suppress(OSError):  # not there, or a disk that fails: it is asked for
            if leaf.is_whole(data := cached.read_bytes()):
                return data

        def call() -> bytes:
            data = self._get(f"/datasets/{self._repo(dataset)}/resolve/{at}/{quote(rest)}").content
            if not leaf.is_whole(data):
                raise CorruptError(
                    f"{path} came from {self.name} with {len(data)} bytes that are not what was committed."
                )
            return data

        data = self._read_call(call, path)
        if len(data) <= CACHED:
            with suppress(OSError):  # a full disk, or one of others: the next read asks again
                cached.parent.mkdir(parents=True, exist_ok=True)
                staged = cached.with_name(f"{leaf.oid}.{self._rng.getrandbits(48):x}")
                staged.write_bytes(data)
                staged.replace(cached)
        return data

    def open(self, path: str, rev: Rev | None = None) -> IO[bytes]:
        dataset, rest = split_path(path)
        at = rev or self.head(dataset)
        files = HfFileSystem(endpoint=self._endpoint, token=self._token)
        try:
            # HTTP ranges of this size: what a page shows is a few kilobytes of hundreds of megabytes
            return files.open(f"datasets/{self._repo(dataset)}/{rest}", revision=at, block_size=RANGE)  # type: ignore[no-any-return]
        except FileNotFoundError as error:
            raise NotFoundError(f"There is no {path} in {self.name} at {at[:7]}.") from error
        except Exception as error:
            raise as_store_error(error, path, writing=False) from error

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        dataset, wanted = one_dataset(files)
        contents = {path: data for path, data in wanted if data is not None}

        at: Rev | None = None  # what the last look after a doubt saw
        moved = 0

        def look(doubt: bool) -> Rev | None:
            """Return a revision that holds all of it already. Raises ConflictError if something else lies there."""
            nonlocal at
            at = self.head(dataset) if doubt else None
            there = self._find(list(contents), dataset, at)
            for path, leaf in there.items():
                if not leaf.is_whole(contents[path]):
                    raise ConflictError(f"{dataset}/{path} is there already with other bytes; it is written once.")
            if len(there) < len(contents):
                return None
            at = at or self.head(dataset)
            if not doubt and len(self._find(list(contents), dataset, at)) < len(contents):
                raise BusyError(f"{self.name} still shows {dataset} as it was before this was written.")
            return at

        def commit() -> Rev:
            nonlocal moved
            # what may have landed is repeated only if nothing did since the look; if others write all the time,
            # the same bytes once more do no harm
            parent = at if moved < PARENTS else None
            try:
                return self._commit(dataset, contents, (), parent, message)
            except ConflictError as error:
                moved += 1
                raise BusyError(str(error)) from error

        return self._write(dataset, look, commit, create=True)

    def replace(self, files: Mapping[str, bytes | None], expect: Rev | None, message: str = "") -> Rev:
        dataset, wanted = one_dataset(files)
        contents = {path: data for path, data in wanted if data is not None}
        gone = [path for path, data in wanted if data is None]
        tried = False

        def look(doubt: bool) -> Rev | None:
            nonlocal expect
            if tried:
                at = self.head(dataset)
                there = self._find([path for path, _ in wanted], dataset, at)
                if there.keys() == contents.keys() and all(there[path].is_whole(contents[path]) for path in contents):
                    return at  # the outcome was unknown: it landed
                if at != expect:
                    raise ConflictError(f"{dataset} in {self.name} moved on to {at}; read it again, then write.")
            elif expect is None:
                if self._exists(dataset):
                    raise ConflictError(f"There is a {dataset} in {self.name} already; read it, then write.")
                self._create(dataset)
                expect = self.head(dataset)
            return None

        def commit() -> Rev:
            nonlocal tried
            there = self._find(gone, dataset, expect) if gone else {}
            tried = True
            return self._commit(dataset, contents, there, expect, message)

        return self._write(dataset, look, commit)

    def order(self, paths: Sequence[str], rev: Rev | None = None) -> Sequence[str]:
        return self._order.of(paths, rev)

    def now(self) -> datetime:
        if not self._clock.is_set:
            self._read_call(lambda: self._get("/api/datasets", params={"limit": 1}), "the Hub's clock")
        return self._clock.now()

    def check_write(self, dataset: str) -> None:
        """Raise DeniedError if this token may not write to `dataset`, or if there is no token."""

        def call() -> None:
            try:
                self._get(f"/api/datasets/{self._repo(dataset)}/auth-check/write")
            except HfHubHTTPError as error:
                if not isinstance(error, RepositoryNotFoundError) and error.response.status_code != 404:
                    raise
                # the dataset is not there yet, or the server has no such check
                self._get("/api/whoami-v2")

        self._read_call(call, f"write access to {dataset}")

    def impatient(self) -> HubStore:
        """Return the same store, which hands on a 429 for an append: for who finds more to write until it is over."""
        other = copy.copy(self)
        other._hands_on = True
        return other

    def wait_out(self, error: ThrottledError, waited: float) -> float | None:
        """Wait as a 429 asks and returns for how long, with what was `waited` before; None: patience is over."""
        wait = self._pause(error, 0)
        if waited + wait > self._patience:
            return None
        self._sleep(wait)
        return waited + wait

    def _write(
        self, dataset: str, look: Callable[[bool], Rev | None], commit: Callable[[], Rev], create: bool = False
    ) -> Rev:
        """Look, writes, and after every doubtful outcome looks again before it writes again."""
        started, tries, doubt = self._monotonic(), 0, False
        hands_on = self._hands_on and create
        while True:
            error: StoreError | None = None
            try:
                if (rev := look(doubt)) is not None:
                    return rev
                try:
                    rev = commit()
                except ConflictError:
                    if not doubt:
                        raise
                else:
                    if not doubt:
                        return rev
                # after a doubt the client may find nothing to do at a head of yesterday: only a look settles it
            except NotFoundError:
                if not create:
                    raise
                self._create(dataset)
                create = False
                continue
            except (BusyError, ThrottledError, UnknownOutcomeError, CorruptError) as doubtful:
                error, doubt = doubtful, doubt or isinstance(doubtful, UnknownOutcomeError)
                if hands_on and not doubt and isinstance(error, ThrottledError):
                    raise
            wait = self._pause(error, tries)
            if self._monotonic() - started + wait > self._patience:
                raise error or UnknownOutcomeError(
                    f"Whether {dataset} in {self.name} was written is not known; look again later."
                )
            self._sleep(wait)
            tries += 1

    def _exists(self, dataset: str) -> bool:
        try:
            self.head(dataset)
        except NotFoundError:
            return False
        return True

    def _read_call(self, call: Callable[[], T], what: str) -> T:
        """Return a call that changes nothing: repeated while patience lasts."""
        started, tries = self._monotonic(), 0
        while True:
            try:
                try:
                    return call()
                except StoreError:
                    raise
                except Exception as error:
                    raise as_store_error(error, f"{what} in {self.name}", writing=False) from error
            except (BusyError, ThrottledError, UnknownOutcomeError, CorruptError) as error:
                wait = self._pause(error, tries)
                if tries >= READ_TRIES or self._monotonic() - started + wait > self._patience:
                    raise
                self._sleep(wait)
                tries += 1

    def _pause(self, error: StoreError | None, tries: int) -> float:
        if isinstance(error, ThrottledError):
            return error.retry_after + self._polite * self._rng.random()
        return float(min(30.0, 0.5 * 2**tries) * (0.5 + self._rng.random()))

    def _commit(
        self, dataset: str, files: Mapping[str, bytes], gone: Iterable[str], parent: Rev | None, message: str
    ) -> Rev:
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            CommitOperationAdd(path, data) for path, data in files.items()
        ]
        operations += [CommitOperationDelete(path) for path in gone]
        sent, asked = self._monotonic(), f"{dataset} in {self.name}"
        try:
            info = self._api.create_commit(
                self._repo(dataset),
                operations,
                commit_message=message or f"Write {len(operations)} file(s)",
                repo_type="dataset",
                parent_commit=parent,
            )
        except Exception as error:
            raise as_store_error(error, asked, writing=True, took=self._monotonic() - sent) from error
        return str(info.oid)

    def _create(self, dataset: str) -> None:
        try:
            self._api.create_repo(self._repo(dataset), repo_type="dataset", private=self._private, exist_ok=True)
        except Exception as error:
            raise as_store_error(error, f"{dataset} in {self.name}", writing=True) from error

    def _find(self, paths: Sequence[str], dataset: str, rev: Rev | None, expand: bool = False) -> dict[str, Leaf]:
        """Return those of the paths that are files at `rev`."""

        def call(part: Sequence[str]) -> dict[str, Leaf]:
            found = self._api.get_paths_info(
                self._repo(dataset), list(part), expand=expand, revision=rev, repo_type="dataset"
            )
            return {leaf.path: leaf for leaf in map(Leaf.of, found) if leaf is not None}

        found: dict[str, Leaf] = {}
        for start in range(0, len(paths), PATHS_A_CALL):
            part = paths[start : start + PATHS_A_CALL]
            found |= self._read_call(lambda part=part: call(part), dataset)  # type: ignore[misc]
        return found

    def _fetch_tree(self, dataset: str, rev: Rev, folder: str, recursive: bool) -> Sequence[Any]:
        try:
            return list(
                self._api.list_repo_tree(
                    self._repo(dataset), folder or None, recursive=recursive, revision=rev, repo_type="dataset"
                )
            )
        except EntryNotFoundError:
            return []

    def _written(self, paths: Sequence[str], rev: Rev | None) -> dict[str, FileCommit]:
        """Return when and in which commit each of these files was written last."""
        dataset, _ = split_path(paths[0])
        at = rev or self.head(dataset)
        leaves = self._find([split_path(path)[1] for path in paths], dataset, at, expand=True)
        written = {f"{dataset}/{rest}": leaf.written for rest, leaf in leaves.items() if leaf.written}
        if untold := [f"{dataset}/{rest}" for rest, leaf in leaves.items() if not leaf.written]:
            written |= first_commits(untold, self._commits(dataset, at), self.list)
        return written

    def _commits(self, dataset: str, rev: Rev) -> Sequence[FileCommit]:
        """Return every commit up to `rev`, oldest first."""

        def call() -> Sequence[FileCommit]:
            commits = self._api.list_repo_commits(self._repo(dataset), revision=rev, repo_type="dataset")
            return [FileCommit(commit.created_at, commit.commit_id) for commit in reversed(commits)]

        return self._read_call(call, dataset)

    def _get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        sent = self._monotonic()
        response = get_session().get(self._endpoint + path, params=params, headers=build_hf_headers(token=self._token))
        self._clock.hear(response.headers.get("date"), sent)
        hf_raise_for_status(response)
        return response

    def _repo(self, dataset: str) -> str:
        return f"{self.owner}/{split_path(dataset)[0]}"


RANGE = 256 * 1024
"""Bytes that a file opened for seeking asks for at a time."""
CACHED = 4 * 1024 * 1024
"""Files up to so many bytes are kept on disk, by what they hold; larger ones have readers of their own."""
PARENTS = 5
"""So often a doubtful append insists that nothing landed since it looked."""
PATHS_A_CALL = 500
READ_TRIES = 5
