"""What the table's script asks the server for: its own code, the rows, and downloads of what is shown."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from cachetools import LRUCache
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from src.board.exports import csv_parquet
from src.board.live.snapshot import Board, Snapshot
from src.board.table import url as links
from src.board.table.listing import listing
from src.board.table.payload import File, Payload
from src.board.table.query import Query, of_page
from src.board.table.suggest import suggestions
from src.core.errors import NotFoundError
from src.ui.web import assets
from src.ui.web.bundle import bundle
from src.ui.web.files import FOREVER, answer

ROWS = "board/rows"
DOWNLOAD = "board/leaderboard"
SUGGEST = "board/suggestions.json"
CODE = "board/table"
MOST_FILES = 18  # three suites of two snapshots: a page may still ask for the rows of the last one
MOST_PAST = 2  # days of the past whose rows are held
HUB = "https://huggingface.co"
_OWNER = re.compile(r"hub:([\w.-]+)")


@cache
def code() -> File:
    """Return the table's modules as one file."""
    return File(bundle(assets.ASSETS / "table" / "main.js").encode())


def routes(board: Board) -> list[BaseRoute]:
    """Return what answers the table's requests."""
    answers = served(board)
    return [
        Route(f"/{ROWS}/{{name}}.json", answers.file, methods=["GET"]),
        Route(f"/{DOWNLOAD}.{{form}}", answers.download, methods=["GET"]),
        Route(f"/{SUGGEST}", answers.suggest, methods=["GET"]),
        Route(f"/{CODE}/{{name}}.js", _code, methods=["GET"]),
    ]


class Served:
    """The files of one board, made once for each snapshot, however many readers ask."""

    def __init__(self, board: Board) -> None:
        self._payloads: dict[str, tuple[Any, Payload]] = {}
        self._files: LRUCache[str, File] = LRUCache(MOST_FILES)
        self._past: LRUCache[tuple[str, str], Payload] = LRUCache(MOST_PAST)
        self._lock = threading.RLock()
        self._snapshot = board.snapshot
        board.on_rows(self.prepare)

    def prepare(self, snapshot: Snapshot) -> None:
        """Make what every reader of these rows asks for, so that the first one does not wait for it."""
        payload = self.payload(snapshot)
        for file in filter(None, (payload.core, payload.certainty, payload.extra)):
            _ = file.brotli
        listing(snapshot, Query(), 1).json()  # the records of the API

    def file(self, request: Request) -> Response:
        """Answer with a file of rows, by its hash; 404 for one of a snapshot long gone."""
        with self._lock:
            found = self._files.get(request.path_params["name"])
        if not found:
            return JSONResponse({"problem": "These rows are no longer served; reload the page."}, 404)
        return answer(found, request, FOREVER)

    def download(self, request: Request) -> Response:
        """Answer with what is shown in the view in the URL, as CSV or parquet."""
        form = request.path_params["form"]
        writers: dict[str, tuple[Callable[[Any], bytes], str]] = {
            "csv": (csv_parquet.to_csv, "text/csv; charset=utf-8"),
            "parquet": (csv_parquet.to_parquet, "application/vnd.apache.parquet"),
        }
        if form not in writers:
            return JSONResponse({"problem": "A table can be had as .csv or .parquet."}, 404)
        query = Query.parse(links.first(request.query_params.multi_items()))
        write, kind = writers[form]
        try:
            snapshot = self._snapshot(query.suite)
            body = write(csv_parquet.shown(self.payload(snapshot).rows, query))
        except (ValueError, NotFoundError) as error:
            return JSONResponse({"problem": str(error)}, 400)
        name = f"{snapshot.suite.name}.{form}"
        return Response(body, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    def suggest(self, request: Request) -> Response:
        """Answer with searches that find something, for the view in the URL, which finds nothing."""
        query = of_page(links.first(request.query_params.multi_items()))
        try:
            snapshot = self._snapshot(query.suite)
        except NotFoundError as error:
            return JSONResponse({"problem": str(error)}, 404)
        found = suggestions(self.payload(snapshot).rows, query)
        return JSONResponse([{"q": each.q, "matches": each.matches} for each in found])

    def payload(self, snapshot: Snapshot) -> Payload:
        """Return the snapshot as the browser gets it."""
        with self._lock:
            known = self._payloads.get(snapshot.suite.name)
            if known and known[0] is snapshot.frame:
                return known[1]
            payload = Payload(snapshot.frame)
            self._payloads[snapshot.suite.name] = (snapshot.frame, payload)
            return payload

    def past(self, snapshot: Snapshot) -> Payload:
        """Return the snapshot of a day of the past; it pushes out no rows that everybody asks for."""
        with self._lock:
            key = (snapshot.suite.name, snapshot.revision)
            if key not in self._past:
                self._past[key] = Payload(snapshot.frame)
            return self._past[key]

    def addresses(self, snapshot: Snapshot, payload: Payload) -> dict[str, str | bool | None]:
        """Return where the files lie, each named by its bytes, and what of the Hub the table may link to."""
        files = {"core": payload.core, "extra": payload.extra, "certainty": payload.certainty}
        with self._lock:
            self._files.update({file.name: file for file in files.values() if file})
        owner = _OWNER.fullmatch(snapshot.store)
        return {
            **{name: f"{ROWS}/{file.name}.json" if file else None for name, file in files.items()},
            # made-up models are on no Hub, and only a board of the Hub has its answers there
            "hub": snapshot.source != "sample",
            "details": f"{HUB}/datasets/{owner[1]}/" if owner else None,
        }


_SERVED: WeakKeyDictionary[Board, Served] = WeakKeyDictionary()
_LOCK = threading.Lock()


def served(board: Board) -> Served:
    """Return the files of `board`, the same for its page and its routes."""
    with _LOCK:
        if board not in _SERVED:
            _SERVED[board] = Served(board)
        return _SERVED[board]


async def _code(request: Request) -> Response:  # at once: it does not wait for a thread
    # an old page may ask for old code: it gets today's, but may not keep it
    current = request.path_params["name"] == code().name
    return answer(code(), request, FOREVER if current else "no-cache", "text/javascript")
