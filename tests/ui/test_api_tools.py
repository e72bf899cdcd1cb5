"""The tools as programs reach them: through a real MCP client, through gradio_client, and over HTTP."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

from src.settings import Settings
from src.ui import api
from tests.board.small_board import board

CALLS = {
    "find_models": {"search": "org", "limit": 1},
    "get_model": {"name": "org/first"},
    "compare_models": {"names": ["org/first", "org/second"]},
    "best_for_budget": {"memory_gb": 24},
    "queue_state": {},
    "changes_since": {"day": "2025-02-08"},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory) -> Iterator[str]:
    shown = board(tmp_path_factory.mktemp("store"))
    with gr.Blocks() as demo:
        api.add_tools(shown)
    options = {"prevent_thread_lock": True, "quiet": True, "ssr_mode": False, "mcp_server": True}
    _, address, _ = demo.launch(**options, app_kwargs={"routes": api.routes(shown, Settings())})
    yield address.rstrip("/")
    demo.close(verbose=False)


def test_a_real_mcp_client_lists_and_calls_each_tool(url):
    async def talk():
        async with (
            streamablehttp_client(f"{url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            listed = {tool.name: tool for tool in (await session.list_tools()).tools}
            return listed, {name: await session.call_tool(name, asked) for name, asked in CALLS.items()}

    # in a thread: a browser test before this one may have left an event loop running in ours
    with ThreadPoolExecutor(1) as thread:
        listed, answers = thread.submit(asyncio.run, talk()).result()
    assert list(listed) == list(CALLS)
    for tool in listed.values():
        assert len(tool.description) > 80
        assert all(each.get("description") for each in tool.inputSchema["properties"].values())
    refused = answers.pop("changes_since")
    assert refused.isError
    assert "No dated snapshots of open-llm-v2 are kept on this board." in refused.content[0].text
    said = {name: ast.literal_eval(answer.content[0].text) for name, answer in answers.items() if not answer.isError}
    assert said["find_models"]["models"][0]["model"] == "org/first"
    assert said["get_model"]["runs"][0]["average"] == 50.0
    assert said["compare_models"]["average"]["scores"] == [50.0, 40.0]
    assert said["best_for_budget"]["models"][0]["memory_gb"] == 19.3
    assert said["queue_state"]["requests"] == []


def test_gradio_client_asks_the_same_and_hears_refusals_in_words(url):
    client = Client(url, verbose=False)
    assert client.predict(search="second", api_name="/find_models")["models"][0]["license"] == "mit"
    with pytest.raises(AppError, match="no results of 'org/none'"):
        client.predict(name="org/none", api_name="/get_model")


def test_scripts_for_the_original_read_the_table_under_its_old_name(url):
    answer = Client(url, verbose=False).predict(api_name="/get_latest_data_leaderboard")
    assert answer["headers"][:2] == ["eval_name", "Precision"]
    assert len(answer["data"]) == 4


def test_the_api_is_served_beside_gradio(url):
    assert httpx.get(f"{url}/api/v1/models/org/first").json()["rows"][0]["average"] == 50.0
    assert httpx.get(f"{url}/api/leaderboard/formatted").json()[0]["model"]["name"] == "org/first"
    description = httpx.get(f"{url}/api/openapi.json").json()
    assert description["servers"] == [{"url": "/api"}]


def test_a_name_with_a_line_break_is_refused_in_the_apis_own_words(url):
    for path in ("/api/v1/models/org/%0A", "/api/v1/models/%0A/card", "/api/v1/results/%0D%0A"):
        answer = httpx.get(url + path)
        assert answer.status_code == 404
        assert answer.headers["Content-Type"] == "application/problem+json", path
