"""A clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class Clock:
    """Seconds since 1970 when called, a moment in UTC by `moment()`; half past the second, where a `Date` is cut."""

    def __init__(self, now: float | datetime = 1_770_000_000.5) -> None:
        self.now = now.timestamp() if isinstance(now, datetime) else now

    def __call__(self) -> float:
        return self.now

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def tick(self, seconds: float = 0.0, **span: float) -> None:
        """Go on by `seconds`, or by a span: `tick(hours=3)`."""
        self.now += timedelta(seconds=seconds, **span).total_seconds()
