"""Several tidy frames of one suite as one."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from src.core import suites
from src.core.frames.contents import CLAIMED, KEY, settle


def merged(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Merge frames of one suite: a row that comes again replaces the earlier one and inherits the facts it lacks.

    Rows are identified by `KEY`; a row without a revision is that of the only one there is, and so is one that does not
    say its chat template or, if no run of it is known, its configuration.
    Scores are never mixed: they are those of the last complete row, or, if none is complete, of the last row with any
    score. So a partial run never replaces a complete one.
    """
    suite = suites.load(frames[0].attrs["suite"])
    if len(frames) == 1:
        return frames[0]
    stacked = pd.concat([frame.drop(columns=["id", "family"]) for frame in frames], keys=range(len(frames)))
    stacked = stacked.reset_index(level=0, names="_frame").reset_index(drop=True)
    key = [name for name in KEY if name in stacked]
    silent = stacked["result_path"].isna() if "result_path" in stacked else pd.Series(True, index=stacked.index)
    for at, name in enumerate(key[2:], start=2):
        alike = stacked.groupby(key[:at], sort=False, dropna=False)[name]
        only = alike.transform("first").where(alike.transform("nunique") == 1)
        stacked[name] = stacked[name].fillna(only if name != "configuration" else only.where(silent))
    # rows of one frame stay apart, even if a table without precisions makes them look alike
    nth = stacked.groupby(["_frame", *key], sort=False, dropna=False).cumcount()
    row = stacked.groupby([*key, nth], sort=False, dropna=False).ngroup()
    scores = [
        name
        for name in stacked
        if ("." in name and not name.endswith(CLAIMED))
        or name in ("average", "scorer", "result_path", "harness", "source")
    ]
    facts = stacked.drop(columns=["_frame", *scores]).groupby(row, sort=True).last()  # the last known value
    held = stacked[[f"{benchmark.key}.score" for benchmark in suite.benchmarks]].notna()
    counts = stacked[[f"{benchmark.key}.score" for benchmark in suite.averaged or suite.benchmarks]].notna()
    position = pd.Series(stacked.index, index=stacked.index)
    last = position.groupby(row).max()
    for worth in (held.any(axis=1), counts.all(axis=1)):  # a complete row comes before a row with any score
        last = position.where(worth).groupby(row).max().fillna(last)
    last = last.astype(int)
    whole = facts.join(stacked.loc[last, scores].set_axis(last.index))
    return settle(whole, suite, whole["average"].copy())
