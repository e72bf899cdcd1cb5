"""Who is asking: somebody signed in with the Hub, or the one person an operator named; everybody else reads."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from markupsafe import Markup
from starlette.requests import Request

from src.core.errors import BadInput, Denied
from src.settings import Settings
from src.ui.html import h

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def has_oauth(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether signing in is real: without a client secret Gradio only plays it, under a key everybody knows."""
    return bool(environ.get("OAUTH_CLIENT_ID") and environ.get("OAUTH_CLIENT_SECRET"))


def check(settings: Settings) -> None:
    """Raises BadInput where one person's board would listen to a whole network."""
    if settings.user and settings.host not in LOOPBACK:
        raise BadInput(
            f"--user {settings.user} lets whoever reaches this board act as {settings.user}, so it listens on this "
            f"machine only: leave out --host {settings.host}."
        )


def who(request: Request, settings: Settings) -> str | None:
    """The name of the person behind a request; None for a reader."""
    if settings.user and settings.host in LOOPBACK:
        return settings.user
    if has_oauth() and "session" in request.scope:
        info = request.session.get("oauth_info") or {}
        name = (info.get("userinfo") or {}).get("preferred_username")
        return str(name) if name else None
    return None


def must_be(request: Request, settings: Settings) -> str:
    """The same, for something only a person may do. Raises Denied for a reader, or a request another site made."""
    origin = request.headers.get("origin")
    same = request.headers.get("sec-fetch-site", "same-origin") == "same-origin"
    if not same or (origin and urlsplit(origin).netloc != request.headers.get("host")):
        raise Denied("This was asked by another site, so it was not done.")
    name = who(request, settings)
    if name is None:
        raise Denied("Sign in first." if has_oauth() else NOBODY)
    return name


NOBODY = (
    "Nobody can sign in on this board, so it can only be read. Its operator can make it a Space with OAuth, "
    "or start it for one person with --user NAME."
)


def greeting(name: str | None, page: str) -> Markup:
    """Who is signed in, or how to; for the head of a page that `page` names."""
    if name:
        leave = h("a", {"href": "logout"}, "Sign out") if has_oauth() else None
        return h("p", {"class": "lb-quiet"}, "You are ", h("strong", {}, name), ". ", leave)
    if has_oauth():
        link = h("a", {"href": f"login/huggingface?_target_url=/{page}"}, "Sign in with Hugging Face")
        return h("p", {}, link, " to submit a model or to vote.")
    return h("p", {"class": "lb-quiet"}, NOBODY)
