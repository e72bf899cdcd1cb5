"""The way out of a child that has no network: a pipe, at whose other end this thread asks the one server allowed.

A request is one line, `{"id": n, "payload": {…}}`, and so is its answer: `{"id": n, "body": {…}}`, or `{"id": n,
"error": "…"}` after which nothing is asked any more. The child names neither address nor key, and reads neither.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from evaluator.job import RunFailure
from evaluator.served.answers import AnswerStore, BudgetError, Usage, request_hash
from evaluator.served.endpoints import Endpoint
from evaluator.served.requests import checked
from evaluator.served.server import RunStoppedError, Server, ServerError
from src.core.errors import BadInputError

log = logging.getLogger(__name__)

LONGEST_LINE = 64 * 2**20  # bytes
MOST_WAITING = 2_048  # requests of a child that wait for an answer
GRACE = 30.0  # seconds for answers on their way when a run ends
NOTICE_SECONDS = 15.0


class GatewayError(Exception):
    """Raised if a request of the evaluator's own has no answer."""

    def __init__(self, failure: RunFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Gateway:
    """Answers the requests of one child until it ends. `failure` says why answering ended early."""

    def __init__(
        self,
        endpoint: Endpoint,
        store: AnswerStore,
        *,
        notice: Callable[[Usage], None] = lambda _: None,
        server: Server | None = None,
    ) -> None:
        """Start. `notice` is called with the usage every few seconds."""
        self.failure: RunFailure | None = None
        self._endpoint, self._store, self._notice = endpoint, store, notice
        self._stop = threading.Event()
        self._server = server or Server(endpoint, store, self._stop)
        self._waiting: queue.SimpleQueue[tuple[bytes, dict[str, Any]] | None] = queue.SimpleQueue()
        self._ids: dict[bytes, list[int]] = {}  # request → the child's numbers of it
        self._room = threading.BoundedSemaphore(MOST_WAITING)
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._next_notice = 0.0
        requests, self._child_writes = os.pipe()
        self._child_reads, answers = os.pipe()
        self._requests: BinaryIO = os.fdopen(requests, "rb")
        self._answers: BinaryIO = os.fdopen(answers, "wb", buffering=0)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._workers = [threading.Thread(target=self._work, daemon=True) for _ in range(endpoint.concurrency)]
        for thread in (self._reader, *self._workers):
            thread.start()

    @property
    def child_ends(self) -> tuple[int, int]:
        """The descriptors that the child inherits: to write requests, to read answers."""
        return self._child_writes, self._child_reads

    def release_child_ends(self) -> None:
        """Close this process's copies of the child's ends, so that its end ends the pipes too."""
        for descriptor in self.child_ends:
            os.close(descriptor)

    def ask(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a request of the evaluator's own. Raise GatewayError if there is none."""
        body, failure = self._ask(checked(dict(payload), self._endpoint))
        if body is None:
            raise GatewayError(failure or RunFailure("stopped", "The run has ended."))
        return body

    def close(self) -> Usage:
        """Ask nothing more, wait a moment for answers on their way, and return what the run used."""
        self._stop.set()
        for _ in self._workers:
            self._waiting.put(None)
        end = time.monotonic() + GRACE
        for thread in self._workers:
            thread.join(max(0.0, end - time.monotonic()))
        usage = self._store.usage()
        if not any(thread.is_alive() for thread in self._workers):
            self._server.close()
            self._store.close()
        return usage

    def _read(self) -> None:
        with self._requests:
            while line := self._requests.readline(LONGEST_LINE):
                number, problem = _number(line), ""
                try:
                    payload = checked(json.loads(line)["payload"], self._endpoint)
                    request = request_hash(self._endpoint.url, payload)
                except BadInputError as error:
                    problem = str(error)
                except (ValueError, LookupError, TypeError, RecursionError):
                    problem = "A request could not be read."
                if problem:
                    self._end(RunFailure("harness", problem))
                    self._reply([number], error=problem)
                    continue
                self._room.acquire()
                with self._lock:
                    is_new = request not in self._ids
                    self._ids.setdefault(request, []).append(number)
                if is_new:  # the same request twice is asked once
                    self._waiting.put((request, payload))

    def _work(self) -> None:
        while (item := self._waiting.get()) is not None:
            request, payload = item
            body, failure = self._ask(payload)
            with self._lock:
                numbers = self._ids.pop(request)
            if body is None:
                self._reply(numbers, error=failure.message if failure else "The run has ended.")
            else:
                self._reply(numbers, body=body)
                self._report()
            for _ in numbers:
                self._room.release()

    def _ask(self, payload: dict[str, Any]) -> tuple[dict[str, Any] | None, RunFailure | None]:
        if self.failure is not None:
            return None, self.failure
        try:
            return self._server.answer(payload), None
        except RunStoppedError:
            return None, self.failure
        except BudgetError as error:
            return None, self._end(RunFailure("budget", str(error)))
        except (ServerError, BadInputError) as error:
            return None, self._end(RunFailure("server", str(error)))
        except Exception as error:
            log.exception("a request to %s could not be made", self._endpoint.name)
            return None, self._end(RunFailure("unknown", f"{type(error).__name__}: {error}"))

    def _end(self, failure: RunFailure) -> RunFailure:
        with self._lock:
            self.failure = self.failure or failure
        return self.failure

    def _reply(self, numbers: list[int], **answer: Any) -> None:
        for number in numbers:
            line = json.dumps({"id": number, **answer}).encode() + b"\n"
            with self._writing:
                try:
                    view = memoryview(line)
                    while view:
                        view = view[self._answers.write(view) or 0 :]
                except OSError:
                    return  # the child has ended

    def _report(self) -> None:
        now = time.monotonic()
        with self._lock:
            if now < self._next_notice:
                return
            self._next_notice = now + NOTICE_SECONDS
        self._notice(self._store.usage())


def _number(line: bytes) -> int:
    try:
        number: Mapping[str, Any] = json.loads(line)
        return int(number["id"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return -1
