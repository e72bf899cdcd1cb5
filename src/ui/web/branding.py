"""The board's own looks: its logo as an address, its accent as rules, its announcement."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from src.board.accent import theme_css
from src.board.live.snapshot import Board
from src.core.profile.reading import Profile
from src.settings import Settings
from src.ui.web.files import FOREVER
from src.ui.web.templates import render

POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Of the logo: an SVG that somebody opens by itself runs nothing and fetches nothing."""


def branding(profile: Profile) -> dict[str, Any]:
    """Return the values that the base templates need."""
    return {
        "logo": f"logo/{profile.logo.name}" if profile.logo else None,
        "links": profile.config.links,
        "announcement": announcement(profile, datetime.now(UTC).date()),
    }


def announcement(profile: Profile, today: date) -> dict[str, Any] | None:
    """Return what the operators announce today."""
    given = profile.config.announcement
    if given is None or (given.until is not None and given.until < today):
        return None
    return {"text": given.text, "url": given.url}


@lru_cache(8)
def style(accent: str | None) -> str:
    """Return the rules of the accent colour."""
    return theme_css(accent)


@lru_cache(4)
def about(text: str) -> Markup:
    """Return `about.md` as HTML: no raw HTML, no images of other hosts, no scripts behind links."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("table").disable("image")
    tokens = parser.parse(text)
    for token in tokens:
        if token.tag in SHIFTED:  # the page has a first heading of its own
            token.tag = SHIFTED[token.tag]
        for inner in token.children or ():
            if inner.type == "link_open":
                inner.attrSet("rel", "noopener nofollow")
    return render("about/own.html", html=Markup(parser.renderer.render(tokens, parser.options, {})))


SHIFTED = {"h1": "h2", "h2": "h3", "h3": "h4", "h4": "h5", "h5": "h6"}


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """`/logo/{name}`: the image that the board's dataset holds now."""

    async def answer(request: Request) -> Response:
        logo = board.state.profile.logo
        if logo is None:
            return Response(status_code=404)
        is_current = request.path_params["name"] == logo.name
        headers = {
            "Cache-Control": FOREVER if is_current else "no-cache",
            "Content-Security-Policy": POLICY,
            "Content-Disposition": "inline",
        }
        return Response(logo.data, media_type=logo.kind, headers=headers)

    return [Route("/logo/{name}", answer, methods=["GET", "HEAD"])]
