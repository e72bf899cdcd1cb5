"""What other sites ask for when somebody posts a link: the picture beside it, and how to embed it (oEmbed 1.0)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from markupsafe import escape
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from src.board.live.per_frame import identity
from src.board.live.snapshot import Board
from src.core.errors import BoardError, NotFoundError
from src.settings import Settings, effective
from src.ui.pages.embed import picture
from src.ui.web.addresses import public_address
from src.ui.web.page import EMBEDDED

WIDTH, HEIGHT = 760, 480
KEPT = 64  # pictures


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """`/picture.png` and `/oembed`."""
    pictures = _Pictures()

    def draw(request: Request) -> Response:
        query = request.query_params
        name = effective(settings, board.state.profile.config).name
        try:
            snapshot = board.snapshot(query.get("suite") or None)
            row = query.get("row", "")[:300]
            looks = picture.Looks(name, board.state.profile.config.accent)
            key = (snapshot.suite.name, identity(snapshot.frame), looks, row)
            data = pictures.get(key, lambda: picture.drawn(snapshot, looks, row))
        except BoardError as error:
            return Response(str(error), 404, media_type="text/plain")
        return Response(data, media_type="image/png", headers={"Cache-Control": "public, max-age=3600"})

    def describe(request: Request) -> Response:
        name = effective(settings, board.state.profile.config).name
        root = public_address(settings) or str(request.base_url).rstrip("/")
        try:
            return JSONResponse(_oembed(request.query_params, root, name))
        except NotFoundError as error:
            return JSONResponse({"detail": str(error)}, 404)

    return [Route("/picture.png", draw, methods=["GET"]), Route("/oembed", describe, methods=["GET"])]


class _Pictures:
    """The newest pictures; drawing one takes longer than sending it."""

    def __init__(self) -> None:
        self._kept: dict[Any, bytes] = {}

    def get(self, key: Any, make: Callable[[], bytes]) -> bytes:
        data = self._kept.pop(key, None) or make()
        self._kept[key] = data
        while len(self._kept) > KEPT:
            self._kept.pop(next(iter(self._kept)), None)
        return data


def _oembed(query: Any, root: str, name: str) -> dict[str, Any]:
    """Return the description of an address of this board. Raise NotFoundError for another, or another format."""
    try:
        given = urlsplit(query.get("url", "")[:2000])
    except ValueError:
        given = urlsplit("")
    place = urlsplit(root)
    path = given.path.removeprefix(place.path).lstrip("/")
    if given.netloc != place.netloc or path.partition("/")[0] not in EMBEDDED:
        raise NotFoundError("Only the leaderboard, a model and a chart of this board can be embedded.")
    if query.get("format", "json") != "json":
        raise NotFoundError("The description is given as JSON only.")
    width, height = _at_most(query.get("maxwidth", ""), WIDTH), _at_most(query.get("maxheight", ""), HEIGHT)
    shown = urlencode([*parse_qsl(given.query), ("embed", "1")])
    address = urlunsplit((place.scheme, place.netloc, f"{place.path}/{path}", shown, ""))
    title = path.removeprefix("model/") if path.startswith("model/") else name
    frame = f'<iframe src="{escape(address)}" title="{escape(title)}" width="{width}" height="{height}"></iframe>'
    return {
        "version": "1.0", "type": "rich", "title": title, "provider_name": name, "provider_url": f"{root}/",
        "html": frame, "width": width, "height": height, "cache_age": 3600,
    }  # fmt: skip


def _at_most(text: str, usual: int) -> int:
    return min(usual, max(200, int(text))) if text.isdecimal() and len(text) < 6 else usual
