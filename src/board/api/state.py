"""The board itself: its suites, its queue, its result files, its past and what changed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated, Any
from urllib.parse import quote

import orjson
from fastapi import APIRouter
from fastapi import Query as Param
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from src.board.api import schemas
from src.board.api.asking import SuiteName, problems
from src.board.api.context import Context
from src.board.live.history import changes
from src.board.live.snapshot import Snapshot
from src.board.table.listing import records
from src.core.errors import BadInputError, NotFoundError, StoreError
from src.core.lifecycle import Status
from src.core.names import folder_of, is_model_name, model_of_folder
from src.core.queue.state import QueueEntry, QueueState

MOST_REQUESTS = 1000
MOST_CHANGES = 500


def router(context: Context) -> APIRouter:
    """`/v1/suites`, `/v1/queue`, `/v1/results…` and `/v1/changes`."""
    made = APIRouter(prefix="/v1", tags=["board"])

    @made.get("/suites", responses={200: {"model": list[schemas.SuiteShape]}, **problems()})
    def suites(request: Request) -> Response:
        """List the suites of this board: benchmarks, rows, how fresh they are, and the days that `at` may name."""
        snapshots = [context.board.snapshot(name) for name in context.board.suites]
        body = orjson.dumps([_suite(context, each) for each in snapshots])
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-cache"})

    @made.get("/decisions", responses={200: {"model": list[schemas.Decision]}, **problems()})
    def decisions(
        request: Request,
        model: Annotated[str | None, Param(description="Only about this model.", max_length=200)] = None,
    ) -> Response:
        """List what operators decided about rows, with reasons and authors' answers, oldest first."""
        moderation = context.board.state.profile.moderation
        active = {each.id for each in moderation.active}
        listed = moderation.of(model) if model else moderation.entries
        fields = (each.model_dump(mode="json", exclude_none=True) | {"counts": each.id in active} for each in listed)
        return Response(
            orjson.dumps(list(fields)), media_type="application/json", headers={"Cache-Control": "no-cache"}
        )

    @made.get("/queue", responses={200: {"model": schemas.QueueReport}, **problems(503)})
    def queue(
        request: Request,
        model: Annotated[str | None, Param(description="Only requests of this model.", max_length=200)] = None,
        status: Annotated[Status | None, Param(description="Only requests that stand so.")] = None,
        limit: Annotated[int, Param(ge=1, le=MOST_REQUESTS)] = 100,
    ) -> Response:
        """Who waits, runs, has finished or failed, with places, estimates and reasons."""
        body = orjson.dumps(queue_answer(context.queue(), model, status, limit))
        return Response(body, media_type="application/json", headers={"Cache-Control": "public, max-age=15"})

    @made.get("/results", responses={200: {"model": schemas.ResultFiles}, **problems(400, 404, 503)})
    def results(
        request: Request, model: Annotated[str, Param(description="`organisation/name`.", max_length=200)]
    ) -> Response:
        """List the harness's own result files of a model, newest first."""
        root = request.scope.get("root_path", "")
        files = [
            {"path": entry.path, "size": entry.size, "url": f"{root}/v1/{quote(entry.path)}"}
            for entry in reversed(_result_entries(context, model))
        ]
        body = orjson.dumps({"model": model, "files": files})
        return Response(body, media_type="application/json", headers={"Cache-Control": "public, max-age=60"})

    @made.get("/results/{path:path}", responses={200: {"model": dict[str, Any]}, **problems(400, 404, 503)})
    async def result(request: Request, path: str) -> Response:
        """One result file, as the harness wrote it."""
        model, _, name = path.rpartition("/")
        # a path is never made of what was asked: it is one of those that the store lists
        listed = await run_in_threadpool(_result_entries, context, model_of_folder(model))
        entry = next((each for each in listed if each.path.rpartition("/")[2] == name), None)
        if entry is None:
            raise NotFoundError("There is no such result file; /api/v1/results?model=organisation/name lists them.")
        return await context.answer(request, None, lambda: _object(context.board.store.read(entry.path), entry.path))

    @made.get("/changes", responses={200: {"model": schemas.ChangesAnswer}, **problems(400, 404, 503)})
    async def changed(
        request: Request,
        since: Annotated[date, Param(description="From the end of this day, e.g. `2025-02-08`.")],
        until: Annotated[date | None, Param(description="To the end of this day; now without it.")] = None,
        suite: SuiteName = None,
    ) -> Response:
        """List changes: added rows, removed rows, and runs whose numbers changed because they were graded again."""
        if until and until < since:
            raise BadInputError(f"'until' ({until}) is before 'since' ({since}); swap them.")
        after = await context.snapshot_for(suite, until)
        before = await run_in_threadpool(context.history.at, after.suite.name, since)
        return await context.answer(
            request, after, lambda: orjson.dumps(_changes(before, after)), at=until, asked=since
        )

    return made


