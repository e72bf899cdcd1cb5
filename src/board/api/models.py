"""Rows of the board: a query's, one model's, several side by side, and what goes into a card."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import APIRouter, Depends
from fastapi import Query as Param
from starlette.requests import Request
from starlette.responses import Response

from src.board.api import schemas
from src.board.api.asking import At, Limit, Offset, SuiteName, asked, given, problems, unread
from src.board.api.context import LIVE, Context
from src.board.cards import card_block, eval_result_files
from src.board.compare import Comparison, ComparisonLine, compare
from src.board.live.snapshot import Snapshot
from src.board.table.listing import listing, of_model
from src.board.table.query import Query
from src.core.errors import BadInputError
from src.core.estimates import estimates
from src.core.names import check_model_name

MOST_COMPARED = 6


def router(context: Context) -> APIRouter:
    """`/v1/models…`, `/v1/best` and `/v1/compare`."""
    made = APIRouter(prefix="/v1", tags=["models"])

    @made.get("/models", responses={200: {"model": schemas.RowsAnswer}, **problems(400, 404)})
    async def models(
        request: Request,
        *,
        query: Annotated[Query, Depends(asked)],
        suite: SuiteName = None,
        at: At = None,
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> Response:
        """Find models. Filters and sorting are the page's own; the next page is in the `Link` header."""
        snapshot = await context.snapshot_for(suite, at)
        without_effect = unread(given(request))

        def make() -> bytes:
            found = listing(snapshot, query, limit, offset)
            return _json(
                _about(snapshot)
                | {
                    "total": len(snapshot.frame),
                    "matches": found.selection.matches,
                    "offset": offset,
                    "ranked_by": found.selection.ranking,
                    "unread": without_effect,
                    "rows": found.json(),
                }
            )

        return await context.answer(
            request,
            snapshot,
            make,
            at=at,
            asked=(query, limit, offset),
            is_kept=not without_effect,  # each spelling of what nobody reads would make an answer of its own
            links=_next(request, limit, offset, len(snapshot.frame)),
        )

    @made.get("/models/{model:path}/card", responses={200: {"model": schemas.CardAnswer}, **problems(400, 404)})
    async def card(request: Request, model: str, suite: SuiteName = None, at: At = None) -> Response:
        """Return what goes into the model's card, from its best row: `model-index`, section, `.eval_results` files."""
        snapshot = await context.snapshot_for(suite, at)

        def make() -> bytes:
            row = of_model(snapshot, model).row()
            block = card_block(row, snapshot.suite.name, by=snapshot.identity)
            date = row.get("submission_date")
            files = eval_result_files(row, snapshot.suite.name, date=date, by=snapshot.identity)
            return _json(
                {
                    "model": block.model,
                    "suite": block.suite,
                    "metadata": block.metadata,
                    "section": block.section,
                    "eval_results": files,
                }
            )

        return await context.answer(request, snapshot, make, at=at)

    @made.get(
        "/models/{model:path}/estimates",
        responses={200: {"model": schemas.EstimatesAnswer}, **problems(400, 404, 503)},
    )
    def estimated(request: Request, model: str, suite: SuiteName = None) -> Response:
        """Estimates from a random part of the questions, newest first: marked, never ranked, intervals not cut at 0."""
        known = context.snapshot(suite).suite
        found = estimates(context.board.shown, check_model_name(model), known.name)
        answer = {"model": model, "suite": known.name, "estimates": [each.model_dump(mode="json") for each in found]}
        return Response(_json(answer), media_type="application/json", headers={"Cache-Control": LIVE})

    @made.get("/models/{model:path}", responses={200: {"model": schemas.ModelAnswer}, **problems(400, 404)})
    async def model(request: Request, model: str, suite: SuiteName = None, at: At = None) -> Response:
        """Every result of one model: one row for each precision and revision, best first."""
        snapshot = await context.snapshot_for(suite, at)

        def make() -> bytes:
            found = of_model(snapshot, model)
            name = snapshot.frame["model"].iloc[found.positions[0]]
            return _json(_about(snapshot) | {"model": name, "rows": found.json()})

        return await context.answer(request, snapshot, make, at=at)

    @made.get("/compare", responses={200: {"model": schemas.ComparedModels}, **problems(400, 404)})
    async def compared(
        request: Request,
        models: Annotated[str, Param(description="2 to 6 names or ids, given by commas.", max_length=1000)],
        suite: SuiteName = None,
        at: At = None,
    ) -> Response:
        """Models side by side: each one's difference to the first, and whether it is more than chance."""
        snapshot = await context.snapshot_for(suite, at)
        return await context.answer(
            request, snapshot, lambda: _json(comparison(snapshot, models.split(","))), at=at, asked=models
        )

    return made


def comparison(snapshot: Snapshot, names: list[str]) -> schemas.ComparedModels:
    """Return names or ids, held against the first.

    Raises BadInputError for too few or too many, NotFoundError for an unknown one.
    """
    wanted = list(dict.fromkeys(name.strip() for name in names if name.strip()))
    if not 2 <= len(wanted) <= MOST_COMPARED:
        raise BadInputError(f"Name 2 to {MOST_COMPARED} models to compare; this asks for {len(wanted)}.")
    rows = [snapshot.frame.iloc[of_model(snapshot, name).positions[0]].to_dict() for name in wanted]
    found: Comparison = compare(rows, snapshot.suite, lambda row, task: None)
    return {
        "suite": snapshot.suite.name,
        "revision": snapshot.revision,
        "ids": [row["id"] for row in rows],
        "average": _line(found.average),
        "benchmarks": [_line(line) for line in found.benchmarks],
        "unlike": [{"title": each.title, "values": list(each.values), "why": each.why} for each in found.unlike],
    }


def _line(line: ComparisonLine) -> schemas.ComparedLine:
    return {
        "key": line.key,
        "title": line.title,
        "scores": list(line.scores),
        "contrasts": [
            None
            if contrast is None
            else {
                "value": contrast.value,
                "low": contrast.interval.low,
                "high": contrast.interval.high,
                "p": contrast.p,
                "clear": bool(contrast.is_clear),
                "method": contrast.method,
            }
            for contrast in line.contrasts
        ],
    }


def _about(snapshot: Snapshot) -> dict[str, Any]:
    return {"suite": snapshot.suite.name, "revision": snapshot.revision}


def _next(request: Request, limit: int, offset: int, total: int) -> str | None:
    if offset + limit >= total:
        return None
    params = {**given(request), "limit": limit, "offset": offset + limit}
    return f'<{request.url.path}?{urlencode(params)}>; rel="next"'


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
