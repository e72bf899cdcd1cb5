"""The table on the page: where it stands, what it asks the server for, and the answers."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from typing import Any

from markupsafe import escape
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from src.board import downloads, links
from src.board.payload import File, Payload, encode
from src.board.query import Query
from src.board.snapshot import Board, Snapshot
from src.core.errors import NotFound
from src.ui import assets
from src.ui.bundle import bundle

FIRST = "board/first.json"
ROWS = "board/rows"
DOWNLOAD = "board/leaderboard"
CODE = "board/table"
MOST_FILES = 18  # three suites of two snapshots: a page may still ask for the rows of the last one
FOREVER = "public, max-age=31536000, immutable"
HUB = "https://huggingface.co"
_OWNER = re.compile(r"hub:([\w.-]+)")

SKELETON = (
    f"""<div class="lt" data-leaderboard data-first="{FIRST}" data-download="{DOWNLOAD}" aria-busy="true"></div>"""
)
"""Where the table mounts itself: put it into a document, with `head()`, and it needs nothing else."""


def head(search: str = "") -> str:
    """Links by which the browser fetches the table's code, and the first rows of the view in `search` (what stands
    behind the "?" of a page's address, to the letter, as the table will ask), while the page is still being read."""
    first = FIRST + (search and f"?{search}")
    return (
        f'<link rel="stylesheet" href="{assets.url("table/table.css")}">'
        f'<link rel="preload" as="fetch" crossorigin="anonymous" href="{escape(first)}">'
        f'<script type="module" src="{CODE}/{code().name}.js"></script>'
    )


@cache
def code() -> File:
    """The table's modules as one file."""
    return File(bundle(assets.ASSETS / "table" / "main.js").encode())


def component(**options: Any) -> Any:
    """The table as a Gradio component, for a Blocks of your own whose app serves `routes(board)`.

    It holds no rows: the browser asks `board/first.json` for the first screen and `board/rows/…` for the rest, so a new
    snapshot needs no new page. Our own page puts `SKELETON` and `head()` into the document instead: there it need not
    wait for Gradio. The table fires two DOM events that bubble: `lb:compare` (detail: the ids chosen for comparison,
    also in localStorage `lb.compare`, or `lb.compare.SUITE` where the address names a suite) and `lb:query` (detail:
    the URL parameters of the view, for pages that carry filters over).
    """
    import gradio as gr

    mount = f"import(new URL('{CODE}/{code().name}.js', document.baseURI)).then(m => m.mountAll(element));"
    return gr.HTML(html_template=SKELETON, js_on_load=mount, apply_default_css=False, **options)


def routes(board: Board) -> list[BaseRoute]:
    """What the table asks for: the first screen, the rows, and downloads of what is shown."""
    served = Served(board)
    return [
        Route(f"/{FIRST}", served.first, methods=["GET"]),
        Route(f"/{ROWS}/{{name}}.json", served.file, methods=["GET"]),
        Route(f"/{DOWNLOAD}.{{form}}", served.download, methods=["GET"]),
        Route(f"/{CODE}/{{name}}.js", _code, methods=["GET"]),
    ]


