"""A public server under pressure, over HTTP only: what is closed, how often, how large, how slow, and for whom."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from src.settings import Settings
from src.ui.app import build_app, launch
from src.ui.web import guard, limits, protocol
from tests.boards.small_board import board


@contextmanager
def serving(folder: Path, **chosen: Any) -> Iterator[str]:
    settings, shown = Settings(**chosen), board(folder)
    running = launch(build_app(shown, settings), shown, settings)
    try:
        yield running.url.rstrip("/")
    finally:
        running.close()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("store")) as address:
        yield address


@pytest.fixture
def one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limits' clock stands still: a slow machine starts no new minute between two requests."""
    monkeypatch.setattr(limits, "time", SimpleNamespace(time=lambda: 30.0))


CLOSED = """
POST /gradio_api/upload
GET /gradio_api/upload_progress?upload_id=x
GET /monitoring
GET /monitoring/summary
GET /gradio_api/dev/reload
GET /gradio_api/heartbeat/x
GET /gradio_api/proxy=http://127.0.0.1/
GET /gradio_api/file=README.md
GET /gradio_api/file/README.md
GET /gradio_api/token
GET /gradio_api/runs
GET /gradio_api/deep_link
GET /gradio_api/vibe-code
POST /gradio_api/vibe-edit
POST /gradio_api/component_server
POST /gradio_api/process_recording
POST /gradio_api/stream/x
GET /theme.css
GET /static/img/logo.svg
GET /svelte/svelte.js
GET /assets/index.js
GET /manifest.json
POST /login
GET /logout
GET /docs
GET /openapi.json
PUT /gradio_api/info
"""


