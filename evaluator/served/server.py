"""Ask one server for one answer, with patience: retries, back-off, rate limits. Each call is in the answer store."""

from __future__ import annotations

import email.utils
import json
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
import tenacity

from evaluator.served.answers import AnswerStore, request_hash
from evaluator.served.endpoints import Endpoint
from evaluator.served.requests import generates, most_dollars
from src.core import redact
from src.core.redact import clean

LONGEST_ANSWER = 64 * 2**20  # bytes
LONGEST_WAIT = 600.0  # seconds that a server may ask us to wait
SHOWN = 500  # characters of a server's own message


class ServerError(Exception):
    """Raised if a server gives no answer; the message says why, without the key."""


class RunStoppedError(Exception):
    """Raised if the run ends while an answer is awaited."""


class _AgainError(Exception):
    """A call failed and may be repeated, after `wait` seconds if the server names them."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class Server:
    """One endpoint, asked by several threads; a rate limit holds for all of them."""

    def __init__(
        self,
        endpoint: Endpoint,
        store: AnswerStore,
        stop: threading.Event,
        *,
        wait: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to ask. `wait`: waits for seconds, at most until `stop` is set."""
        self._endpoint, self._store, self._stop = endpoint, store, stop
        self._wait, self._clock = wait or stop.wait, clock
        self._quiet_until = 0.0  # nobody asks before: the server named a rate limit
        key = endpoint.key()
        self._key = (key or "").encode()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        timeout = httpx.Timeout(endpoint.seconds, connect=30.0, pool=None)
        limits = httpx.Limits(max_connections=endpoint.concurrency, max_keepalive_connections=endpoint.concurrency)
        # no redirects: this address alone is allowed
        self._client = httpx.Client(headers=headers, timeout=timeout, limits=limits, follow_redirects=False)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_AgainError),
            stop=tenacity.stop_after_attempt(endpoint.tries),
            wait=_pause,
            sleep=self._pause,
            reraise=True,
        )

    def answer(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to a request, from the store if it was given before.

        Raise ServerError if the server gives none, BudgetError if it may cost too much,
        RunStoppedError if the run ends.
        """
        request = request_hash(self._endpoint.url, payload)
        known = self._store.get(request)
        if known is not None:
            return known
        try:
            return dict(self._retrying(self._call, request, payload))
        except _AgainError as error:
            raise ServerError(f"{error} It was asked {self._endpoint.tries} times.") from error

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _call(self, request: bytes, payload: Mapping[str, Any]) -> dict[str, Any]:
        while (seconds := self._quiet_until - self._clock()) > 0 and not self._stop.is_set():
            self._wait(seconds)
        if self._stop.is_set():
            raise RunStoppedError
        call = self._store.begin(request, most_dollars(payload, self._endpoint), generates(payload))
        try:
            status, headers, data = self._post(payload)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            self._store.fail(call, may_be_paid=False)  # nothing was sent
            raise _AgainError(f"{self._endpoint.shown_provider} cannot be reached: {clean(str(error))}.") from error
        except httpx.HTTPError as error:
            self._store.fail(call, may_be_paid=True)
            words = f"{type(error).__name__}: {clean(str(error))}"[:SHOWN]
            raise _AgainError(f"{self._endpoint.shown_provider} broke off an answer ({words}).") from error
        except BaseException:
            self._store.fail(call, may_be_paid=True)
            raise
        if status != 200:
            self._store.fail(call, may_be_paid=False)
            raise self._refusal(status, headers, data)
        try:
            body = json.loads(data)
            choice = body["choices"][0]
            whole = isinstance(choice["message" if self._endpoint.kind == "chat" else "text"], dict | str)
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            self._store.fail(call, may_be_paid=True)
            raise _AgainError(f"{self._endpoint.shown_provider} sent an answer that is not readable.") from error
        if not whole:
            self._store.fail(call, may_be_paid=True)
            raise _AgainError(f"{self._endpoint.shown_provider} sent an answer without a text.")
        prompt, completion = _tokens(body)
        known = prompt is not None and completion is not None
        dollars = self._endpoint.cost(prompt or 0, completion or 0) if known else None
        self._store.settle(call, body, prompt, completion, dollars)
        return dict(body)

    def _post(self, payload: Mapping[str, Any]) -> tuple[int, Mapping[str, str], bytes]:
        data = bytearray()
        with self._client.stream("POST", self._endpoint.url, json=payload) as response:
            for part in response.iter_bytes():
                data += part
                if len(data) > LONGEST_ANSWER:
                    raise httpx.ReadError(f"the answer has more than {LONGEST_ANSWER} bytes")
        answer = bytes(data)  # a server may repeat the key: nobody else gets to see it
        return (
            response.status_code,
            response.headers,
            answer.replace(self._key, redact.MARK.encode()) if self._key else answer,
        )

    def _refusal(self, status: int, headers: Mapping[str, str], data: bytes) -> Exception:
        provider, endpoint = self._endpoint.shown_provider, self._endpoint
        words = clean(data[: 4 * SHOWN].decode("utf-8", "replace"))[:SHOWN]
        if status in {429, 503}:
            wait = _retry_after(headers.get("retry-after"))
            if wait is not None:
                self._quiet_until = max(self._quiet_until, self._clock() + wait)
            return _AgainError(f"{provider} limits the rate of requests ({status}).", wait)
        if status in (408, 409, 425) or status >= 500:
            return _AgainError(f"{provider} answered with status {status}: {words}")
        if status in (401, 403):
            where = f"the key in {endpoint.key_variable}" if endpoint.key_variable else "requests without a key"
            return ServerError(f"{provider} refuses {where} (status {status}): {words}")
        if 300 <= status < 400:
            return ServerError(f"{provider} redirects to another address; state the final one as base_url.")
        return ServerError(f"{provider} refuses a request (status {status}): {words}")

    def _pause(self, seconds: float) -> None:
        self._wait(seconds)
        if self._stop.is_set():
            raise RunStoppedError


_backoff = tenacity.wait_exponential_jitter(initial=1.0, max=60.0)


def _pause(state: tenacity.RetryCallState) -> float:
    """Return the seconds before the next try: what the server asks for, else longer each time."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait if isinstance(error, _AgainError) else None
    return _backoff(state) if asked is None else asked


def _retry_after(text: str | None) -> float | None:
    """Return the seconds that a header Retry-After asks for: a number, or a date."""
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), LONGEST_WAIT) if math.isfinite(seconds) else None


def _tokens(body: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return the tokens in and out that the server counted; None if it did not."""
    usage = body.get("usage")
    known: Mapping[str, Any] = usage if isinstance(usage, Mapping) else {}
    counts = [known.get(name) for name in ("prompt_tokens", "completion_tokens")]
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        return None, None
    return counts[0], counts[1]