class Served:
    """The answers of one board, made once for each snapshot, however many readers ask."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._payloads: dict[str, tuple[Any, Payload]] = {}
        self._files: OrderedDict[str, File] = OrderedDict()
        self._firsts: OrderedDict[tuple[Any, ...], File] = OrderedDict()
        self._lock = threading.RLock()
        board.on_rows(self.prepare)

    def prepare(self, snapshot: Snapshot) -> None:
        """Make what every reader of these rows asks for, so that the first one does not wait for it."""
        with self._lock:
            payload = self.payload(snapshot)
            files = [payload.core, payload.certainty, payload.extra]
        for file in filter(None, files):
            _ = file.brotli

    def first(self, request: Request) -> Response:
        """The first screen of the view in the URL."""
        query = Query.parse(links.first(request.query_params.multi_items()))
        try:
            snapshot = self._board.snapshot(query.suite)
        except NotFound:
            snapshot = self._board.snapshot(None)
        with self._lock:
            payload = self.payload(snapshot)
            about = self._about(snapshot, payload)
            # a view is the same for everybody as long as the rows are, so it is made once
            key = (snapshot.suite.name, *about.values(), query)
            if key not in self._firsts:
                self._firsts[key] = encode(payload.first(query, about))
                _keep_newest(self._firsts, 64)
            return answer(self._firsts[key], request, "no-cache")

    def file(self, request: Request) -> Response:
        """A file of rows, by its hash; 404 for one of a snapshot long gone."""
        with self._lock:
            found = self._files.get(request.path_params["name"])
        if not found:
            return JSONResponse({"problem": "These rows are no longer served; ask for the first screen again."}, 404)
        return answer(found, request, FOREVER)

    def download(self, request: Request) -> Response:
        """What is shown in the view in the URL, as CSV or parquet."""
        form = request.path_params["form"]
        writers: dict[str, tuple[Callable[[Any], bytes], str]] = {
            "csv": (downloads.to_csv, "text/csv; charset=utf-8"),
            "parquet": (downloads.to_parquet, "application/vnd.apache.parquet"),
        }
        if form not in writers:
            return JSONResponse({"problem": "A table can be had as .csv or .parquet."}, 404)
        query = Query.parse(links.first(request.query_params.multi_items()))
        write, kind = writers[form]
        try:
            snapshot = self._board.snapshot(query.suite)
            body = write(downloads.shown(self.payload(snapshot).rows, query))
        except (ValueError, NotFound) as error:
            return JSONResponse({"problem": str(error)}, 400)
        name = f"{snapshot.suite.name}.{form}"
        return Response(body, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})

    def payload(self, snapshot: Snapshot) -> Payload:
        """The snapshot as the browser gets it."""
        with self._lock:
            known = self._payloads.get(snapshot.suite.name)
            if known and known[0] is snapshot.frame:
                return known[1]
            payload = Payload(snapshot.frame)
            self._payloads[snapshot.suite.name] = (snapshot.frame, payload)
            return payload

    def _about(self, snapshot: Snapshot, payload: Payload) -> dict[str, str | bool | None]:
        """Where the files lie, each named by its bytes, and what of the Hub the table may link to."""
        files = {"core": payload.core, "extra": payload.extra, "certainty": payload.certainty}
        for file in filter(None, files.values()):
            self._files[file.name] = file
            self._files.move_to_end(file.name)
        _keep_newest(self._files, MOST_FILES)
        owner = _OWNER.fullmatch(snapshot.store)
        return {
            **{name: f"{ROWS}/{file.name}.json" if file else None for name, file in files.items()},
            # made-up models are on no Hub, and only a board of the Hub has its answers there
            "hub": snapshot.source != "sample",
            "details": f"{HUB}/datasets/{owner[1]}/" if owner else None,
        }


def _code(request: Request) -> Response:
    # an old page may ask for old code: it gets today's, but may not keep it
    current = request.path_params["name"] == code().name
    return answer(code(), request, FOREVER if current else "no-cache", "text/javascript")


def answer(file: File, request: Request, cache: str, kind: str = "application/json") -> Response:
    """A file in the best encoding the browser takes; nothing where it has it already."""
    headers = {"Cache-Control": cache, "ETag": f'"{file.name}"', "Vary": "Accept-Encoding"}
    if file.name in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    accepted = request.headers.get("accept-encoding", "")
    for encoding in ("br", "gzip"):
        if encoding in accepted:
            body = file.brotli if encoding == "br" else file.gzip
            return Response(body, media_type=kind, headers=headers | {"Content-Encoding": encoding})
    return Response(file.body, media_type=kind, headers=headers)


def _keep_newest(kept: OrderedDict[Any, Any], most: int) -> None:
    while len(kept) > most:
        kept.popitem(last=False)
