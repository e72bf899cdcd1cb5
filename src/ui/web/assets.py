"""The files of `assets/` under addresses that change with their bytes, so that a browser may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from src.board.table.payload import File
from src.settings import ROOT
from src.ui.web.files import FOREVER, answer

ASSETS = ROOT / "assets"
PREFIX = "assets/site"  # below the board's root; Gradio's own files lie in `assets/` itself
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}


@cache
def version() -> str:
    """Eight hex digits that change when any served file does."""
    digest = hashlib.sha256()
    for path in _served():
        digest.update(path.relative_to(ASSETS).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]


def url(name: str) -> str:
    """Return the address of `assets/{name}`, relative to the board's root (every document has that as its base)."""
    return f"{PREFIX}/{version()}/{name}"


@cache
def boot() -> str:
    """Return the script that every page has inline."""
    return (ASSETS / "boot.js").read_text(encoding="utf-8")


def routes() -> list[BaseRoute]:
    """Return what answers those addresses."""
    return [Route(f"/{PREFIX}/{{version}}/{{name:path}}", _serve, methods=["GET", "HEAD"])]


@cache
def _served() -> tuple[Path, ...]:
    return tuple(
        path
        for path in sorted(ASSETS.rglob("*"))
        if path.is_file() and path.suffix in KINDS and "sample" not in path.relative_to(ASSETS).parts
    )


async def _serve(request: Request) -> Response:  # at once: it does not wait for a thread
    path = ASSETS / request.path_params["name"]
    if path not in _served():
        return Response(status_code=404)
    # an old page may ask for an old version: it gets today's file, but may not keep it
    current = request.path_params["version"] == version()
    return answer(_file(path), request, FOREVER if current else "no-cache", KINDS[path.suffix])


@cache
def _file(path: Path) -> File:
    return File(path.read_bytes())