@pytest.mark.parametrize("line", CLOSED.split("\n")[1:-1])
def test_what_the_board_has_no_use_for_is_closed(url: str, line: str) -> None:
    method, path = line.split()
    answer = httpx.request(method, url + path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/config", "/gradio_api/info", "/gradio_api/mcp/schema", "/health", "/status.json"])
def test_what_programs_use_is_open(url: str, path: str) -> None:
    assert httpx.get(url + path).status_code == 200


def test_a_queue_session_that_nobody_began_is_not_found_and_leaves_no_traceback(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = httpx.get(f"{url}/gradio_api/queue/data", params={"session_hash": "x"})
    assert answer.status_code == 404
    assert not caplog.records


def test_a_large_body_is_refused_and_not_sent_back(url: str) -> None:
    for path in ("/gradio_api/queue/join", "/gradio_api/run/find_models", "/queue/vote", "/gradio_api/mcp/"):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10000000\r\n\r\n"
        answer = exchange(url, head.encode() + b"x" * 100_000)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert len(answer) < 2000


def test_a_large_body_of_unknown_length_is_refused(url: str) -> None:
    head = b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    answer = exchange(url, head + (b"8000\r\n" + b"x" * 0x8000 + b"\r\n") * 4)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_body_that_stops_coming_ends_the_request(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "BODY_WAIT", 0.2)
    answer = exchange(url, b"POST /gradio_api/queue/join HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer.lower()


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_stops_coming_ends_the_connection(url: str, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(protocol, "HEAD_WAIT", 0.2)
    assert exchange(url, sent) == b""


def test_a_kept_connection_is_answered_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_WAIT", 0.2)
    with httpx.Client(base_url=url) as client:
        for _ in range(3):
            assert client.get("/health").status_code == 200
            time.sleep(0.3)


def test_a_head_without_end_is_refused(url: str) -> None:
    answer = exchange(url, b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")


def exchange(url: str, data: bytes) -> bytes:
    """Send `data`, then return everything that comes until the server ends the connection."""
    received = b""
    with socket.create_connection(("127.0.0.1", httpx.URL(url).port or 80)) as connection:
        connection.settimeout(30)
        try:
            connection.sendall(data)
            while piece := connection.recv(65536):
                received += piece
        except ConnectionError:
            pass
    return received


@pytest.mark.usefixtures("one_minute")
def test_pages_and_the_api_have_a_limit_each_and_cheap_answers_none(tmp_path: Path) -> None:
    with serving(tmp_path, per_minute=3) as url:
        for path, statuses in (
            ("/api/v1/suites", [200, 200, 200, 429]),
            ("/about", [200, 200, 200, 429]),
            ("/compare", [429] * 4),
            ("/board/leaderboard.csv", [429] * 4),
            ("/gradio_api/info", [429] * 4),
            ("/status.json", [200] * 4),
        ):
            answers = [httpx.get(url + path) for _ in range(4)]
            assert [answer.status_code for answer in answers] == statuses, path
            if answers[-1].status_code == 429:
                assert answers[-1].headers["content-type"] == "application/problem+json"
                assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
                assert answers[-1].json()["detail"].startswith("This address has sent 3 requests within a minute; try")


@pytest.mark.usefixtures("one_minute")
def test_the_api_says_how_much_is_left(tmp_path: Path) -> None:
    with serving(tmp_path, per_minute=3) as url:
        answers = [httpx.get(url + "/api/v1/suites") for _ in range(3)]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0"]


def status_for(url: str, forwarded: str) -> int:
    return httpx.get(f"{url}/api/v1/suites", headers={"X-Forwarded-For": forwarded}).status_code


@pytest.mark.usefixtures("one_minute")
def test_readers_behind_a_trusted_proxy_are_distinct_and_cannot_choose_their_name(tmp_path: Path) -> None:
    with serving(tmp_path, per_minute=1, trusted_proxies=("127.0.0.0/8",)) as url:
        assert status_for(url, "198.51.100.9, 203.0.113.1") == 200
        assert status_for(url, "198.51.100.10, 203.0.113.1") == 429
        assert status_for(url, "203.0.113.2") == 200
        assert status_for(url, "2001:db8:0:1::5") == 200
        assert status_for(url, "2001:db8:0:1::6") == 429  # the same customer
        assert status_for(url, "2001:db8:0:2::5") == 200


@pytest.mark.usefixtures("one_minute")
def test_a_local_client_is_not_believed_who_it_speaks_for(tmp_path: Path) -> None:
    with serving(tmp_path, per_minute=1) as url:
        assert status_for(url, "203.0.113.1") == 200
        assert status_for(url, "203.0.113.2") == 429


def test_parameters_that_nobody_reads_make_no_answers_of_their_own(tmp_path: Path) -> None:
    from src.ui.web.api import context

    settings, shown = Settings(per_minute=100_000), board(tmp_path)
    running = launch(build_app(shown, settings), shown, settings)
    try:
        with httpx.Client(base_url=running.url) as client:
            client.get("/api/v1/models?limit=2")
            before = context(shown).answers.size
            for number in range(50):
                assert client.get(f"/api/v1/models?limit=2&x{number}={'y' * 2000}").status_code == 200
            assert context(shown).answers.size == before
    finally:
        running.close()


def test_a_board_for_one_person_answers_its_own_hosts_only(tmp_path: Path) -> None:
    with serving(tmp_path / "one", user="alice") as url:
        for path in ("/", "/queue", "/api/v1/models", "/config", "/status.json"):
            assert httpx.get(url + path, headers={"Host": "evil.example"}).status_code == 421
            answer = httpx.get(url + path, headers={"Origin": "https://evil.example"})
            assert answer.status_code == 200
            assert answer.headers.get("access-control-allow-origin") is None
    with serving(tmp_path / "all") as url:
        answer = httpx.get(url + "/api/v1/models", headers={"Origin": "https://evil.example"})
        assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("prefix", ["/lb", "/board", "/api", "/a/b"])
@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "stripped"])
def test_every_address_answers_below_a_prefix(tmp_path: Path, prefix: str, is_kept: bool) -> None:
    headers = {} if is_kept else {"X-Forwarded-Prefix": prefix}
    with serving(tmp_path, root_path=prefix) as url, httpx.Client(headers=headers) as client:
        root = url + (prefix if is_kept else "")
        for path in (
            "/", "/queue", "/about", "/model/org/first", "/status.json", "/board/leaderboard.csv", "/api/v1/models",
            "/api/openapi.json", "/api/", "/config", "/gradio_api/info", "/gradio_api/mcp/schema",
        ):  # fmt: skip
            assert client.get(root + path).status_code == 200, path
        assert client.get(f"{root}/nowhere").status_code == 404
        assert '<base href="./">' in client.get(f"{root}/queue").text
        assert client.get(f"{root}/api/openapi.json").json()["servers"] == [{"url": f"{prefix}/api"}]
