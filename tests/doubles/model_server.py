"""A server that answers as OpenAI-compatible ones do: the same text for the same request, faults on demand, a bill."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-canary-0123456789abcdef"
PRICE_IN, PRICE_OUT = Decimal(1000), Decimal(5000)  # dollars for a million tokens: cents show after a few requests
FAULTS = ("429", "500", "cut", "malformed", "slow")
CHARGED = {"cut", "malformed", "slow"}
"""Faults of an answer that was made, and that a provider charges for."""

Answer = Callable[[Mapping[str, Any]], str]


def words(payload: Mapping[str, Any]) -> str:
    """Return a few words that depend on the whole request."""
    mark = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
    return f"word {mark[:6]} and {int(mark[6:10], 16)}"


@dataclass
class ModelServer:
    """A running server. `faults`: what happens to the calls in turn; "" or the end of the list is none."""

    faults: list[str] = field(default_factory=list)
    answer: Answer = words
    scores: bool = True  # whether completions with echo have log-likelihoods
    meters: bool = True  # whether answers say how many tokens they took
    on_call: Callable[[int], None] = lambda _: None  # called with the number of each call, before it is answered
    url: str = ""
    calls: int = 0
    charged: Counter[str] = field(default_factory=Counter)  # request → how often it was charged
    answered: Counter[str] = field(default_factory=Counter)  # request → how often its answer was sent whole
    dollars: Decimal = Decimal()
    seen: list[dict[str, Any]] = field(default_factory=list)  # path, headers and payload of each call
    happened: Counter[str] = field(default_factory=Counter)  # fault → how often
    lock: threading.Lock = field(default_factory=threading.Lock)

    def charge(self, payload: Mapping[str, Any], usage: Mapping[str, int]) -> None:
        """Put an answer on the bill."""
        with self.lock:
            self.charged[json.dumps(payload, sort_keys=True)] += 1
            self.dollars += (PRICE_IN * usage["prompt_tokens"] + PRICE_OUT * usage["completion_tokens"]) / 1_000_000


@contextmanager
def serving(server: ModelServer | None = None, port: int = 0) -> Iterator[ModelServer]:
    """Yield a server that listens on the loopback."""
    made = server or ModelServer()
    http = _Http(("127.0.0.1", port), _handler(made))
    made.url = f"http://127.0.0.1:{http.server_address[1]}/v1"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Do nothing: clients of these tests die on purpose."""


def _handler(server: ModelServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            payload = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with server.lock:
                server.calls += 1
                number = server.calls
                fault = server.faults.pop(0) if server.faults else ""
                server.happened[fault] += 1
                server.seen.append({"path": self.path, "headers": dict(self.headers), "payload": payload})
            server.on_call(number)
            if self.headers.get("Authorization") not in (None, f"Bearer {KEY}"):
                return self._send(401, {"error": {"message": f"no such key: {self.headers['Authorization']}"}})
            if fault == "429":
                return self._send(429, {"error": {"message": "slow down"}}, {"Retry-After": "0"})
            if fault == "500":
                return self._send(500, {"error": {"message": "overloaded"}})
            body = _answer(server, payload)
            server.charge(payload, _usage(payload, body))
            if fault == "malformed":
                return self._send(200, b'{"choices": [{"index": 0, "mess')
            if fault in ("cut", "slow"):  # a slow answer ends as the other side's patience does: the line goes dead
                data = json.dumps(body).encode()
                self._head(200, len(data), {})
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
                return None
            self._send(200, body)
            with server.lock:
                server.answered[json.dumps(payload, sort_keys=True)] += 1
            return None

        def _send(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            self._head(status, len(data), headers or {})
            self.wfile.write(data)

        def _head(self, status: int, length: int, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(length), **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    return Handler


def _answer(server: ModelServer, payload: Mapping[str, Any]) -> dict[str, Any]:
    if payload.get("echo"):
        tokens = _prompt(payload)
        choice: dict[str, Any] = {"index": 0, "text": "", "finish_reason": "length", "logprobs": None}
        if server.scores:
            values = [-((_number(token) % 97) + 1) / 100 for token in tokens] + [-0.5]
            choice["logprobs"] = {
                "token_logprobs": [None, *values[1:]],
                "top_logprobs": [None, *({"x": value} for value in values[1:])],
            }
    else:
        text = server.answer(payload)
        shown = {"message": {"role": "assistant", "content": text}} if "messages" in payload else {"text": text}
        choice = {"index": 0, "finish_reason": "stop"} | shown
    body = {"id": "x", "object": "completion", "model": payload["model"], "choices": [choice]}
    return body | ({"usage": _usage(payload, body)} if server.meters else {})


def _usage(payload: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, int]:
    choice = body["choices"][0]
    text = choice.get("text", choice.get("message", {}).get("content", ""))
    messages = payload.get("messages", ())
    prompt = _prompt(payload) if "prompt" in payload else " ".join(each["content"] for each in messages).split()
    return {"prompt_tokens": len(prompt), "completion_tokens": max(1, len(text.split()))}


def _prompt(payload: Mapping[str, Any]) -> list[Any]:
    prompt = payload["prompt"]
    prompt = prompt[0] if isinstance(prompt, list) and isinstance(prompt[0], list | str) else prompt
    return prompt.split() if isinstance(prompt, str) else prompt


def _number(token: Any) -> int:
    return token if isinstance(token, int) else int(hashlib.sha256(str(token).encode()).hexdigest()[:6], 16)
