"""The two addresses that other tools have always read, in the original's shape, quirks and all."""

from __future__ import annotations

import re
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from src.board.api.asking import problems
from src.board.api.context import Context
from src.board.live.snapshot import Snapshot
from src.board.table.listing import plain
from src.core.frames.frame import to_contents

NAMES = {"math": "MATH Level 5", "musr": "MUSR"}
"""Where the original called a benchmark otherwise than its column."""
UNKNOWN_SIZE = -1  # readers compare sizes as numbers


def router(context: Context) -> APIRouter:
    """`/leaderboard` and `/leaderboard/formatted`."""
    made = APIRouter(tags=["original"])

    @made.get("/leaderboard", responses={200: {"model": list[dict[str, Any]]}, **problems()})
    async def raw(request: Request) -> Response:
        """Return the published table as records, under its 36 column names."""
        snapshot = context.snapshot()
        return await context.answer(request, snapshot, lambda: orjson.dumps(table(snapshot)))

    @made.get("/leaderboard/formatted", responses={200: {"model": list[dict[str, Any]]}, **problems()})
    async def formatted(request: Request) -> Response:
        """Return the same rows in the page's form: `id`, `model`, `evaluations`, `features`, `metadata`."""
        snapshot = context.snapshot()
        return await context.answer(
            request, snapshot, lambda: orjson.dumps([entry(row, snapshot) for row in table(snapshot)])
        )

    return made


def table(snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return the contents table as records, in its own order."""
    contents = to_contents(
        snapshot.frame, snapshot.suite, snapshot.identity.owner if snapshot.identity else "open-llm-leaderboard"
    )
    contents["#Params (B)"] = contents["#Params (B)"].fillna(UNKNOWN_SIZE)
    columns = {name: plain(contents[name]) for name in contents.columns}
    return [{name: values[at] for name, values in columns.items()} for at in range(len(contents))]


def entry(row: dict[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    """Return one record of the table as the original formatted it."""
    template = _flag(row, "Chat Template")
    return {
        "id": f"{row['fullname']}_{row['Precision']}_{row['Model sha']}_{template}",
        "model": {
            "name": row["fullname"],
            "sha": row["Model sha"],
            "precision": row["Precision"],
            "type": type_word(row["Type"]),
            "weight_type": row["Weight type"],
            "architecture": row["Architecture"],
            "average_score": row["Average ⬆️"],
            "has_chat_template": template,
        },
        "evaluations": {
            benchmark.key: {
                "name": NAMES.get(benchmark.key, benchmark.title),
                "value": row.get(benchmark.raw_column or ""),
                "normalized_score": row.get(benchmark.column),
            }
            for benchmark in snapshot.suite.benchmarks
        },
        "features": {
            # true for models that *are* there: so the original had it, and its readers turn it round
            "is_not_available_on_hub": _flag(row, "Available on the hub"),
            "is_merged": _flag(row, "Merged"),
            "is_moe": _flag(row, "MoE"),
            "is_flagged": _flag(row, "Flagged"),
            "is_official_provider": _flag(row, "Official Providers"),
        },
        "metadata": {
            "upload_date": row["Upload To Hub Date"],
            "submission_date": row["Submission Date"],
            "generation": row["Generation"],
            "base_model": row["Base Model"],
            "hub_license": row["Hub License"],
            "hub_hearts": row["Hub ❤️"],
            "params_billions": row["#Params (B)"],
            "co2_cost": row["CO₂ cost (kg)"],
        },
    }


def type_word(text: str | None) -> str:
    """Return the original's word for a type: `💬 chat models (RLHF, …)` → `chatmodels`."""
    return re.sub("[🔶🟢🟩💬🤝🌸 ]", "", (text or "").lower().partition("(")[0])


def _flag(row: dict[str, Any], name: str) -> bool:
    return bool(row.get(name))
