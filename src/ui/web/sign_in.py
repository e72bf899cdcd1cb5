"""Who is asking: somebody signed in with the Hub in a Space, the one person an operator named, or a reader.

In a Space `huggingface_hub` answers `/oauth/huggingface/…` and keeps `oauth_info` in a session that only the client
secret signs. Elsewhere it only imitates a sign-in, under a key everybody knows: there it is never attached, and no
session counts.
"""

from __future__ import annotations

import json
import os
import time
import warnings
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from huggingface_hub import attach_huggingface_oauth
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from src.core.errors import BadInputError, BoardError, DeniedError
from src.settings import Settings

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
LARGEST_BODY = 20_000  # bytes of what a page sends
OAUTH = ("SPACE_ID", "OAUTH_CLIENT_ID", "OAUTH_CLIENT_SECRET", "OAUTH_SCOPES", "OPENID_PROVIDER_URL")


def has_oauth(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether signing in is real: in a Space whose card says `hf_oauth: true`."""
    return environ.get("SYSTEM") == "spaces" and all(environ.get(name) for name in OAUTH)


def check(settings: Settings) -> None:
    """Raise BadInputError if one person's board would listen to a whole network."""
    if settings.user and settings.host not in LOOPBACK:
        raise BadInputError(
            f"--user {settings.user} lets anyone who reaches this board act as {settings.user}, so it listens on this "
            f"machine only: leave out --host {settings.host}."
        )


def attach(server: FastAPI) -> None:
    """Give `server` the addresses of signing in and a session, if signing in is real here."""
    if not has_oauth():
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # "experimental", for years now
        attach_huggingface_oauth(server)


def declined(connection: HTTPConnection) -> str | None:
    """Return where somebody goes on who came back from the Hub without signing in; None for every other request.

    The library's callback knows only people who signed in, and breaks over anybody else.
    """
    given = connection.query_params
    if not connection.url.path.endswith("/oauth/huggingface/callback") or "error" not in given:
        return None
    return "../../" + urlsplit(given.get("_target_url", "")).path.lstrip("/\\")


def who(connection: HTTPConnection, settings: Settings) -> str | None:
    """Return the name of the person behind a request; None for a reader."""
    if settings.user:
        # another name for this machine may be a stranger's page that was pointed here
        return settings.user if settings.host in LOOPBACK and _host(connection) in LOOPBACK else None
    info = connection.scope.get("session", {}).get("oauth_info") if has_oauth() else None
    if not isinstance(info, dict) or float(info.get("expires_at") or 0) < time.time():
        return None
    name = (info.get("userinfo") or {}).get("preferred_username")
    return str(name) if name else None


def organisations(connection: HTTPConnection, settings: Settings) -> frozenset[str]:
    """Return the Hub's organisations that the person behind a request belongs to, by the session that the Hub gave."""
    if settings.user or who(connection, settings) is None:
        return frozenset()
    listed = (connection.scope["session"]["oauth_info"].get("userinfo") or {}).get("orgs") or ()
    names = (each.get("preferred_username") or each.get("name") for each in listed if isinstance(each, dict))
    return frozenset(str(name) for name in names if name)


def must_be(request: Request, settings: Settings) -> str:
    """Return the same, for something only a person may do.

    Raises DeniedError for a reader, or a request another site made.
    """
    if not is_own(request):
        raise DeniedError("This was asked by another site, so it was not done. Do it on this board's own page.")
    name = who(request, settings)
    if name is None:
        raise DeniedError("You are not signed in (any more). Sign in and try again." if has_oauth() else NOBODY)
    if settings.user and urlsplit(request.headers.get("origin", "")).hostname not in LOOPBACK:
        raise DeniedError("This board is one person's, on their own machine: it does nothing for other addresses.")
    return name


def is_own(request: Request) -> bool:
    """Return whether a page of this board asked: browsers say so, and no other page can make them say it."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if not request.headers.get("content-type", "").startswith("application/json"):
        return False  # a form of another site cannot send it without being asked first
    if site is not None:
        return site == "same-origin"
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")


Act = Callable[[dict[str, str], str], dict[str, Any]]
"""(fields that the page sent, user name) → fields of the answer"""


def acting(settings: Settings, act: Act) -> Callable[[Request], Awaitable[Response]]:
    """Return a POST handler for something only a person may do; a refusal is answered in its sentence."""

    async def handle(request: Request) -> Response:
        try:
            me = must_be(request, settings)
            sent = json.loads(await _body(request) or b"{}")
            if not isinstance(sent, dict):
                raise ValueError("no object")
            data = {str(name): str(value) for name, value in sent.items()}
            return JSONResponse({"ok": True} | await run_in_threadpool(act, data, me), headers=PRIVATE)
        except DeniedError as error:
            return JSONResponse({"ok": False, "message": str(error)}, 403, PRIVATE)
        except BoardError as error:
            return JSONResponse({"ok": False, "message": str(error)}, headers=PRIVATE)  # asked properly, and answered
        except ValueError:
            return JSONResponse({"ok": False, "message": "This was not understood. Reload the page."}, 400, PRIVATE)

    return handle


PRIVATE = {"Cache-Control": "no-store"}

NOBODY = (
    "Nobody can sign in here: this board can only be read. To submit and vote, start it with `--user NAME` on your "
    "own machine, or make it a Space with sign-in."
)


@dataclass(frozen=True)
class Person:
    """Who reads a page, and what they can do about it; for the templates."""

    name: str | None
    can_sign_in: bool
    why_not: str = NOBODY


def person(name: str | None) -> Person:
    """Return what the templates need to know of the reader."""
    return Person(name, has_oauth())


async def _body(request: Request) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise BadInputError("This is more than a form can hold.")
    return body


def _host(connection: HTTPConnection) -> str | None:
    return urlsplit(f"//{connection.headers.get('host', '')}").hostname
