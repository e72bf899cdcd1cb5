"""What results say of themselves, in figures: errors from items, repeats, ungraded items, tiers, shared items."""

from __future__ import annotations

import numpy as np

from src.core.items.errors import item_errors
from src.core.statistics.intervals import Stratum, pooled, wilson
from src.core.statistics.ranking.ranks import rank_intervals, rank_intervals_from_covariance
from src.core.statistics.ranking.tiers import tiers
from src.core.statistics.ranking.together import score_covariance
from src.core.suites import load
from tests.bench import report, shown

PRO = load("open-llm-v2").benchmark("mmlu_pro")


def simulations(quick: bool) -> None:
    """Coverage by simulation: repeats (S13), ungraded items (S14), a known tie (S15), claims (S17)."""
    runs = 400 if quick else 4000
    rng = np.random.default_rng(13)
    whole = pooling = 0
    for _ in range(runs):  # 30 items, 8 repeats, within-item correlation 1/3
        ability = rng.beta(1, 1, 30)
        answers = (rng.random((30, 8)) < ability[:, None]).astype(float)
        estimate = pooled([Stratum(answers.ravel(), clusters=np.repeat(np.arange(30), 8))])
        whole += 50 in estimate.interval
        naive = wilson(answers.sum(), answers.size)
        pooling += 0.5 in naive
    report("S13 coverage, 30 items × 8 repeats", whole / runs, "share", "0.92 to 0.97", 0.92 <= whole / runs <= 0.97)
    report("S13 coverage if repeats count as items", pooling / runs, "share", "below 0.8", pooling / runs < 0.8)
    for missing in ("at random", "the right ones"):
        share = np.mean([_covered_with_ungraded(rng, missing) for _ in range(runs)])
        report(f"S14 coverage, 3 % ungraded, {missing}", float(share), "share", "at least 0.95", share >= 0.95)
    se = rng.uniform(0.4, 1.0, 20)
    tied = np.mean([np.all(tiers(50 + se * rng.standard_normal(20), se) == 1) for _ in range(runs)])
    report("S15 known tie of 20 in one tier", float(tied), "share", "at least 0.94", tied >= 0.94)


def _covered_with_ungraded(rng: np.random.Generator, missing: str) -> bool:
    scores = (rng.random(500) < 0.55).astype(float)
    lost = rng.permutation(500)[:15] if missing == "at random" else np.flatnonzero(scores)[:15]
    values = dict(enumerate(scores.tolist())) | dict.fromkeys(lost.tolist())
    lines = [{"doc_id": at, "doc": {"question": str(at)}, "acc": score} for at, score in values.items()]
    found = item_errors(PRO, {PRO.tasks[0].name: lines})
    assert found is not None
    return found.low <= 50.0 <= found.high  # 0.55 with one in ten by chance


def tiers_of_table(average: np.ndarray, se: np.ndarray) -> None:
    """How many tiers a real table has, and how many rows share the first."""
    found = tiers(average, se)
    shown(f"tiers of {len(average)} models", float(np.nanmax(found)), "tiers")
    shown("models in the first tier", int(np.sum(found == 1)), "models")


def shared_items(correct: np.ndarray, quick: bool) -> None:
    """Rank ranges of models on the same items: from their covariance against from counts."""
    scores = np.unique(correct, axis=0)[: 150 if quick else None]
    covariance = score_covariance([(scores, 100.0)], is_macro=False)
    means, errors = 100 * scores.mean(axis=1), np.sqrt(np.diag(covariance))
    paired = rank_intervals_from_covariance(means, covariance, rng=np.random.default_rng(0), draws=1000)
    counts = rank_intervals(means, 100 * np.sqrt(scores.mean(axis=1) * (1 - scores.mean(axis=1)) / scores.shape[1]))
    unpaired = rank_intervals(means, errors)
    widths = {name: float(np.median(each.high - each.low)) for name, each in
              (("paired", paired), ("counts", counts), ("unpaired", unpaired))}  # fmt: skip
    ratio = widths["paired"] / widths["counts"]
    figure = f"median width of rank ranges, MuSR, {len(scores)} models"
    report(figure, widths["paired"], "ranks", "at most 0.9 of counts", ratio <= 0.9, "from counts", ratio)
    shown("the same unpaired, by counts", widths["unpaired"] / widths["counts"], "ratio")
    apart = np.sqrt(np.maximum(errors[:, None] ** 2 + errors[None, :] ** 2 - 2 * covariance, 1e-12))
    gaps = np.abs(means[:, None] - means[None, :])
    together, alone = (int(np.sum(gaps > 1.96 * s) // 2) for s in (apart, np.hypot(errors[:, None], errors[None, :])))
    shown("pairs that differ at 5 %, paired", together, "pairs")
    shown("pairs that differ at 5 %, unpaired", alone, "pairs")
