"""The board's questions as tools: for agents over MCP, for `gradio_client`, and over Gradio's own HTTP API.

`gr.Server` registers and transports them. What its MCP list leaves out (titles, schemas of the answers, hints,
structured answers) is added by handlers of ours on the same server.
"""

from __future__ import annotations

import asyncio
import copy
import functools
import logging
from collections.abc import Mapping
from typing import Any, get_type_hints

import gradio as gr
from mcp import types
from mcp.server import Server as McpServer
from pydantic import TypeAdapter, ValidationError, validate_call

from src.board.api.tools import TITLES, Tool, Tools, words
from src.board.live.snapshot import Board
from src.core.errors import BoardError
from src.ui.web.api import context
from src.ui.web.serving import BoardServer

log = logging.getLogger(__name__)

READ_ONLY = types.ToolAnnotations(readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False)
BROKEN = "Something went wrong on the board and was written to its log. Trying again later may help."


def add(server: BoardServer, board: Board) -> None:
    """Register the tools on `server`, before it starts."""
    tools = Tools(context(board))
    for tool in tools.all:
        server.api(server.mcp.tool()(_with_sentences(tool)), name=tool.__name__, queue=False)
    # for scripts only: a whole table is no answer for an agent
    table = tools.get_latest_data_leaderboard
    server.api(_with_sentences(table), name=table.__name__, queue=False, api_visibility="undocumented")
    server.api(_with_sentences(tools.view), name="view", queue=False, api_visibility="undocumented")


def describe(server: BoardServer, board: Board) -> None:
    """Complete what the started `server` lists and answers over MCP."""
    gradios = server.get_blocks().mcp_server_obj
    assert gradios is not None
    mcp: McpServer[Any] = gradios.mcp_server
    tools = {f"{gradios.tool_prefix}{tool.__name__}": tool for tool in Tools(context(board)).all}
    names = {name: validate_call(tool) for name, tool in tools.items()}
    listed = mcp.request_handlers[types.ListToolsRequest]

    async def list_tools(request: types.ListToolsRequest) -> types.ServerResult:
        answer = await listed(request)
        assert isinstance(answer.root, types.ListToolsResult)
        own = words(board)
        answer.root.tools = [
            _described(each, tools[each.name], own) for each in answer.root.tools if each.name in tools
        ]
        return answer

    mcp.request_handlers[types.ListToolsRequest] = list_tools

    @mcp.call_tool(validate_input=False)  # its message would not name the argument
    async def call_tool(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        tool = names.get(name)
        if tool is None:
            raise ValueError(f"There is no tool '{name[:100]}'; there are {', '.join(names)}.")
        try:
            answer: dict[str, Any] = await asyncio.to_thread(tool, **arguments)
            return answer
        except ValidationError as error:
            raise ValueError(_sentences(error)) from error
        except BoardError as error:
            raise ValueError(str(error)) from error
        except Exception:
            log.exception("the tool %s", name)
            raise RuntimeError(BROKEN) from None


def _described(listed: types.Tool, tool: Tool, own: Mapping[str, str]) -> types.Tool:
    """Return the tool as it is listed; `own`: what this board adds to its descriptions."""
    schema = copy.deepcopy(listed.inputSchema)
    for name, argument in schema.get("properties", {}).items():
        if name in own:
            argument["description"] = f"{argument.get('description', '')} {own[name]}".strip()
    return listed.model_copy(
        update={
            "description": f"{listed.description or ''} {own['']}".strip(),
            "inputSchema": schema,
            "title": TITLES[tool.__name__],
            "outputSchema": output_schema(tool),
            "annotations": READ_ONLY.model_copy(update={"title": TITLES[tool.__name__]}),
        }
    )


def _sentences(error: ValidationError) -> str:
    """Return what is wrong with the arguments, each by its name."""
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())


def output_schema(tool: Tool) -> dict[str, Any]:
    """Return the JSON schema of what `tool` returns."""
    return TypeAdapter(get_type_hints(tool)["return"]).json_schema()


def _with_sentences(tool: Tool) -> Tool:
    """Return the tool so that its refusals reach the asker as sentences."""

    @functools.wraps(tool)
    def call(*args: Any, **options: Any) -> Any:
        try:
            return tool(*args, **options)
        except BoardError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return call
