"""The documents of the pages: routes that render a view inside the base template, once for all who read it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from src.board.api.answers import AnswerCache, CachedAnswer
from src.board.live.per_frame import identity
from src.board.live.snapshot import Board
from src.board.table import url as links
from src.settings import Settings, effective
from src.ui.pages.embed import page as embed
from src.ui.web import branding, headers, shell, sign_in
from src.ui.web.page import EMBED, Page, View, Visit
from src.ui.web.templates import render

log = logging.getLogger(__name__)

MAKERS = 3  # pages made at once; more would only make the event loop wait for the interpreter
FETCHERS = 16  # parts fetched from the store at once; they wait for somebody else
KEPT = 64 * 1024 * 1024  # bytes of documents
KEPT_FOR = 60.0  # seconds: a document says how old the rows are, in minutes

THEMES = ("light", "dark", "system")

LOST = ("No such page", "There is nothing at this address. The board is one click away:")
BROKEN = (
    "This page could not be made",
    "Something went wrong here and was written to the log. The board itself is untouched:",
)


@dataclass(frozen=True)
class Document(CachedAnswer):
    """A whole HTML document, and what its answer says."""

    status: int = 200
    policy: str = ""
    is_kept: bool = True


class Documents:
    """Every page of one board."""

    def __init__(self, pages: Sequence[Page], board: Board, settings: Settings) -> None:
        self.pages = pages
        self.board = board
        self._given = settings
        self._kept: AnswerCache[Document] = AnswerCache(KEPT)
        self._making: dict[Hashable, asyncio.Task[Document]] = {}

    @property
    def settings(self) -> Settings:
        """The settings, with those that the board's own dataset gives now."""
        return effective(self._given, self.board.state.profile.config)

    def routes(self) -> list[BaseRoute]:
        """Return what answers the pages' addresses."""
        return [route for page in self.pages for route in self._routes(page)]

    def lost(self, request: Request) -> Response:
        """Return the answer for an address at which there is nothing."""
        return self._send(request, self._document(None, Visit(_path(request)), message(404, *LOST)))

    @cached_property
    def _makers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(MAKERS, "page")

    @cached_property
    def _fetchers(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(FETCHERS, "part")

    def _routes(self, page: Page) -> list[BaseRoute]:
        async def answer(request: Request) -> Response:
            return await self._answer(page, request)

        if page.route == "/":
            return [Route("/", answer)]
        return [Route(f"{page.route}/", _without_slash), Route(page.route, answer)]

    async def _answer(self, page: Page, request: Request) -> Response:
        visit, is_plain = self._visit(page, request)
        if page.part is not None and "part" in request.query_params:
            return await self._in(self._fetchers, partial(self._part, page, page.part, visit))
        threads = self._fetchers if page.reads_store or "tab" in visit.query else self._makers
        make = partial(self._embed if embed.is_asked(visit) else self._page, page, visit)
        if not (page.is_kept and is_plain):
            return self._send(request, await self._in(threads, make))
        key = self._key(page, visit)
        document = self._kept.peek(key)
        if document is None:
            if key not in self._making:
                self._making[key] = asyncio.create_task(self._in(threads, make))
                self._making[key].add_done_callback(lambda _: self._making.pop(key, None))
            document = await asyncio.shield(self._making[key])
            if document.status == 200 and document.is_kept:
                self._kept.keep(key, document)
        return self._send(request, document)

    def _visit(self, page: Page, request: Request) -> tuple[Visit, bool]:
        """Return the visit, and whether its address holds nothing but what the page reads, each once."""
        search = request.scope["query_string"].decode("latin-1")
        pairs = parse_qsl(search, keep_blank_values=True)
        given = links.first(pairs)
        query = {name: value for name, value in given.items() if name in page.parameters or name in EMBED}
        me = sign_in.who(request, self.settings)
        organisations = sign_in.organisations(request, self.settings) if me else frozenset[str]()
        visit = Visit(_path(request), request.path_params, query, search, me, organisations)
        themed = given.get("__theme") in THEMES  # the script's alone; every link of a Space's frame has it
        return visit, len(query) + themed == len(pairs)

    def _key(self, page: Page, visit: Visit) -> Hashable:
        state = self.board.state
        frames = [identity(each.frame) for each in state.snapshots.values()]
        rows = (self.board.store.name, state.revision, state.source, state.problem, state.damage, *frames)
        return (page.name, visit.path, visit.search, visit.me, *rows, int(time.time() / KEPT_FOR))

    def _page(self, page: Page, visit: Visit) -> Document:
        try:
            return self._document(page, visit, page.view(self.board, self.settings, visit))
        except Exception:
            log.exception("the view of %s", visit.path)
            return self._document(page, visit, message(500, *BROKEN))

    def _embed(self, page: Page, visit: Visit) -> Document:
        try:
            style = branding.style(self.board.state.profile.config.accent)
            text, view = embed.document(page, self.board, self.settings, visit, style)
        except Exception:
            log.exception("the embed of %s", visit.path)
            return self._document(page, visit, message(500, *BROKEN))
        return Document(text.encode(), view.status, headers.embed_policy(style))

    def _part(self, page: Page, part: Callable[[Board, Settings, Visit], Any], visit: Visit) -> Response:
        try:
            return HTMLResponse(str(part(self.board, self.settings, visit)), headers=sign_in.PRIVATE)
        except Exception:
            log.exception("a part of %s", visit.path)
            return HTMLResponse(render("problem.html", problem=BROKEN_PART), 500, sign_in.PRIVATE)

    def _document(self, page: Page | None, visit: Visit, view: View) -> Document:
        around = shell.around(page, self.pages, self.board, self.settings, visit, view)
        text = render("base.html", **around)
        policy = headers.policy(self.settings.embed, (view.sheet, around["style"]))
        return Document(text.encode(), view.status, policy, view.is_kept)

    def _send(self, request: Request, document: Document) -> Response:
        fields = {
            "Cache-Control": "private, no-cache",
            "Vary": "Accept-Encoding, Cookie",
            "Content-Security-Policy": document.policy,
        }
        return self._kept.send(request, document, "text/html", fields, document.status)

    async def _in(self, threads: ThreadPoolExecutor, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(threads, work)


BROKEN_PART = "Something went wrong here and was written to the log. Reload the page to try again."


def message(status: int, title: str, text: str) -> View:
    """Return a page that says one sentence and leads back to the board."""
    return View(title, render("message.html", title=title, text=text), status=status)


def _path(request: Request) -> str:
    return request.scope["path"].removeprefix(request.scope.get("root_path", "")) or "/"


async def _without_slash(request: Request) -> Response:
    query = request.url.query
    return RedirectResponse("../" + _path(request).rstrip("/").rpartition("/")[2] + (f"?{query}" if query else ""), 308)
