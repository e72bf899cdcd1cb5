"""The doors for programs: the HTTP API at `/api`, and the same questions as tools for agents and `gradio_client`."""

from __future__ import annotations

import functools
import os
import re
from typing import Any
from weakref import WeakKeyDictionary

import gradio as gr
from starlette.routing import BaseRoute, Mount

from src.board.agents import Tool, Tools
from src.board.api import Context, build_api
from src.board.queue_watch import watch
from src.board.snapshot import Board
from src.core.errors import BoardError
from src.settings import Settings

_contexts: WeakKeyDictionary[Board, Context] = WeakKeyDictionary()


def context(board: Board) -> Context:
    """The board as the API, the tools and the embeds see it: one cache for all."""
    if board not in _contexts:
        _contexts[board] = Context.of(board, queue=watch(board).state)
    return _contexts[board]


def routes(board: Board, settings: Settings) -> list[BaseRoute]:
    """`/api`. On a Space every reader comes through the Hub's proxy."""
    api = build_api(context(board), per_minute=settings.per_minute, behind_proxy="SPACE_ID" in os.environ)
    mount = Mount("/api", app=api)
    mount.path_regex = re.compile(mount.path_regex.pattern, re.DOTALL)  # an address with a line break is the API's too
    return [mount]


def add_tools(board: Board) -> None:
    """Offer the tools; called inside the Blocks. With `mcp_server=True` agents find them at `/gradio_api/mcp/`."""
    tools = Tools(context(board))
    for tool in tools.all:
        gr.api(_said(tool), api_name=tool.__name__, queue=False)
    # for scripts only: a whole table is no answer for an agent
    gr.api(_said(tools.get_latest_data_leaderboard), api_visibility="undocumented", queue=False)


def _said(tool: Tool) -> Tool:
    """The tool, whose refusals reach the asker in words."""

    @functools.wraps(tool)
    def call(*args: Any, **options: Any) -> dict[str, Any]:
        try:
            return tool(*args, **options)
        except BoardError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return call
