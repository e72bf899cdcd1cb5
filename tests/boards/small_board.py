"""A board of four rows, in view: what tests of files, the API and agents are run on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd

from src.board.live.certainty import with_certainty
from src.board.live.snapshot import Board, Snapshot, State
from src.core.frames.frame import from_contents
from src.core.store import LocalStore
from src.core.suites import load

V2 = ("IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO")
AS_OF = datetime(2025, 2, 8, 12, tzinfo=UTC)


def row(model: str, average: float, **changed: Any) -> dict[str, Any]:
    """A row of a contents table whose six scores are all `average`, published the day `Submission Date` says."""
    raws = {"IFEval": 1, "BBH": 1, "MATH Lvl 5": 1, "GPQA": 0.75, "MUSR": 1, "MMLU-PRO": 0.9}
    base = {"GPQA": 0.25, "MMLU-PRO": 0.1}
    scores = dict.fromkeys(V2, average) | {f"{name} Raw": base.get(name, 0) + raws[name] * average / 100 for name in V2}
    return {
        "fullname": model,
        "Precision": "bfloat16",
        "Type": "💬 chat models (RLHF, DPO, IFT, ...)",
        "Weight type": "Original",
        "Architecture": "LlamaForCausalLM",
        "Model sha": "0123456789abcdef0123456789abcdef01234567",
        "Average ⬆️": average,
        "Hub License": "apache-2.0",
        "Hub ❤️": 3,
        "#Params (B)": 8.03,
        "Available on the hub": True,
        "MoE": False,
        "Flagged": False,
        "Chat Template": True,
        "CO₂ cost (kg)": 1.5,
        "Merged": False,
        "Official Providers": False,
        "Upload To Hub Date": "2025-01-01",
        "Submission Date": "2025-02-01",
        "Generation": 0,
        "Base Model": model,
    } | {**scores, **changed}


ROWS = (
    row("org/first", 50.0, **{"#Params (B)": 70.0, "Submission Date": "2025-02-07"}),
    row("org/second", 40.0, Precision="float16", **{"Hub License": "mit"}),
    row("other/small", 30.0, **{"#Params (B)": 1.5, "Type": "🟢 pretrained", "Official Providers": True}),
    row("other/partial", 20.0, **{"MUSR": None, "MUSR Raw": None, "Hub License": None, "#Params (B)": -1}),
)


def snapshot(*rows: dict[str, Any], as_of: datetime = AS_OF, revision: str = "a1b2c3d4e5f6") -> Snapshot:
    """These rows (by default `ROWS`) as the board shows them."""
    suite = load("open-llm-v2")
    frame = with_certainty(from_contents(pd.DataFrame(list(rows or ROWS)), suite), suite)
    return Snapshot(frame, suite, revision, "local", as_of, None, "a folder")


def board(folder: Any, *rows: dict[str, Any]) -> Board:
    """A board over an empty folder that shows these rows."""
    made = Board(LocalStore(folder), local=True)
    shown = snapshot(*rows)
    made._state = State({shown.suite.name: shown}, "local", AS_OF)
    return made
