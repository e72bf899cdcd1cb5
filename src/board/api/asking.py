"""What a reader may ask with: the page's own parameters, described, and how they become a `Query`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Query as Param
from starlette.requests import Request

from src.board.api.schemas import Problem
from src.board.table.columns import columns
from src.board.table.query import Query
from src.board.table.url import PARAMETERS, first, write
from src.core.statistics.aggregate import AGGREGATIONS
from src.core.suites import load
from src.core.suites import names as suites

MOST_ROWS = 1000
LONGEST = 512
PAGING = {"limit", "offset"}
COLUMNS = {"id", "rank", "model", "average"}

At = Annotated[date | None, Param(description="The board at the end of this day, e.g. `2025-02-08`.")]
SuiteName = Annotated[
    str | None, Param(description="A name of `/v1/suites`; the board's first without it.", max_length=64)
]
Limit = Annotated[int, Param(description="Rows in one answer.", ge=1, le=MOST_ROWS)]
Offset = Annotated[int, Param(description="Rows to skip.", ge=0, le=10_000_000)]


def _text(words: str) -> Any:
    return Param(description=words, max_length=LONGEST)


async def asked(
    request: Request,
    *,
    q: Annotated[str | None, _text("Search: words narrow, `;` unites, `@license:mit`, `/regex/`.")] = None,
    types: Annotated[
        str | None, _text("pretrained, continued, finetuned, chat, merge, multimodal, other, unknown.")
    ] = None,
    family: Annotated[str | None, _text("Families, joined by commas.")] = None,
    precision: Annotated[str | None, _text("bfloat16, float16, …")] = None,
    license: Annotated[str | None, _text("Licences, joined by commas; `unknown` for none.")] = None,
    size: Annotated[
        str | None, _text("0-3, 3-6, 6-10, 10-20, 20-40, 40+ (billions); edge, consumer, mid, gpu_rich of old links.")
    ] = None,
    billions: Annotated[str | None, _text("Billions of parameters from,to: `7,9` or `,3`; `params` too.")] = None,
    params: Annotated[str | None, Param(max_length=LONGEST, include_in_schema=False)] = None,  # clients use the word
    uploaded: Annotated[str | None, _text("Days from,to.")] = None,
    submitted: Annotated[str | None, _text("Days from,to.")] = None,
    hide: Annotated[str | None, _text("merged, moe, flagged, gone.")] = None,
    official: Annotated[str | None, _text("`1`: only models by the organisation that made them.")] = None,
    columns: Annotated[str | None, _text("For files: the columns to write, joined by commas.")] = None,
    sort: Annotated[str | None, _text("Columns, `-` for descending: `-average,params_b`.")] = None,
    pinned: Annotated[str | None, _text("Ids that come first, whatever the filters say.")] = None,
    score: Annotated[Literal["normalised", "raw"] | None, Param(description="Which scores to sort by.")] = None,
    rank: Annotated[Literal["all", "shown"] | None, Param(description="Ranks among all rows, or those found.")] = None,
    average: Annotated[Literal["all", "shown"] | None, Param(description="Of all benchmarks, or of `columns`.")] = None,
    aggregate: Annotated[str | None, _text(f"How the average is made: {', '.join(AGGREGATIONS)}.")] = None,
    weights: Annotated[str | None, _text("How many times a benchmark counts: `gpqa:2,ifeval:0`.")] = None,
) -> Query:
    """Return the query in the address, in the page's language or the original board's.

    Async, since FastAPI would call it in a thread of its own.
    """
    return Query.parse(given(request))


def given(request: Request) -> dict[str, str]:
    """Return the parameters as the page has them."""
    return first(request.query_params.multi_items())


def unread(params: Mapping[str, str]) -> list[str]:
    """Return what changes nothing: unknown parameters, sort keys and columns, values nobody knows, and defaults."""
    query = Query.parse(params)
    names = {each.name for each in fields(Query)} & set(params) - {"suite"}
    without_effect = sorted(
        name
        for name in names
        if params[name]
        and query == Query.parse({key: value for key, value in params.items() if key != name})
        and params[name] != write(name, getattr(Query(), name))
    )
    return [*without_effect, *unknown(params)]


def unknown(params: Mapping[str, str]) -> list[str]:
    """Return the parameters, sort keys and columns that nobody knows, the latter two as `sort: key`."""
    query = Query.parse(params)
    known = {*COLUMNS, *(each.key for suite in map(load, suites()) for each in columns(suite))}
    named = {"sort": [each.key for each in query.sort], "columns": query.columns or ()}
    keys = [f"{name}: {key}" for name in named if name in params for key in named[name] if key not in known]
    return [*sorted(set(params) - PARAMETERS - PAGING), *keys]


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return how an endpoint describes what may go wrong."""
    words = {
        304: "Unchanged since the `ETag` in `If-None-Match`.",
        400: "The search or a name cannot be read.",
        404: "No such suite, day, model or file.",
        422: "A parameter is not what it should be.",
        429: "Asked too often; `Retry-After` says when to come back.",
        503: "The store does not answer just now.",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": words[status]}
        | ({"content": {"application/problem+json": {"schema": schema}}} if status != 304 else {})
        for status in (304, *statuses, 422, 429)
    }


__all__ = ["At", "Limit", "Offset", "Problem", "SuiteName", "asked", "given", "problems", "unknown", "unread"]
