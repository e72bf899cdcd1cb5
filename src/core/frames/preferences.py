"""Votes between pairs of models, as tables of any site have them, into the tidy frame of a board of ratings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from src.core import exact
from src.core.errors import BadInputError
from src.core.frames.contents import FIELDS, settle
from src.core.statistics.votes import bradley_terry
from src.core.suites import Suite

SPELLINGS = {
    "left": ("left", "model_a", "model_x"),
    "right": ("right", "model_b", "model_y"),
    "winner": ("winner", "vote"),
    "voter": ("voter", "worker", "judge", "user"),
    "count": ("count", "votes"),
}
OUTCOMES = {
    "left": "left", "a": "left", "model_a": "left", "x": "left",
    "right": "right", "b": "right", "model_b": "right", "y": "right",
    "tie": "tie", "draw": "tie", "both": "tie", "tie (bothbad)": "tie",
}  # fmt: skip


def from_votes(table: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return one row a model: `rating.score` and `rating.se` in chess points (1,000 the average model), `votes.score`.

    A vote is a line with both models and who won (left, right, tie, or the names other sites use). Raises BadInputError
    if columns are missing, an outcome is none, or the votes are not connected.
    """
    if suite.kind != "votes":
        raise BadInputError(f"{suite.title} is not a board of votes; import them with --suite votes.")
    columns = {name: _column(table, spellings) for name, spellings in SPELLINGS.items()}
    if missing := [name for name in ("left", "right", "winner") if columns[name] is None]:
        raise BadInputError(
            f"Votes need a column '{missing[0]}' (or {', '.join(SPELLINGS[missing[0]][1:])}); "
            f"this table has {', '.join(map(str, table.columns[:8]))}."
        )
    known = table.dropna(subset=[column for name, column in columns.items() if column and name != "count"])
    left, right = (known[columns[side]].astype(str).str.strip() for side in ("left", "right"))
    data = known[columns["winner"]].astype(str).str.strip()
    winner = data.str.lower().map(OUTCOMES).mask(data == left, "left").mask(data == right, "right")
    if winner.isna().any():
        raise BadInputError(f"'{data[winner.isna()].iloc[0]}' is no outcome of a vote: use left, right or tie.")
    counts = known[columns["count"]].to_numpy(dtype=float) if columns["count"] else np.ones(len(known))
    voters = known[columns["voter"]].astype(str).tolist() if columns["voter"] else None
    fitted = bradley_terry(left.tolist(), right.tolist(), winner.tolist(), counts, voters)
    cast = pd.concat([pd.Series(counts, index=left.array), pd.Series(counts, index=right.array)]).groupby(level=0).sum()
    names = list(fitted.names)
    frame = pd.DataFrame(
        {
            "model": names,
            "rating.score": [exact.rounded(value) for value in fitted.elo()],
            "rating.se": [exact.rounded(value) for value in fitted.se * (400 / np.log(10))],
            "votes.score": cast.loc[names].to_numpy(),
        }
    )
    return settle(_whole(frame, suite), suite)


def _column(table: pd.DataFrame, spellings: tuple[str, ...]) -> str | None:
    return next((name for name in spellings if name in table), None)


def _whole(frame: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return the frame with the facts that votes do not tell, all unknown."""
    for field in FIELDS:
        if field.key not in frame:
            frame[field.key] = pd.Series(None, index=frame.index, dtype=field.dtype)
    for benchmark in suite.benchmarks:
        frame[f"{benchmark.key}.raw"] = np.nan
    return frame
