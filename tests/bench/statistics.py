"""Every promise about statistics in full, and what they cost: `python -m tests.bench.statistics [--quick]`."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import TypeVar

import numpy as np
import pandas as pd

from src.core.statistics.approximate import Design, effective_items
from src.core.statistics.ranking import ranks
from src.core.statistics.ranking.robustness import weight_robustness
from src.core.statistics.table import table_statistics
from tests.bench import certain_pages, report, result_statistics, shown, verdict
from tests.core.statistics import acceptance

T = TypeVar("T")
SHARED = Path(__file__).resolve().parents[2].parent / "shared"
DESIGNS = (
    Design((541,), (0.0,)),
    Design(tuple(n for n, _ in acceptance.BBH), tuple(1 / options for _, options in acceptance.BBH), is_macro=True),
    Design(acceptance.MATH, (0.0,) * len(acceptance.MATH)),
    Design((1192,), (0.25,), independent=effective_items(acceptance.GPQA_REPEATS)),
    Design((250, 256, 250), (1 / 2, 1 / 5, 1 / 3), is_macro=True),
    Design((12_032,), (0.1,)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer runs, about a minute")
    quick = parser.parse_args().quick
    shown("load average (the smaller, the surer the seconds)", os.getloadavg()[0], "processes")
    simulations(quick)
    certain_pages.measure(quick)
    if SHARED.exists():
        real_data(quick)
        costs(quick)
    else:
        where = f"beside the repository for S3, S5, S7–S9 and costs: {SHARED.name}"
        report("real data", 0, "folders", where, False)
    raise SystemExit(verdict())


def simulations(quick: bool) -> None:
    runs = 2000 if quick else 10_000
    for ability, benchmarks in acceptance.coverage_of_intervals(runs).items():
        for which, share in (("lowest", min(benchmarks.values())), ("highest", max(benchmarks.values()))):
            figure = f"S1 coverage at {ability} ability, {which} of six benchmarks and average, {runs} runs"
            report(figure, share, "share", "0.93 to 0.97", 0.93 <= share <= 0.97)
    clustered, plain = acceptance.coverage_with_repeated_questions(runs=2000 if quick else 20_000)
    report("S2 coverage, clustered by question", clustered, "share", "0.93 to 0.97", 0.93 <= clustered <= 0.97)
    report("S2 coverage, unclustered", plain, "share", "below 0.93", plain < 0.93)
    for method, share in acceptance.size_of_paired_test(runs=2000 if quick else 20_000).items():
        report(f"S4 size under the null, {method}", share, "share", "0.04 to 0.06", 0.04 <= share <= 0.06)
    for whose, share in acceptance.coverage_of_tied_ranks(runs=2000 if quick else 10_000).items():
        report(f"S6 tie of 20 covered, {whose}", share, "share", "at least 0.95", share >= 0.95)
    windowed_against_dense(400 if quick else 4576)
    share = acceptance.coverage_of_conformal_sets(runs=200)
    report("S11 conformal coverage", share, "share", "0.89 to 0.91", 0.89 <= share <= 0.91)
    result_statistics.simulations(quick)


def windowed_against_dense(models: int) -> None:
    rng = np.random.default_rng(0)
    scores, se = 60 * rng.beta(2, 4, models), rng.uniform(0.4, 0.9, models)
    critical = ranks.critical_values(se)
    found, quick_s = timed(lambda: ranks.rank_intervals(scores, se, critical=critical), 5)

    def dense() -> tuple[np.ndarray, np.ndarray]:
        joint = critical[:, None] * np.hypot(se[:, None], se[None, :])
        gap = scores[None, :] - scores[:, None]
        return 1 + np.sum(gap > joint, axis=1), models - np.sum(-gap > joint, axis=1)

    (low, high), dense_s = timed(dense, 3)
    same = bool(np.array_equal(found.low, low) and np.array_equal(found.high, high))
    report(f"S6 windowed ranges equal dense ones, {models} models", int(same), "", "equal", same)
    holds = quick_s < dense_s if models > 1000 else None  # few models fit into one window
    report(
        f"S6 windowed ranges, {models} models", quick_s, "s", "below all pairs", holds, "all pairs", quick_s / dense_s
    )


def real_data(quick: bool) -> None:
    hits, models = acceptance.rebuilt_musr(shared)
    report("S3 MuSR rebuilt within 1e-4", hits, f"of {models} models", "at least 439", hits >= 439)
    for name, file, least in (
        ("MuSR", "stats/v2_musr_acc_norm_448x756.parquet", 0.15),
        ("ARC", "stats/v2run_arc_challenge_218x1172.parquet", 0.25),
    ):
        pairs = 1000 if quick else 20_000
        reduction = acceptance.median_se_reduction(acceptance.item_matrix(shared(file)), pairs)
        report(
            f"S5 median SE reduction by pairing, {name}", reduction, "share", f"at least {least}", reduction >= least
        )
    result_statistics.shared_items(acceptance.item_matrix(shared("stats/v2_musr_acc_norm_448x756.parquet")), quick)
    off = acceptance.llmfao(shared)[1]
    report("S7 distance from golden scores, llmfao", off, "strength", "at most 1e-5", off <= 1e-5)
    journals = float(acceptance.citations(shared))
    report("S7 distance from published, citations", journals, "log ability", "at most 1e-4", journals <= 1e-4)
    for name, file, most in (
        ("ARC", "v1_arc_challenge25_acc_norm_2162x1172.parquet", 2.7),
        ("GSM8K", "v1_gsm8k5_acc_2173x1319.parquet", 3.1),
    ):
        correct = acceptance.item_matrix(shared(f"data/items/{file}"))
        found = acceptance.subset_error(correct, subsets=25 if quick else 50, models=4 if quick else 200)
        ratio, error = found["mae"] / found["plain mae"], found["mae"]
        report(f"S8 error, {name}", error, "points", f"at most {most}", error <= most, "mean of 100 at random", ratio)
        covered = found["coverage"]
        report(f"S8 coverage, {name}", covered, "share", "0.92 to 0.97", 0.92 <= covered <= 0.97)
    goals = {
        "first component": ("0.735 ± 0.001", 0.735, 0.001),
        "tau": ("0.956 ± 0.002", 0.956, 0.002),
        "front by size": ("20", 20, 0),
        "front by CO₂ per billion parameters": ("19", 19, 0),
    }
    for name, value in acceptance.final_table(shared).items():
        if name not in goals:  # the published count of this one is of another quantity: see the next figure
            shown(f"S9 {name}", value, "")
            continue
        goal, centre, width = goals[name]
        report(f"S9 {name}", value, "", goal, abs(value - centre) <= width)


def costs(quick: bool) -> None:
    for models, most_ranks, most_table in ((4576, 0.2, 0.3), (100_000, 5.0, 8.0)):
        scores, raw = table_of(models)
        found, table_s = timed(partial(table_statistics, scores, raw=raw, designs=DESIGNS), 5)
        average, se = found.average, found.average_se
        _, ranks_s = timed(partial(ranks.rank_intervals, average, se), 5)
        report(f"S6 rank ranges, {models} models", ranks_s, "s", f"at most {most_ranks}", ranks_s <= most_ranks)
        report(f"all table statistics, {models} models", table_s, "s", f"at most {most_table}", table_s <= most_table)
        _, cpu_s = timed(partial(table_statistics, scores, raw=raw, designs=DESIGNS), 3, time.process_time)
        shown(f"all table statistics, {models} models, processor time", cpu_s, "s")
        usual = float(median(se))
        report(f"SE of the average, median of {models} models", usual, "points", "0.6 to 0.85", 0.6 <= usual <= 0.85)
        best = int(found.tied_with_best.sum())
        report(f"tied with the best of {models} models", best, "models", "at least itself", 1 <= best < models)
        if models == 4576:
            result_statistics.tiers_of_table(average, se)
            order = np.argsort(-average)
            apart = -np.diff(average[order]) > 1.96 * np.hypot(se[order][1:], se[order][:-1])
            report(
                "neighbours in rank that differ at 5 %",
                int(apart.sum()),
                "of 4575 pairs",
                "at most 5",
                apart.sum() <= 5,
            )
        draws = 100 if quick else 1000
        start = time.perf_counter()
        weight_robustness(scores, np.random.default_rng(0), draws=draws, rows=[0])
        spent = time.perf_counter() - start
        shown(f"weights of one model, {draws} draws, {models} models", spent, "s")


def table_of(models: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the final v2 table, published and raw scores; beyond its size, rows drawn again with a little noise."""
    table = pd.read_parquet(shared("data/contents/v2_final_merged_4576.parquet"))
    scores, raw = table[acceptance.V2].to_numpy(), table[[f"{b} Raw" for b in acceptance.V2]].to_numpy()
    if models <= len(table):
        return scores[:models], raw[:models]
    rng = np.random.default_rng(0)
    rows = rng.integers(0, len(table), models)
    return np.clip(scores[rows] + rng.normal(0, 0.5, (models, 6)), 0, 100), raw[rows]


def timed(work: Callable[[], T], repeats: int, clock: Callable[[], float] = time.perf_counter) -> tuple[T, float]:
    """Return the result, and the median of seconds by that clock."""
    seconds = []
    for _ in range(repeats):
        start = clock()
        result = work()
        seconds.append(clock() - start)
    return result, median(seconds)


def shared(name: str) -> Path:
    return SHARED / name


if __name__ == "__main__":
    main()
