"""The document a browser gets: Gradio's page with ours around it, at real addresses, under a content security policy.

Gradio serves each page at one fixed address and paints nothing before its script has run. Here `/model/{org}/{name}` is
answered by Gradio's page `/model`, and the head, the top bar and everything that can be read at once stand in the
document itself. A page without Gradio components does not load Gradio at all.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, RedirectResponse
from starlette.routing import compile_path
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src.board import links
from src.board.snapshot import Board
from src.settings import Settings
from src.ui import embed, people, shell
from src.ui.html import h, join
from src.ui.page import Page, View, Visit

log = logging.getLogger(__name__)

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
}


def policy(nonce: str, embed: str) -> str:
    """What a page may load and run: files of this host, and the inline scripts that carry `nonce`.

    Gradio compiles its templates, hence 'unsafe-eval', and sets style attributes, hence 'unsafe-inline' for styles.
    """
    rules = {
        "default-src": "'self'",
        "script-src": f"'self' 'nonce-{nonce}' 'unsafe-eval'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "media-src": "'self' data: blob:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": f"'self' {embed}".strip(),
    }
    return "; ".join(f"{rule} {value}" for rule, value in rules.items())


@dataclass(frozen=True)
class Found:
    """The page behind an address."""

    page: Page
    visit: Visit
    canonical: bool  # False: the same address with a slash too many


class Documents:
    """ASGI middleware: wraps Gradio's pages, and gives every answer its security headers."""

    def __init__(self, app: ASGIApp, pages: Sequence[Page], board: Board, settings: Settings) -> None:
        self.app = app
        self.pages = pages
        self.board = board
        self.settings = settings
        self._routes = [(page, *compile_path(page.route)) for page in pages]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        nonce = secrets.token_urlsafe(16)
        send = _with_headers(send, {**HEADERS, "Content-Security-Policy": policy(nonce, self.settings.embed)})
        if (onward := people.declined(HTTPConnection(scope))) is not None:
            return await RedirectResponse(onward, 303)(scope, receive, send)
        found = self.find(scope) if scope["method"] in ("GET", "HEAD") else None
        if found is None:
            return await self._otherwise(scope, receive, send)
        if not found.canonical:
            plain = RedirectResponse("../" + found.visit.path.rstrip("/").rpartition("/")[2], 308)
            return await plain(scope, receive, send)
        if embed.is_asked(found.visit):
            text, status = embed.document(found.page, self.board, self.settings, found.visit)
            headers = {"Cache-Control": "no-cache", "Content-Security-Policy": embed.policy()}
            return await HTMLResponse(text, status, headers)(scope, receive, send)
        view = await run_in_threadpool(self._view, found)  # it may ask the store
        if found.page.build is None or view.status != 200:  # nothing on it needs Gradio, so the browser is spared it
            document = self._plain(found.visit, view, found.page)
            answer = HTMLResponse(document, view.status, headers={"Cache-Control": "no-cache"})
            return await answer(scope, receive, send)
        scope = {**scope, "path": f"{scope.get('root_path', '')}/{found.page.name}".rstrip("/") or "/"}
        scope["raw_path"] = scope["path"].encode()
        await self.app(scope, receive, _Rewriting(send, view.status, lambda page: self.wrap(page, found, view, nonce)))

    def find(self, scope: Scope) -> Found | None:
        """The page that a request asks for, or None."""
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        for page, pattern, _, convertors in self._routes:
            if match := pattern.match(path.rstrip("/") or "/"):
                params = {key: convertors[key].convert(value) for key, value in match.groupdict().items()}
                search = scope["query_string"].decode("latin-1")
                query = links.first(parse_qsl(search, keep_blank_values=True))
                me = people.who(HTTPConnection(scope), self.settings)
                return Found(page, Visit(path, params, query, search, me), path == "/" or not path.endswith("/"))
        return None

    def wrap(self, gradio: str, found: Found, view: View, nonce: str) -> str:
        """Gradio's document with ours around it."""
        up = "../" * (found.visit.path.count("/") - 1) or "./"
        # "section": Gradio brings a main landmark of its own, and there can be only one
        return _edit(
            gradio,
            {
                BASE: h("base", {"href": up}),
                "</head>": join(shell.head(view, self.settings), Markup("</head>")),
                "<gradio-app": join(self._before(found.page, found.visit, view, "section"), Markup("<gradio-app")),
                "</gradio-app>": join(Markup("</gradio-app>"), shell.footer(self.settings)),
                'control_page_title="true"': Markup('control_page_title="false"'),
            },
            nonce,
        )

    def _view(self, found: Found) -> View:
        try:
            return found.page.view(self.board, self.settings, found.visit)
        except Exception:
            log.exception("the view of %s", found.visit.path)
            return _message(500, *BROKEN)

    async def _otherwise(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything that is no page of ours; a person who asked for one that is not there gets a page that says so."""
        wants_page = scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")
        if not wants_page:
            return await self.app(scope, receive, send)
        visit = Visit(scope["path"].removeprefix(scope.get("root_path", "")) or "/")
        missing = False

        async def watched(message: Message) -> None:
            nonlocal missing
            if message["type"] == "http.response.start" and message["status"] == 404:
                missing = True
                lost = HTMLResponse(self._plain(visit, _message(404, *LOST)), status_code=404)
                await lost(scope, receive, send)
            elif not missing:
                await send(message)

        await self.app(scope, receive, watched)

    def _before(self, page: Page | None, visit: Visit, view: View, tag: str) -> Markup:
        return join(
            shell.header(page, self.pages, self.board, self.settings, visit),
            h(tag, {"id": "lb-content", "class": "lb-content", "tabindex": "-1", "aria-label": "Overview"}, view.body),
        )

    def _plain(self, visit: Visit, view: View, page: Page | None = None) -> str:
        """A whole document of ours, without Gradio."""
        up = "../" * (visit.path.count("/") - 1) or "./"
        body = h("body", {}, self._before(page, visit, view, "main"), shell.footer(self.settings))
        meta = h("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
        top = h(
            "head", {}, h("meta", {"charset": "utf-8"}), h("base", {"href": up}), meta, shell.head(view, self.settings)
        )
        return Markup("<!doctype html>") + h("html", {"lang": "en"}, top, body)


BASE = '<base href="./" />'
INLINE = re.compile(r"<script(?=[ >])")
GRADIOS = re.compile(r'\s*<meta\s+(?:name="twitter|property="og:)[^>]*>|\s*<link rel="manifest"[^>]*>')

LOST = ("No such page", "There is nothing at this address. The board is one click away:")
BROKEN = (
    "This page could not be made",
    "Something went wrong here and was written to the log. The board itself is untouched:",
)


def _message(status: int, title: str, text: str) -> View:
    body = h(
        "section",
        {"class": "lb-text lb-lost", "aria-labelledby": "lb-title"},
        h("h1", {"id": "lb-title"}, title),
        h("p", {}, text, " ", h("a", {"href": "./"}, "Leaderboard")),
    )
    return View(title, body, status=status)


def _edit(document: str, edits: Mapping[str, Markup], nonce: str) -> str:
    """`document` with the first of each mark replaced. Gradio may change its page: a missing mark is logged."""
    document = INLINE.sub(f'<script nonce="{nonce}"', GRADIOS.sub("", document))
    for mark, replacement in edits.items():
        if mark not in document:
            log.warning("Gradio's page no longer holds %r; what belongs there is left out.", mark)
        document = document.replace(mark, replacement, 1)
    return document


class _Rewriting:
    """A `send` that holds an HTML answer back until it is whole, then sends what `edit` makes of it."""

    def __init__(self, send: Send, status: int, edit) -> None:  # type: ignore[no-untyped-def]
        self._send = send
        self._status = status
        self._edit = edit
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = Headers(raw=message["headers"])
            if message["status"] == 200 and headers.get("content-type", "").startswith("text/html"):
                self._start = message
                return
        if self._start is None or message["type"] != "http.response.body":
            return await self._send(message)
        self._body += message.get("body", b"")
        if message.get("more_body"):
            return
        body = self._edit(self._body.decode()).encode() if self._body else b""
        headers = MutableHeaders(raw=list(self._start["headers"]))
        headers["content-length"] = str(len(body))
        headers["cache-control"] = "no-cache"
        await self._send({**self._start, "status": self._status, "headers": headers.raw})
        await self._send({"type": "http.response.body", "body": body})


def _with_headers(send: Send, extra: Mapping[str, str]) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message["headers"]))
            for name, value in extra.items():
                headers.setdefault(name, value)
            message = {**message, "headers": headers.raw}
        await send(message)

    return sending
