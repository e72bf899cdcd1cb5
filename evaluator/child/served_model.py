"""lm-eval's own models of a server, in a child without network: what they send leaves through an inherited pipe."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Self

from lm_eval.models.openai_completions import LocalChatCompletion, LocalCompletionsAPI

from evaluator.job import Job


class NoAnswerError(RuntimeError):
    """Raised if the evaluator gives no answer to a request; it knows the reason better than this process."""


def load(job: Job, descriptors: Sequence[str]) -> Any:
    """Return the model of a job's endpoint. `descriptors`: where to write requests and read answers."""
    endpoint = job.endpoint or {}
    session = PipeSession(Pipe(*map(int, descriptors)))
    # at least two at once: only then the harness sends through a session, which is ours
    arguments: dict[str, Any] = {
        "model": endpoint["model"],
        "base_url": "the evaluator asks",
        "num_concurrent": max(2, endpoint["concurrency"]),
        "max_retries": 1,  # the evaluator retries
        "max_length": endpoint["max_length"],
        "batch_size": 1,
    }
    if endpoint["kind"] == "chat":
        return ServedChat(session, **arguments)
    tokenizer = {"tokenizer": job.tokenizer, "tokenizer_backend": "huggingface"} if job.tokenizer else {}
    return ServedCompletions(session, **arguments | ({"tokenizer_backend": "None"} | tokenizer))


class ServedChat(LocalChatCompletion):
    """`local-chat-completions`, asked through a pipe."""

    def __init__(self, session: PipeSession, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._pipe_session = session

    async def amodel_call(self, session: Any, *rest: Any, **more: Any) -> Any:
        """Call the server as the harness does, in the pipe's session."""
        return await super().amodel_call(self._pipe_session, *rest, **more)

    def chat_template(self, chat_template: bool | str = False) -> str:
        """Return a note in place of the template, which the server has."""
        return "(the server's own)"


class ServedCompletions(LocalCompletionsAPI):
    """`local-completions`, asked through a pipe."""

    def __init__(self, session: PipeSession, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._pipe_session = session

    async def amodel_call(self, session: Any, *rest: Any, **more: Any) -> Any:
        """Call the server as the harness does, in the pipe's session."""
        return await super().amodel_call(self._pipe_session, *rest, **more)


class Pipe:
    """Requests out, answers in, in any order."""

    def __init__(self, requests: int, answers: int) -> None:
        self._requests = os.fdopen(requests, "wb", buffering=0)
        self._answers = os.fdopen(answers, "rb")
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._number = 0
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, payload: Mapping[str, Any]) -> Future[dict[str, Any]]:
        """Send a request; return the answer to come."""
        answer: Future[dict[str, Any]] = Future()
        with self._lock:
            self._number += 1
            self._waiting[self._number] = answer
            view = memoryview(json.dumps({"id": self._number, "payload": payload}).encode() + b"\n")
            while view:
                view = view[self._requests.write(view) or 0 :]
        return answer

    def _read(self) -> None:
        for line in self._answers:
            found = json.loads(line)
            answer = self._waiting.pop(found["id"], None)
            with suppress(InvalidStateError):  # the harness has given up on it
                if answer is not None and "error" in found:
                    answer.set_exception(NoAnswerError(found["error"]))
                elif answer is not None:
                    answer.set_result(found["body"])
        for answer in list(self._waiting.values()):
            with suppress(InvalidStateError):
                answer.set_exception(NoAnswerError("The evaluator has ended."))


class PipeSession:
    """The part of an aiohttp session that the harness uses."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._asked: Counter[str] = Counter()

    def post(self, url: str, *, json: dict[str, Any], headers: Mapping[str, str]) -> PipeResponse:
        """Send a request. Samples of one prompt differ in their seed, so that each is a request of its own."""
        if json.get("temperature"):
            key = _text_of(json)
            nth = self._asked[key]
            self._asked[key] += 1
            json = json | {"seed": json.get("seed", 0) + nth}
        return PipeResponse(self._pipe.ask(json))


class PipeResponse:
    """The part of an aiohttp response that the harness uses."""

    ok = True

    def __init__(self, answer: Future[dict[str, Any]]) -> None:
        self._answer = answer

    async def __aenter__(self) -> Self:
        self._body = await asyncio.wrap_future(self._answer)
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    def raise_for_status(self) -> None:
        """Do nothing: what arrives is an answer."""

    async def json(self) -> dict[str, Any]:
        """Return the answer."""
        return self._body


def _text_of(payload: Mapping[str, Any]) -> str:
    return json.dumps(payload, sort_keys=True)
