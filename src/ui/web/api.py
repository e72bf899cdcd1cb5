"""The HTTP API at `/api`, mounted beside the pages."""

from __future__ import annotations

import re
from weakref import WeakKeyDictionary

from starlette.routing import BaseRoute, Mount

from src.board.api.app import build_api
from src.board.api.context import Context
from src.board.live.snapshot import Board
from src.board.queue.watch import watch
from src.settings import Settings

_contexts: WeakKeyDictionary[Board, Context] = WeakKeyDictionary()


def context(board: Board) -> Context:
    """Return the board as the API, the tools and the embeds see it: one cache for all."""
    if board not in _contexts:
        _contexts[board] = Context.of(board, queue=watch(board).state)
    return _contexts[board]


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """Return the mount of `/api`; other sites' scripts may read it, unless the board is one person's."""
    mount = Mount("/api", app=build_api(context(board), is_public=settings.user is None))
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)  # an address with a line break is the API's too
    return [mount]
