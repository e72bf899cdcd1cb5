"""Answers made once and kept while there is room, sent in the smallest form the reader takes."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from functools import cached_property
from threading import Lock
from typing import Any

import brotli
from starlette.requests import Request
from starlette.responses import Response

from src.board.payload import File

ROOM = 96 * 1024 * 1024  # bytes of answers kept, compressed forms counted
WORTHWHILE = 1000  # bytes; below that, compressing saves nothing
PACKED = ("application/vnd.apache.parquet", "application/zip")


class Answer(File):
    """An answer made for whoever asks: packed quickly, since most are asked for a few times only."""

    @cached_property
    def brotli(self) -> bytes:
        """The bytes, compressed for a reader that takes brotli."""
        return brotli.compress(self.body, quality=4)

    @cached_property
    def gzip(self) -> bytes:
        """The bytes, compressed for any other reader."""
        return gzip.compress(self.body, compresslevel=4, mtime=0)


Made = tuple[Answer, Any]
"""An answer, and what must live as long as it is kept."""


class Answers:
    """A cache by address: however many ask at once, one makes the answer and the others wait for it."""

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self._made: OrderedDict[Hashable, Future[Made]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Made]) -> Answer:
        """The answer under `key`, made now if it is not there. What `make` raises is raised, and not kept."""
        with self._lock:
            future = self._made.get(key)
            mine = future is None
            if future is None:
                future = self._made[key] = Future()
            self._made.move_to_end(key)
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                with self._lock:
                    self._made.pop(key, None)
                future.set_exception(error)
            self._make_room()
        return future.result()[0]

    def send(self, request: Request, file: Answer, media: str, headers: dict[str, str]) -> Response:
        """`file` as the reader takes it; nothing but headers where its `If-None-Match` names it."""
        encoding = "identity" if len(file.body) < WORTHWHILE or media in PACKED else _encoding(request)
        # a tag is of the bytes sent: proxies may not mix a compressed form with a plain one
        headers = {**headers, "ETag": f'"{file.name}{"" if encoding == "identity" else "-" + encoding}"'}
        if any(file.name in tag for tag in request.headers.get("if-none-match", "").split(",")):
            return Response(status_code=304, headers=headers)
        body = {"br": lambda: file.brotli, "gzip": lambda: file.gzip, "identity": lambda: file.body}[encoding]()
        if encoding != "identity":
            headers["Content-Encoding"] = encoding
        return Response(body, media_type=media, headers=headers)

    @property
    def size(self) -> int:
        """Bytes kept, as far as they are made."""
        with self._lock:
            return sum(map(_size, self._made.values()))

    def _make_room(self) -> None:
        with self._lock:
            total = sum(map(_size, self._made.values()))
            for key in list(self._made):
                if total <= self.room:
                    break
                if self._made[key].done():
                    total -= _size(self._made.pop(key))


def _size(future: Future[Made]) -> int:
    if not future.done() or future.exception():
        return 0
    file = future.result()[0]
    packed = (file.__dict__.get(form) for form in ("brotli", "gzip"))  # only where they have been made
    return len(file.body) + sum(len(form) for form in packed if form)


def _encoding(request: Request) -> str:
    """The best of brotli, gzip and none that the reader takes."""
    taken: dict[str, float] = {}
    for part in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.partition(";q=")
        try:
            taken[name.strip()] = float(weight or 1)
        except ValueError:
            continue
    return next((name for name in ("br", "gzip") if taken.get(name, taken.get("*", 0)) > 0), "identity")
