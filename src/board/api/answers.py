"""Answers made once and kept while there is room, sent in the smallest form the reader takes."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import cached_property
from threading import Lock
from typing import Generic, TypeVar

import brotli
from cachetools import LRUCache
from starlette.requests import Request
from starlette.responses import Response

from src.board.table.payload import File

ROOM = 96 * 1024 * 1024  # bytes of answers kept, compressed forms and keys counted
OVERHEAD = 600  # bytes of an entry beside its answer: key, object and place in the cache
WORTHWHILE = 1000  # bytes; below that, compressing saves nothing
RANGE = re.compile(r"bytes=(?=\d|-\d)(\d{0,18})-(\d{0,18})")
"""One range; of several the whole is sent, as RFC 9110 allows."""
PACKED = ("application/vnd.apache.parquet", "application/zip")


class CachedAnswer(File):
    """An answer for one reader or many, compressed quickly: most are read a few times only."""

    @cached_property
    def brotli(self) -> bytes:
        """The bytes, compressed for a reader that takes brotli."""
        return brotli.compress(self.body, quality=2)

    @cached_property
    def gzip(self) -> bytes:
        """The bytes, compressed for any other reader."""
        return gzip.compress(self.body, compresslevel=4, mtime=0)


A = TypeVar("A", bound=CachedAnswer)


class AnswerCache(Generic[A]):
    """A cache by address. However many ask at once, one makes the answer and the others wait for it.

    The least recently used answers make room. Keys are kept as hashes: a long address takes no more than a short one.
    """

    def __init__(self, room: int = ROOM) -> None:
        self._made: LRUCache[bytes, A | bytes] = LRUCache(room, getsizeof=_size)
        self._making: dict[bytes, Future[A]] = {}
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], A]) -> A:
        """Return the answer under `key`; call `make` if there is none. What `make` raises is raised, and not kept."""
        hashed = _hash(key)
        with self._lock:
            kept = self._made.get(hashed)
            if isinstance(kept, CachedAnswer):
                return kept
            future = self._making.get(hashed)
            if is_ours := future is None:
                future = self._making[hashed] = Future()
        assert future is not None
        if is_ours:
            try:
                answer = make()
                self._put(hashed, answer)
                future.set_result(answer)
            except BaseException as error:
                future.set_exception(error)
            finally:
                with self._lock:
                    self._making.pop(hashed, None)
        return future.result()

    def peek(self, key: Hashable) -> A | None:
        """Return the answer under `key` if it is kept."""
        with self._lock:
            kept = self._made.get(_hash(key))
        return kept if isinstance(kept, CachedAnswer) else None

    def keep(self, key: Hashable, answer: A) -> None:
        """Keep `answer` under `key`."""
        self._put(_hash(key), answer)

    def send(
        self, request: Request, file: CachedAnswer, media: str, headers: dict[str, str], status_code: int = 200
    ) -> Response:
        """Return `file` in the best encoding the reader takes; only headers if its `If-None-Match` names it."""
        encoding = "identity" if len(file.body) < WORTHWHILE or media in PACKED else _encoding(request)
        # a tag is of the bytes sent: proxies may not mix a compressed form with a plain one
        tag = f'"{file.name}{"" if encoding == "identity" else "-" + encoding}"'
        headers = {**headers, "ETag": tag}
        if status_code == 200 and tag in _tags(request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        body = file.body
        if encoding == "identity" and status_code == 200:
            headers["Accept-Ranges"] = "bytes"
            asked = request.headers.get("range") if request.headers.get("if-range", tag) == tag else None
            if asked and (match := RANGE.fullmatch(asked.replace(" ", ""))):
                return _part(body, match[1], match[2], media, headers)
        if encoding != "identity":
            headers["Content-Encoding"] = encoding
            body = self._compressed(file, encoding)
        return Response(body, status_code, media_type=media, headers=headers)

    @property
    def size(self) -> int:
        """Bytes kept."""
        with self._lock:
            return int(self._made.currsize)

    def _compressed(self, file: CachedAnswer, encoding: str) -> bytes:
        key = _hash((file.name, encoding))
        with self._lock:
            kept = self._made.get(key)
        if not isinstance(kept, bytes):
            # not by the file's own property: what it remembers is not counted here
            kept = type(file)(file.body).brotli if encoding == "br" else type(file)(file.body).gzip
            self._put(key, kept)
        return kept

    def _put(self, key: bytes, value: A | bytes) -> None:
        with self._lock:
            if _size(value) <= self._made.maxsize:
                self._made[key] = value


def _size(value: CachedAnswer | bytes) -> int:
    return OVERHEAD + len(value if isinstance(value, bytes) else value.body)


def _hash(key: Hashable) -> bytes:
    return hashlib.blake2b(repr(key).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _part(body: bytes, first: str, last: str, media: str, headers: dict[str, str]) -> Response:
    """Return the bytes that a `Range` asks for, from `first` to `last` or the `last` many; 416 if there are none."""
    size = len(body)
    start = int(first) if first else max(0, size - int(last or 0))
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end or start >= size:
        return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
    headers = headers | {"Content-Range": f"bytes {start}-{end}/{size}"}
    return Response(body[start : end + 1], 206, media_type=media, headers=headers)


def _encoding(request: Request) -> str:
    """Return the best of brotli, gzip and none that the reader takes."""
    taken: dict[str, float] = {}
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.partition(";q=")
        try:
            taken[name.strip()] = float(weight or 1)
        except ValueError:
            continue
    return next((name for name in ("br", "gzip") if taken.get(name, taken.get("*", 0)) > 0), "identity")
