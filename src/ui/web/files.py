"""Answers that are files in memory: compressed once, and kept by the browser."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from src.board.table.payload import File

FOREVER = "public, max-age=31536000, immutable"


def answer(file: File, request: Request, cache: str, kind: str = "application/json") -> Response:
    """Answer with a file in the best encoding the browser takes; only headers if it has it already."""
    headers = {"Cache-Control": cache, "ETag": f'"{file.name}"', "Vary": "Accept-Encoding"}
    if file.name in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    accepted = request.headers.get("accept-encoding", "")
    for encoding in ("br", "gzip"):
        if encoding in accepted:
            body = file.brotli if encoding == "br" else file.gzip
            return Response(body, media_type=kind, headers=headers | {"Content-Encoding": encoding})
    return Response(file.body, media_type=kind, headers=headers)
