"""`/metrics`: what this server did and holds, as Prometheus reads it. Numbers alone: no name that a stranger chose."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from src import __version__
from src.board.live.snapshot import Board
from src.core.errors import StoreError
from src.core.lifecycle import Status
from src.ui.web.api import context

METHODS = ("GET", "HEAD", "POST", "DELETE", "OPTIONS")
OTHER = "other"


class ServerMetrics:
    """Counts the requests of one server, and describes its board."""

    def __init__(self, board: Board) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "board_requests", "Requests answered.", ("area", "method", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "board_request_seconds", "Seconds until an answer began.", ("area",), registry=self._registry
        )
        self._registry.register(_BoardCollector(board))
        ProcessCollector(registry=self._registry)
        self._areas: frozenset[str] = frozenset()

    def routes(self) -> list[BaseRoute]:
        """Return the route of `/metrics`."""

        def answer(request: Request) -> Response:
            return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)

        return [Route("/metrics", answer)]

    def measured(self, app: ASGIApp, prefix: str, routes: Iterable[BaseRoute]) -> ASGIApp:
        """Return `app` with its requests counted by the first part of their address, if a route begins with it."""
        firsts = (getattr(route, "path", "").removeprefix("/").partition("/")[0] for route in routes)
        self._areas = frozenset(first for first in firsts if "{" not in first)

        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            began, area = time.perf_counter(), self._area(scope["path"].removeprefix(prefix))
            method = scope["method"] if scope["method"] in METHODS else OTHER

            async def sending(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._requests.labels(area, method, str(message["status"])).inc()
                    self._seconds.labels(area).observe(time.perf_counter() - began)
                await send(message)

            await app(scope, receive, sending)

        return counting

    def _area(self, path: str) -> str:
        first = path.removeprefix("/").partition("/")[0]
        return f"/{first}" if first in self._areas else OTHER


class _BoardCollector(Collector):
    """What the board holds, looked up when somebody asks."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def describe(self) -> Iterable[Metric]:
        """Return no description, so that registering asks no store."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield version, rows, age, damage and queue; the queue is left out while its store cannot be asked."""
        state = self._board.state
        version = GaugeMetricFamily("board_info", "The version that runs.", labels=("version", "source"))
        version.add_metric((__version__, state.source), 1)
        yield version
        rows = GaugeMetricFamily("board_rows", "Rows of each suite.", labels=("suite",))
        for name in self._board.suites:
            rows.add_metric((name,), len(self._board.snapshot(name).frame))
        yield rows
        age = (datetime.now(UTC) - state.as_of).total_seconds()
        yield GaugeMetricFamily("board_sync_age_seconds", "Seconds since the rows were the store's.", age)
        yield GaugeMetricFamily("board_problem", "Whether the last sync failed.", int(state.problem is not None))
        yield GaugeMetricFamily("board_damaged_files", "Files of the store that cannot be read.", len(state.damage))
        try:
            queue = context(self._board).queue()
        except StoreError:
            return
        counts = Tally(each.status for each in queue.standings.values())
        family = GaugeMetricFamily("board_queue_requests", "Requests of each status.", labels=("status",))
        for status in Status:
            family.add_metric((status.value,), counts[status])
        yield family
