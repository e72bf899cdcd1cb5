"""The files of `assets/` under addresses that change with their bytes, so that a browser may keep them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from src.settings import ROOT

ASSETS = ROOT / "assets"
PREFIX = "assets/site"  # below the board's root; Gradio's own files lie in `assets/` itself
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".png": "image/png"}
FOREVER = "public, max-age=31536000, immutable"


@cache
def version() -> str:
    """Eight hex digits that change when any served file does."""
    digest = hashlib.sha256()
    for path in _served():
        digest.update(path.relative_to(ASSETS).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:8]


def url(name: str) -> str:
    """The address of `assets/{name}`, relative to the board's root (every document has that as its base)."""
    return f"{PREFIX}/{version()}/{name}"


def routes() -> list[BaseRoute]:
    """What answers those addresses."""
    return [Route(f"/{PREFIX}/{{version}}/{{name:path}}", _serve, methods=["GET", "HEAD"])]


@cache
def _served() -> tuple[Path, ...]:
    return tuple(
        path
        for path in sorted(ASSETS.rglob("*"))
        if path.is_file() and path.suffix in KINDS and "sample" not in path.relative_to(ASSETS).parts
    )


def _serve(request: Request) -> Response:
    path = ASSETS / request.path_params["name"]
    if path not in _served():
        return Response(status_code=404)
    # an old page may ask for an old version: it gets today's file, but may not keep it
    current = request.path_params["version"] == version()
    headers = {"Cache-Control": FOREVER if current else "no-cache"}
    return FileResponse(path, media_type=KINDS[path.suffix], headers=headers)
