"""The same rows as files."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi import Query as Param
from starlette.requests import Request
from starlette.responses import Response

from src.board.api.asking import At, SuiteName, asked, given, problems, unknown
from src.board.api.context import Context
from src.board.exports.formats import FORMATS, Format
from src.board.exports.record_instances import archive_of_model
from src.board.model.detail_files import DetailFiles
from src.board.table.listing import listing, of_model
from src.board.table.query import Query
from src.core.errors import BadInputError

TABLE_ROWS = 20  # of a paper's table, without a limit
RowLimit = Annotated[
    int | None, Param(description="Rows to write; without it all, in a paper's table 20.", ge=1, le=10_000_000)
]


def router(context: Context) -> APIRouter:
    """`/v1/models.csv` and its siblings, one for each format."""
    made = APIRouter(prefix="/v1", tags=["files"])
    for form in FORMATS.values():
        _add(made, context, form)
    _add_records_of_model(made, context)
    return made


def _add(made: APIRouter, context: Context, form: Format) -> None:
    usual = TABLE_ROWS if form.key in ("tex", "md") else None

    async def file(
        request: Request,
        *,
        query: Annotated[Query, Depends(asked)],
        suite: SuiteName = None,
        at: At = None,
        limit: RowLimit = None,
    ) -> Response:
        if strange := unknown(given(request)):
            raise BadInputError(f"Nobody knows {', '.join(strange)[:400]}: check the spelling, or leave it out.")
        snapshot = await context.snapshot_for(suite, at)
        day = f"{snapshot.as_of:%Y-%m-%d}"
        return await context.answer(
            request,
            snapshot,
            lambda: form.write(listing(snapshot, query, limit or usual)),
            media=form.media,
            at=at,
            asked=(query, limit or usual),
            filename=f"{snapshot.suite.name}-{day}.{form.key}",
        )

    media = form.media.partition(";")[0]
    made.add_api_route(
        f"/models.{form.key}",
        file,
        methods=["GET"],
        name=f"models_{form.key.replace('.', '_')}",
        summary=f"{form.title} of the rows that a query finds.",
        response_class=Response,
        responses={200: {"content": {media: {"schema": {"type": "string"}}}}, **problems(400, 404)},
    )


def _add_records_of_model(made: APIRouter, context: Context) -> None:
    media = FORMATS["eee.zip"].media

    @made.get(
        "/models/{model:path}/records.eee.zip",
        response_class=Response,
        responses={200: {"content": {media: {"schema": {"type": "string"}}}}, **problems(400, 404)},
    )
    async def model_records(request: Request, model: str, suite: SuiteName = None) -> Response:
        """One model's Every Eval Ever records, with every published answer as an instance."""
        snapshot = await context.snapshot_for(suite)
        rows = of_model(snapshot, model)

        def make() -> bytes:
            return archive_of_model(rows, DetailFiles(context.board.shown, snapshot.suite).open)

        name = rows.row()["model"].replace("/", "__")
        return await context.answer(
            request,
            snapshot,
            make,
            media=media,
            is_kept=False,  # large, and the store may hold more answers a moment later
            filename=f"{snapshot.suite.name}-{name}.eee.zip",
        )
