"""The tools as programs reach them: through a real MCP client, through gradio_client, and over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

from src.settings import Settings
from src.ui.app import build_app, launch
from tests.boards.small_board import board

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
    settings = Settings()
    running = launch(build_app(shown, settings), shown, settings)
    yield running.url.rstrip("/")
    running.close()


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
        assert tool.title
        assert tool.annotations.readOnlyHint
        assert tool.outputSchema["type"] == "object"
        assert len(tool.outputSchema["properties"]) >= 4
    refused = answers.pop("changes_since")
    assert refused.isError
    assert refused.content[0].text == "No dated snapshots of open-llm-v2 are kept on this board."
    assert not any(answer.isError for answer in answers.values())
    structured = {name: answer.structuredContent for name, answer in answers.items()}
    assert all(json.loads(answer.content[0].text) == answer.structuredContent for answer in answers.values())
    assert structured["find_models"]["models"][0]["model"] == "org/first"
    assert structured["get_model"]["runs"][0]["average"] == 50.0
    assert structured["compare_models"]["average"]["scores"] == [50.0, 40.0]
    assert structured["best_for_budget"]["models"][0]["memory_gb"] == 20.1
    assert structured["queue_state"]["requests"] == []


def test_what_an_agent_asks_wrongly_is_told_in_a_sentence(url):
    async def ask():
        async with (
            streamablehttp_client(f"{url}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            wrong = (("find_models", {"limit": "many"}), ("find_models", {"sort_by": "luck"}), ("no_tool", {}))
            return [await session.call_tool(name, asked) for name, asked in wrong]

    with ThreadPoolExecutor(1) as thread:
        answers = thread.submit(asyncio.run, ask()).result()
    assert all(answer.isError for answer in answers)
    sentences = [answer.content[0].text for answer in answers]
    assert sentences[0] == "limit: Input should be a valid integer, unable to parse string as an integer"
    assert sentences[1].startswith("'luck' is nothing to sort by; choose one of average, ")
    assert sentences[2].startswith("There is no tool 'no_tool'; there are find_models, ")


def test_the_schema_for_hosts_lists_exactly_the_tools(url):
    assert [tool["name"] for tool in httpx.get(f"{url}/gradio_api/mcp/schema").json()] == list(CALLS)


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
        assert answer.status_code in (400, 404), path
        assert answer.headers["Content-Type"] == "application/problem+json", path