def queue_answer(
    state: QueueState, model: str | None = None, status: Status | None = None, limit: int = 100
) -> schemas.QueueReport:
    """Return the queue as plain values: counts of all, and the requests asked for, running ones first."""
    lanes = (state.running, state.waiting, state.failed, state.finished, state.cancelled)
    listed = [
        standing
        for lane in lanes
        for standing in lane
        if (model is None or standing.request.model.lower() == model.lower())
        and (status is None or standing.status is status)
        and not standing.request.private
    ]
    return {
        "now": state.now.isoformat(timespec="seconds"),
        "counts": {each.value: sum(one.status is each for one in state.standings.values()) for each in Status},
        "order": state.explain_order(),
        "requests": [_standing(standing) for standing in listed[:limit]],
    }


def _standing(standing: QueueEntry) -> schemas.QueuedRequest:
    request, failure = standing.request, standing.failure
    return {
        "model": request.model,
        "revision": request.revision,
        "precision": request.precision,
        "suite": request.suite,
        "status": standing.status.value,
        "submitted": _stamp(standing.submitted),
        "place": standing.place,
        "wait_s": standing.wait.total_seconds() if standing.wait is not None else None,
        "votes": standing.votes,
        "attempts": standing.attempts,
        "ended": _stamp(standing.ended),
        "trial": standing.trial,
        "failure": failure.title if failure else None,
        "advice": failure.advice if failure else None,
    }


def _stamp(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat(timespec="seconds")


def _suite(context: Context, snapshot: Snapshot) -> schemas.SuiteShape:
    suite = snapshot.suite
    try:
        days = [day.isoformat() for day in context.history.days(suite.name)]
    except StoreError:
        days = []  # the board is still there while its past is not
    return {
        "name": suite.name,
        "title": suite.title,
        "version": suite.version,
        "rows": len(snapshot.frame),
        "hidden": len(snapshot.frame.attrs.get("hidden", ())),
        "revision": snapshot.revision,
        "source": snapshot.source,
        "as_of": snapshot.as_of.astimezone(UTC).isoformat(timespec="seconds"),
        "problem": snapshot.problem,
        "benchmarks": [
            {
                "key": each.key,
                "title": each.title,
                "help": each.help,
                "shots": each.shots,
                "items": each.items,
                "unit": each.unit,
                "higher_is_better": each.higher_is_better,
                "weight": each.weight,
            }
            for each in suite.benchmarks
        ],
        "snapshots": days,
    }


def _result_entries(context: Context, model: str) -> list[Any]:
    folder = folder_of(model)
    try:
        entries = context.board.store.list(f"results/{folder}")
    except NotFoundError:
        entries = []
    depth = folder.count("/") + 2
    found = [each for each in entries if each.path.endswith(".json") and each.path.count("/") == depth]
    if not found and not is_model_name(model):
        raise NotFoundError(f"There are no result files of '{model}'.")
    return found


def _object(data: bytes, path: str) -> bytes:
    """Return the bytes, if they are one JSON object: what a store holds was written by strangers."""
    try:
        if isinstance(orjson.loads(data), dict):
            return data
    except orjson.JSONDecodeError:
        pass
    raise NotFoundError(f"{path} is no JSON object; it may be half uploaded.")


def _changes(before: Snapshot, after: Snapshot) -> schemas.ChangesAnswer:
    found = changes(before, after)
    keys = [benchmark.key for benchmark in after.suite.benchmarks]
    return {
        "suite": after.suite.name,
        "since": f"{before.as_of:%Y-%m-%d}",
        "until": f"{after.as_of:%Y-%m-%d}",
        "added": len(found.added),
        "removed": len(found.removed),
        "rescored": len(found.rescored),
        "rows_added": records(found.added.head(MOST_CHANGES), keys),
        "rows_removed": records(found.removed.head(MOST_CHANGES), keys),
        "rows_rescored": list(found.rescored[:MOST_CHANGES]),
    }
