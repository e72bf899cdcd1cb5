"""The API as schemathesis sees it: a small board with results, a queue and a past, and the checks that hold for it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import schemathesis
from schemathesis.checks import CHECKS as ALL
from schemathesis.checks import load_all_checks
from starlette.applications import Starlette
from starlette.routing import Mount

from src.board.api.app import build_api
from src.board.api.context import Context
from src.board.live.history import History
from src.core.lifecycle import Status
from src.core.queue.state import QueueEntry, QueueState
from src.core.records import Request
from tests.boards.small_board import board, row, snapshot

load_all_checks()
CHECKS = ALL.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
        "unsupported_method",
        "allow_header_conformance",
        "negative_data_rejection",
    ]
)


def app(folder: Path) -> Starlette:
    """A board with one of everything."""
    shown = board(folder)
    shown.store.append({"results/org/first/results_2025-02-01T00-00-00.json": b'{"results": {"t": {"acc,none": 0.5}}}'})
    history = History(shown.store)
    history.keep(snapshot(row("org/first", 45.0), row("org/gone", 20.0)), date(2025, 2, 1))
    now = datetime(2025, 2, 9, tzinfo=UTC)
    waiting = QueueEntry("k", Request(model="org/waits"), Status.PENDING, submitted=now, place=1)
    done = QueueEntry("d", Request(model="org/first", status=Status.FINISHED), Status.FINISHED, ended=now)
    state = QueueState(now, {"k": waiting, "d": done})
    api = build_api(Context.of(shown, history, lambda: state))
    return Starlette(routes=[Mount("/api", app=api)])


def schema(folder: Path):  # type: ignore[no-untyped-def]
    """Its description, as served."""
    return schemathesis.openapi.from_asgi("/api/openapi.json", app(folder))
