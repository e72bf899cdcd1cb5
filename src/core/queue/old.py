"""Requests as boards wrote them before there were events: one file each, its status inside."""

from __future__ import annotations

import re
from datetime import timedelta

from src.core.lifecycle import Status
from src.core.queue.events import Event, RequestState, milliseconds, milliseconds_of
from src.core.records import Request

OLD_PATH = re.compile(r"requests/(?!queue/|archive/)[^/]+/[^/]+_eval_request_[^/]+\.json")
ABANDONED = timedelta(days=1)
"""After this time without news an old backend counts as stopped: its request waits again."""


def state_of_old_request(request: Request) -> RequestState:
    """Return how a request of an old file stands before anything is appended to its folder."""
    at = milliseconds(request.submitted_time) if request.submitted_time else 0
    submitted = Event("request", 0, at, 0, "0" * 8)
    started = milliseconds(request.job_start_time) if request.job_start_time else at
    match request.status:
        case Status.FINISHED:
            return RequestState(submitted=submitted, done=Event("done", 0, started, 0, "0" * 8), began=started)
        case Status.FAILED:
            return RequestState(submitted=submitted, failures=(Event("fail", 0, started, 0, "0" * 8, "unknown"),))
        case Status.CANCELLED:
            return RequestState(submitted=submitted, cancelled=Event("cancel", 0, started, 0, "0" * 8))
        case Status.RUNNING:
            until = started + milliseconds_of(ABANDONED)
            claim = Event("claim", 0, started, until, "0" * 8)
            return RequestState(submitted=submitted, holder=claim, until=until, latest=claim)
        case _:
            return RequestState(submitted=submitted)
