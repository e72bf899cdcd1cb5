"""An HTTP connection that ends if a request does not come; uvicorn itself limits idle connections, not slow ones."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_WAIT = 15.0  # seconds from the first byte, or from the connection, to the end of a request's head


class BoundedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """uvicorn's own protocol, with a limit for the head of each request."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(HEAD_WAIT, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Read; stop waiting once a whole head is there."""
        before = self.cycle
        if self._head_timer is None and self._is_idle():
            self._head_timer = self.loop.call_later(HEAD_WAIT, self._give_up)
        super().data_received(data)
        if self.cycle is not before:  # it is made when a head is whole
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing() and self._is_idle():
            self.transport.close()
