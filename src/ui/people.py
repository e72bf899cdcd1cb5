"""Who is asking: somebody signed in with the Hub in a Space, the one person an operator named, or a reader.

In a Space Gradio answers `/login/huggingface` and keeps `oauth_info` in a session that only the client secret signs.
Elsewhere it only plays a sign-in, under a key everybody knows: there it is never switched on, and no session counts.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from src.core.errors import BadInput, BoardError, Denied
from src.settings import Settings
from src.ui.html import coded, h, join

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
LARGEST_BODY = 20_000  # bytes of what a page sends
OAUTH = ("SPACE_ID", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")


def has_oauth(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether signing in is real: in a Space, as Gradio tells one, whose card says `hf_oauth: true`."""
    return environ.get("SYSTEM") == "spaces" and all(environ.get(name) for name in OAUTH)


def check(settings: Settings) -> None:
    """Raises BadInput where one person's board would listen to a whole network."""
    if settings.user and settings.host not in LOOPBACK:
        raise BadInput(
            f"--user {settings.user} lets whoever reaches this board act as {settings.user}, so it listens on this "
            f"machine only: leave out --host {settings.host}."
        )


def who(connection: HTTPConnection, settings: Settings) -> str | None:
    """The name of the person behind a request; None for a reader."""
    if settings.user:
        # another name for this machine may be a stranger's page that was pointed here
        return settings.user if settings.host in LOOPBACK and _host(connection) in LOOPBACK else None
    info = connection.scope.get("session", {}).get("oauth_info") if has_oauth() else None
    if not isinstance(info, dict) or float(info.get("expires_at") or 0) < time.time():
        return None
    name = (info.get("userinfo") or {}).get("preferred_username")
    return str(name) if name else None


def declined(connection: HTTPConnection) -> str | None:
    """Where somebody goes on who came back from the Hub without having signed in; None for every other request.

    Gradio's own callback knows only who signed in, and breaks over anybody else.
    """
    said = connection.query_params
    if not connection.url.path.endswith("/login/callback") or "error" not in said:
        return None
    return "../" + urlsplit(said.get("_target_url", "")).path.lstrip("/\\")


def must_be(request: Request, settings: Settings) -> str:
    """The same, for something only a person may do. Raises Denied for a reader, or a request another site made."""
    if not is_own(request):
        raise Denied("This was asked by another site, so it was not done. Do it on this board's own page.")
    name = who(request, settings)
    if name is None:
        raise Denied("You are not signed in (any more). Sign in and try again." if has_oauth() else NOBODY)
    if settings.user and urlsplit(request.headers.get("origin", "")).hostname not in LOOPBACK:
        raise Denied("This board is one person's, on their own machine: it does nothing for other addresses.")
    return name


def is_own(request: Request) -> bool:
    """Whether a page of this board asked: browsers say so, and no other page can make them say it."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if not request.headers.get("content-type", "").startswith("application/json"):
        return False  # a form of another site cannot send it without being asked first
    if site is not None:
        return site == "same-origin"
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


Act = Callable[[dict[str, str], str], dict[str, Any]]
"""(what the page sent, who asks) → what the page is told"""


def acting(settings: Settings, act: Act) -> Callable[[Request], Awaitable[Response]]:
    """A POST handler for something only a person may do; what is refused is told in its sentence, as `said`."""

    async def handle(request: Request) -> Response:
        try:
            me = must_be(request, settings)
            sent = json.loads(await _body(request) or b"{}")
            if not isinstance(sent, dict):
                raise ValueError("no object")
            said = {str(name): str(value) for name, value in sent.items()}
            return JSONResponse({"ok": True} | await run_in_threadpool(act, said, me), headers=PRIVATE)
        except Denied as error:
            return JSONResponse({"ok": False, "said": str(error)}, 403, PRIVATE)
        except BoardError as error:
            return JSONResponse({"ok": False, "said": str(error)}, headers=PRIVATE)  # asked properly, and answered
        except ValueError:
            return JSONResponse({"ok": False, "said": "This was not understood. Reload the page."}, 400, PRIVATE)

    return handle


PRIVATE = {"Cache-Control": "no-store"}

NOBODY = (
    "Nobody can sign in here: this board can only be read. To submit and vote, start it with `--user NAME` on your "
    "own machine, or make it a Space with sign-in."
)


def greeting(name: str | None, page: str) -> Markup:
    """Who is signed in, or how to; for the head of a page that `page` names."""
    if name:
        out = join(" ", _sign_out(page)) if has_oauth() else None
        return h("p", {"class": "lb-quiet lb-person"}, "You are ", h("strong", {}, name), ".", out)
    if has_oauth():
        return h("p", {"class": "lb-person"}, sign_in(page, "lb-button"), " to submit a model or to vote.")
    return h("p", {"class": "lb-quiet lb-person"}, coded(NOBODY))


def corner(name: str | None, page: str) -> Markup | None:
    """Signing in and out, for the top bar."""
    if not has_oauth():
        return h("span", {"class": "lb-me", "title": "The one person of this board"}, name) if name else None
    if name is None:
        return sign_in(page, "lb-me", "Sign in")
    return h("span", {"class": "lb-signed"}, h("span", {"class": "lb-me", "title": name}, name), _sign_out(page))


def sign_in(page: str, style: str, words: str = "Sign in with Hugging Face") -> Markup:
    """The link that leads to the Hub and back to `page`."""
    target = urlencode({"_target_url": f"/{page}"})
    return h("a", {"class": style, "href": f"login/huggingface?{target}", "data-sign-in": True}, words)


def _sign_out(page: str) -> Markup:
    return h("a", {"class": "lb-me", "href": f"logout?{urlencode({'_target_url': f'/{page}'})}"}, "Sign out")


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise BadInput("This is more than a form can hold.")
    return body


def _host(connection: HTTPConnection) -> str | None:
    return urlsplit(f"//{connection.headers.get('host', '')}").hostname
