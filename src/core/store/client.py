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

from src.core.errors import (
    BusyError,
    ConflictError,
    DeniedError,
    NotFoundError,
    StoreError,
    ThrottledError,
    UnknownOutcomeError,
)
from src.core.redact import redact, redact_logs

TIMEOUT = httpx.Timeout(60.0, connect=10.0)  # seconds; the client's own default is to wait for ever

_used: list[bool] = []


def use_client(
    factory: Callable[[], httpx.Client] = default_client_factory,
    timeout: httpx.Timeout | None = None,
    again: bool = False,
) -> None:
    """Give all Hub calls of this process a time-out, and keep secrets out of its logs. Once, unless `again`."""
    if _used and not again:
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
    redact_logs("huggingface_hub")


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
        got, stated = self._monotonic(), parsedate_to_datetime(date).timestamp()
        low, high = stated - got, stated + 1.0 - sent  # a Date is cut to whole seconds
        if self._heard is not None:
            spread = self.DRIFT * (got - self._heard)
            both = max(low, self._low - spread), min(high, self._high + spread)
            if both[0] <= both[1]:
                low, high = both
        self._low, self._high, self._heard = low, high, got

    def now(self) -> datetime:
        """Return the server's time, to about half a second."""
        return datetime.fromtimestamp(self._monotonic() + (self._low + self._high) / 2, UTC)


def as_store_error(error: Exception, what: str, writing: bool, took: float = 0.0) -> StoreError:
    """Return what went wrong with the Hub, as one of `src.core.errors`.

    `writing`: the call may have changed something.
    """
    cause: BaseException | None = error
    while cause and not isinstance(cause, HfHubHTTPError | httpx.HTTPError):
        cause = cause.__cause__  # the client wraps what an upload met
    if isinstance(cause, RepositoryNotFoundError | RevisionNotFoundError | EntryNotFoundError):
        return NotFoundError(f"There is no {what}, or the token may not see it.")
    if isinstance(cause, HfHubHTTPError):
        status, reason = cause.response.status_code, redact(cause.server_message or str(cause))[:300]
        if status in {401, 403}:
            return DeniedError(f"The Hub does not let this token use {what}: {reason} Check HF_TOKEN and its rights.")
        if status == 404:
            return NotFoundError(f"There is no {what}: {reason}")
        if status in {409, 423}:
            return BusyError(f"{what} is busy with another commit; try again shortly.")
        if status == 412:
            return ConflictError(f"{what} moved on meanwhile; read it again, then write.")
        if status == 429:
            wait = retry_after(cause.response.headers)
            return ThrottledError(
                f"The Hub takes no more calls for {what} just now; it says to wait {wait:.0f} s.", wait
            )
        if status >= 500:
            return UnknownOutcomeError(f"The Hub answered {status} for {what}; whether the call landed is not known.")
        return StoreError(f"The Hub refused a call for {what} ({status}): {reason}")
    if isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return UnknownOutcomeError(f"The Hub cannot be reached for {what}: {redact(str(cause))}.")
    if isinstance(cause, httpx.HTTPError):
        kept = f" after {took:.0f} s" if took else ""
        return UnknownOutcomeError(f"The Hub did not answer for {what}{kept}; whether the call landed is not known.")
    if isinstance(error, KeyError | ValueError | TypeError) and not writing:
        return UnknownOutcomeError(f"The Hub's answer for {what} could not be read: {redact(str(error))[:200]}.")
    return StoreError(f"{what}: {redact(str(error))[:300]}")


def retry_after(headers: httpx.Headers, default: float = 60.0) -> float:
    """Return seconds that a 429 asks to wait: `Retry-After` as seconds or as a date, or the `RateLimit` draft."""
    stated = headers.get("retry-after", "")
    if stated.isdigit():
        return float(stated)
    if stated:
        try:
            return max(0.0, (parsedate_to_datetime(stated) - datetime.now(UTC)) / timedelta(seconds=1))
        except ValueError:
            pass
    if found := re.search(r";\s*t=(\d+)", headers.get("ratelimit", "")):
        return float(found[1])
    return default
