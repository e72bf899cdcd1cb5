"""The HTTP side of the Hub: a client with time-outs, its clock, its errors in our words, no secrets in any of it."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from huggingface_hub import set_client_factory
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)  # fmt: skip
from huggingface_hub.utils import httpx
from huggingface_hub.utils._http import default_client_factory

from src.core.errors import Busy, Conflict, Denied, NotFound, StoreError, Throttled, Unknown

TIMEOUT = httpx.Timeout(60.0, connect=10.0)  # seconds; the client's own default is to wait for ever

_used: list[bool] = []


def use_client(
    factory: Callable[[], httpx.Client] = default_client_factory,
    timeout: httpx.Timeout | None = None,
    anew: bool = False,
) -> None:
    """Gives all Hub calls of this process a time-out, and keeps secrets out of its logs. Once, unless `anew`."""
    if _used and not anew:
        return
    _used.append(True)

    def client() -> httpx.Client:
        made = factory()
        made.timeout = timeout or TIMEOUT
        return made

    set_client_factory(client)
    for name in ("httpx", "httpx2", "huggingface_hub", "datasets"):
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.WARNING))
    logging.getLogger("huggingface_hub.hf_api").setLevel(logging.ERROR)  # warns at every append that was repeated
    for handler in (*logging.getLogger().handlers, *logging.getLogger("huggingface_hub").handlers):
        if not any(isinstance(one, RedactSecrets) for one in handler.filters):
            handler.addFilter(RedactSecrets())


class RedactSecrets(logging.Filter):
    """Takes tokens and signatures out of every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


def redact(text: str) -> str:
    """The text without tokens and signed query strings."""
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    return text


SECRETS = (
    (re.compile(r"\b(hf|hf_oauth|hf_jwt|api_org)_[A-Za-z0-9.-]{8,}"), r"\1_…"),
    (re.compile(r"(?i)(bearer\s+)[^\s'\",]+"), r"\1…"),
    (re.compile(r"(?i)([?&](?:x-amz-[a-z-]+|signature|sig|policy|key-pair-id|token|expires)=)[^&\s'\")]+"), r"\1…"),
)


class ServerClock:
    """The Hub's time, from the `Date` of its answers: each narrows the range in which its clock can be."""

    DRIFT = 1e-4  # seconds a second by which this machine's clock may run differently

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._low = self._high = 0.0  # the server's time minus ours, at least and at most
        self._heard: float | None = None

    @property
    def is_set(self) -> bool:
        return self._heard is not None

    def hear(self, date: str | None, sent: float) -> None:
        """Learns from an answer to a request that left at `sent`, by our clock."""
        if not date:
            return
        got, told = self._monotonic(), parsedate_to_datetime(date).timestamp()
        low, high = told - got, told + 1.0 - sent  # a Date is cut to whole seconds
        if self._heard is not None:
            spread = self.DRIFT * (got - self._heard)
            both = max(low, self._low - spread), min(high, self._high + spread)
            if both[0] <= both[1]:
                low, high = both
        self._low, self._high, self._heard = low, high, got

    def now(self) -> datetime:
        """The server's time, to about half a second."""
        return datetime.fromtimestamp(self._monotonic() + (self._low + self._high) / 2, UTC)


def as_store_error(error: Exception, what: str, writing: bool, took: float = 0.0) -> StoreError:
    """What went wrong with the Hub, as one of `src.core.errors`. `writing`: the call may have changed something."""
    cause: BaseException | None = error
    while cause and not isinstance(cause, HfHubHTTPError | httpx.HTTPError):
        cause = cause.__cause__  # the client wraps what an upload met
    if isinstance(cause, RepositoryNotFoundError | RevisionNotFoundError | EntryNotFoundError):
        return NotFound(f"There is no {what}, or the token may not see it.")
    if isinstance(cause, HfHubHTTPError):
        status, said = cause.response.status_code, redact(cause.server_message or str(cause))[:300]
        if status in {401, 403}:
            return Denied(f"The Hub does not let this token use {what}: {said} Check HF_TOKEN and its rights.")
        if status == 404:
            return NotFound(f"There is no {what}: {said}")
        if status in {409, 423}:
            return Busy(f"{what} is busy with another commit; try again shortly.")
        if status == 412:
            return Conflict(f"{what} moved on meanwhile; read it again, then write.")
        if status == 429:
            wait = retry_after(cause.response.headers)
            return Throttled(f"The Hub takes no more calls for {what} just now; it says to wait {wait:.0f} s.", wait)
        if status >= 500:
            return Unknown(f"The Hub answered {status} for {what}; whether the call landed is not known.")
        return StoreError(f"The Hub refused a call for {what} ({status}): {said}")
    if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return Unknown(f"The Hub cannot be reached for {what}: {redact(str(cause))}.")
    if isinstance(cause, httpx.HTTPError):
        kept = f" after {took:.0f} s" if took else ""
        return Unknown(f"The Hub did not answer for {what}{kept}; whether the call landed is not known.")
    if isinstance(error, KeyError | ValueError | TypeError) and not writing:
        return Unknown(f"The Hub's answer for {what} could not be read: {redact(str(error))[:200]}.")
    return StoreError(f"{what}: {redact(str(error))[:300]}")


def retry_after(headers: httpx.Headers, default: float = 60.0) -> float:
    """Seconds that a 429 asks to wait: `Retry-After` as seconds or as a date, or the `RateLimit` draft."""
    told = headers.get("retry-after", "")
    if told.isdigit():
        return float(told)
    if told:
        try:
            return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)) / timedelta(seconds=1))
        except ValueError:
            pass
    if found := re.search(r";\s*t=(\d+)", headers.get("ratelimit", "")):
        return float(found[1])
    return default
