"""What the statistics must do, measured: one function a promise, small for the tests, in full for the bench."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import betaln, softmax
from scipy.stats import kendalltau

from src.core.statistics import conformal, health, paired, pareto, subset
from src.core.statistics.aggregate import aggregate
from src.core.statistics.intervals import Estimate, Stratum, average, macro, mean_of_metrics, pooled
from src.core.statistics.ranking import ranks
from src.core.statistics.ranking.tiers import tier_critical_value
from src.core.statistics.votes import BradleyTerry, bradley_terry

V2 = ["IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO"]
MUSR = ((slice(0, 250), 1 / 2), (slice(250, 506), 1 / 5), (slice(506, 756), 1 / 3))  # items of each subtask, chance
BBH = [(250, n) for n in (2, 6, 3, 2, 11, 2, 5, 7, 3, 6, 2, 19, 18, 6, 6, 2, 4, 5, 7, 3, 2)] + [
    (187, 2),
    (146, 5),
    (178, 2),
]
MATH = (307, 123, 132, 280, 154, 193, 135)
GPQA_REPEATS = np.repeat([3, 2, 1], [198, 250, 98])  # diamond ⊂ main ⊂ extended: 1,192 rows, 546 questions
ABILITY = {"chance": 0.0, "low": 0.1, "middle": 0.35, "high": 0.75}  # share known of what guessing does not give
SPREAD = 3.0  # a + b of the Beta law of questions' difficulty

Shared = Callable[[str], Path]


def coverage_of_intervals(runs: int, seed: int = 1) -> dict[str, dict[str, float]]:
    """S1. Share of runs whose interval holds the true unclipped score: ability → benchmark (and average) → share."""
    rng = np.random.default_rng(seed)
    result = {}
    for name, ability in ABILITY.items():
        inside = dict.fromkeys([*V2, "average"], 0)
        for _ in range(runs):
            estimates, truth = _simulated_suite(ability, rng)
            for benchmark, estimate, true in zip(V2, estimates, truth, strict=True):
                inside[benchmark] += true in estimate.interval
            inside["average"] += float(np.mean(truth)) in average(estimates).interval
        result[name] = {benchmark: count / runs for benchmark, count in inside.items()}
    return result


def coverage_with_repeated_questions(runs: int, seed: int = 2) -> tuple[float, float]:
    """S2. Coverage on GPQA's repeats, clustered by question and not."""
    rng = np.random.default_rng(seed)
    clustered = plain = 0
    for _ in range(runs):
        scores, questions, true = _simulated_gpqa(0.4, rng)
        truth = 100 * (true - 0.25) / 0.75
        clustered += truth in pooled([Stratum(scores, 0.25, questions)]).interval
        plain += truth in pooled([Stratum(scores, 0.25)]).interval
    return clustered / runs, plain / runs


def rebuilt_musr(shared: Shared) -> tuple[int, int]:
    """S3. Models whose published MuSR follows from item scores within 1e-4 points, of how many.

    The final table rounds 772 of its 4,576 MuSR scores to two decimals; those are held against the rounded score. Rows
    that were re-run between the two tables count where either agrees.
    """
    items = pd.read_parquet(shared("stats/v2_musr_acc_norm_448x756.parquet"))
    final = pd.read_parquet(shared("data/contents/v2_final_merged_4576.parquet"))
    earlier = pd.read_parquet(shared("data/contents/v2_2025-02-08_contents_3827.parquet"))
    table = pd.concat([final[["fullname", "MUSR", "MUSR_precision"]], earlier[["fullname", "MUSR"]]])
    published = {str(name): rows for name, rows in table.groupby("fullname")}
    hits = 0
    for name, correct in zip(items["model"], items["correct"], strict=True):
        x = np.asarray(correct, float)
        score = macro([Stratum(x[part], chance) for part, chance in MUSR]).score
        rows = published[name]
        off = np.abs(rows["MUSR"] - np.where(rows["MUSR_precision"] == "2dp", round(score, 2), score))
        hits += bool(off.min() < 1e-4)
    return hits, len(items)


def size_of_paired_test(runs: int, items: int = 756, seed: int = 4) -> dict[str, float]:
    """S4. Share of pairs of equally good models called different at 5 %, by McNemar's mid-p and by the interval."""
    rng = np.random.default_rng(seed)
    mid_p = interval = 0
    for _ in range(runs):
        difficulty = rng.beta(1.2, 1.5, items)
        a, b = (rng.random((2, items)) < difficulty).astype(float)
        difference = paired.pooled_difference([paired.PairedStratum(a, b)])
        mid_p += difference.p < 0.05
        interval += 0 not in difference.interval
    return {"McNemar mid-p": mid_p / runs, "interval": interval / runs}


def median_se_reduction(correct: np.ndarray, pairs: int, seed: int = 5) -> float:
    """S5. Median over random pairs of models of 1 − SE paired / SE unpaired; correct: (models, items)."""
    rng = np.random.default_rng(seed)
    reductions: list[float] = []
    while len(reductions) < pairs:
        i, j = rng.choice(len(correct), 2, replace=False)
        a, b = correct[i].astype(float), correct[j].astype(float)
        if np.array_equal(a, b):
            continue  # one model entered twice
        together = paired.pooled_difference([paired.PairedStratum(a, b)]).se
        apart = np.hypot(pooled([Stratum(a)]).se, pooled([Stratum(b)]).se)
        reductions.append(1 - together / apart)
    return float(np.median(reductions))


def coverage_of_tied_ranks(runs: int, models: int = 20, seed: int = 6) -> dict[str, float]:
    """S6. Share of runs in which ranges hold every rank of a tie: one model's range, and all models' at once."""
    rng = np.random.default_rng(seed)
    se = rng.uniform(0.6, 0.8, models)
    one = every = 0
    own, joint = ranks.critical_values(se), tier_critical_value(se)
    for _ in range(runs):
        scores = se * rng.standard_normal(models)
        row = ranks.rank_intervals(scores, se, critical=own)
        one += bool(row.low[0] == 1 and row.high[0] == models)
        table = ranks.rank_intervals(scores, se, critical=joint)
        every += bool(np.all((table.low == 1) & (table.high == models)))
    return {"one": one / runs, "all": every / runs}


def llmfao(shared: Shared) -> tuple[BradleyTerry, float]:
    """S7. The LLMFAO votes, and the largest distance of a strength from the golden one."""
    votes = pd.read_csv(shared("stats/pairwise_llmfao.csv"))
    golden = pd.read_csv(shared("stats/pairwise_llmfao_golden.csv")).query("algorithm == 'bradley_terry'")
    fitted = bradley_terry(list(votes["left"]), list(votes["right"]), list(votes["winner"]))
    expected = golden.set_index("item")["score"][list(fitted.names)]
    return fitted, float(np.max(np.abs(fitted.strength - expected.to_numpy())))


def citations(shared: Shared) -> float:
    """S7. Journals' citations: the largest distance of a log ability from the published one."""
    known = json.loads(shared("stats/bt_citations_known_answer.json").read_text())
    names, counts = known["names"], known["counts"]
    lines = [(a, b, counts[i][j]) for i, a in enumerate(names) for j, b in enumerate(names) if i != j]
    fitted = bradley_terry([a for a, _, _ in lines], [b for _, b, _ in lines], ["left"] * 12, [n for *_, n in lines])
    ability = dict(
        zip(fitted.names, fitted.log_ability - fitted.log_ability[fitted.names.index(names[0])], strict=True)
    )
    expected = known["bradley_terry_log_ability_biometrika_0"]
    return max(abs(ability[name] - value) for name, value in zip(names, expected, strict=True))


def subset_error(correct: np.ndarray, subsets: int, models: int, seed: int = 8) -> dict[str, float]:
    """S8. Mean absolute error in points and coverage of 100-question estimates for models that were not references.

    plain mae: the mean of 100 questions drawn at random, without any help.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(correct))
    reference = subset.fit_item_model(correct[order[: subset.LEAST_REFERENCES]])
    strata = subset.difficulty_strata(reference)
    errors, plain, inside = [], [], []
    for _ in range(subsets):
        asked, unaided = subset.choose_subset(strata, 100, rng), rng.choice(correct.shape[1], 100, replace=False)
        for row in rng.choice(order[subset.LEAST_REFERENCES :], models, replace=False):
            estimate = subset.estimate(reference, asked, correct[row, asked], strata, rng=rng)
            errors.append(100 * (estimate.value - correct[row].mean()))
            plain.append(100 * (correct[row, unaided].mean() - correct[row].mean()))
            inside.append(correct[row].mean() in estimate.interval)
    return {
        "mae": float(np.mean(np.abs(errors))),
        "plain mae": float(np.mean(np.abs(plain))),
        "bias": float(np.mean(errors)),
        "coverage": float(np.mean(inside)),
    }


def final_table(shared: Shared) -> dict[str, float]:
    """S9. First component, τ of mean and distance to optimum, and sizes of fronts of the final v2 table."""
    table = pd.read_parquet(shared("data/contents/v2_final_merged_4576.parquet"))
    scores, mean = table[V2].to_numpy(), table["Average ⬆️"].to_numpy()
    size, carbon = table["#Params (B)"].to_numpy(float), table["CO₂ cost (kg)"].to_numpy(float)
    sized = np.where(size > 0, size, np.nan)
    return {
        "first component": health.shared_signal(scores).first_component,
        "tau": float(kendalltau(aggregate(scores, "mean"), aggregate(scores, "distance")).statistic),
        "front by size": len(pareto.pareto_front(size, mean).rows),
        "front by CO₂": len(pareto.pareto_front(carbon, mean).rows),
        "front by CO₂ per billion parameters": len(pareto.pareto_front(carbon / sized, mean).rows),
    }


def coverage_of_conformal_sets(runs: int, seed: int = 11) -> float:
    """S11. Mean coverage of 90 % prediction sets over simulated benchmarks of 1,000 questions with ten options."""
    rng = np.random.default_rng(seed)
    covered = []
    for _ in range(runs):
        logits = rng.normal(0, 1.5, (1000, 10))
        beyond = softmax(logits, axis=1).cumsum(axis=1) < rng.random((1000, 1))
        answers = np.minimum(beyond.sum(axis=1), 9)
        shown = softmax(1.7 * logits + rng.normal(0, 0.3, logits.shape), axis=1)  # overconfident, and a little off
        covered.append(conformal.conformal_score(shown, answers, alpha=0.1).coverage)
    return float(np.mean(covered))


def item_matrix(path: Path) -> np.ndarray:
    """(models, items) of 0 and 1 out of either shape of item file."""
    table = pd.read_parquet(path)
    if "correct" in table:
        return np.stack(list(table["correct"])).astype(float)
    return table.drop(columns=["fullname", "date"]).to_numpy(float)


def _simulated_suite(ability: float, rng: np.random.Generator) -> tuple[list[Estimate], list[float]]:
    """One model's run of the six benchmarks, questions drawn afresh, and the scores it would have on all questions."""
    estimates, truth = [], []
    estimate, true = _simulated_ifeval(0.1 + 0.85 * ability, rng)
    estimates.append(estimate)
    truth.append(true)
    for subtasks in (BBH, None, "gpqa", [(250, 2), (256, 5), (250, 3)]):
        if subtasks is None:
            shares = np.clip(0.02 + ability * np.linspace(0.6, 1.2, len(MATH)), 0.02, 0.97)
            strata = [Stratum(_answers(n, share, rng)) for n, share in zip(MATH, shares, strict=True)]
            estimates.append(pooled(strata))
            truth.append(100 * float(np.average(shares, weights=MATH)))
        elif subtasks == "gpqa":
            scores, questions, share = _simulated_gpqa(0.25 + 0.75 * ability, rng)
            estimates.append(pooled([Stratum(scores, 0.25, questions)]))
            truth.append(100 * (share - 0.25) / 0.75)
        else:
            estimate, true = _simulated_macro(subtasks, ability, rng)  # type: ignore[arg-type]
            estimates.append(estimate)
            truth.append(true)
    share = 0.1 + 0.9 * ability
    estimates.append(pooled([Stratum(_answers(12_032, share, rng), 0.1)]))
    truth.append(100 * (share - 0.1) / 0.9)
    return estimates, truth


def _simulated_macro(
    subtasks: Sequence[tuple[int, int]], ability: float, rng: np.random.Generator
) -> tuple[Estimate, float]:
    known = np.clip(ability * np.linspace(0.5, 1.3, len(subtasks)), 0, 0.97)
    strata = [
        Stratum(_answers(n, 1 / options + (1 - 1 / options) * k, rng), 1 / options)
        for (n, options), k in zip(subtasks, known, strict=True)
    ]
    return macro(strata), 100 * float(known.mean())


def _simulated_gpqa(share: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    questions = np.repeat(np.arange(len(GPQA_REPEATS)), GPQA_REPEATS)
    difficulty = rng.beta(SPREAD * share, SPREAD * (1 - share), len(GPQA_REPEATS))
    return (rng.random(len(questions)) < difficulty[questions]).astype(float), questions, share


def _simulated_ifeval(share: float, rng: np.random.Generator) -> tuple[Estimate, float]:
    """Prompts with one to three instructions; each prompt has its own chance to have one followed."""
    a, b = SPREAD * share, SPREAD * (1 - share)
    number = rng.choice([1, 2, 3], 541, p=[0.56, 0.33, 0.11])
    prompts = np.repeat(np.arange(541), number)
    followed = (rng.random(len(prompts)) < rng.beta(a, b, 541)[prompts]).astype(float)
    whole = np.minimum.reduceat(followed, np.r_[0, np.cumsum(number)[:-1]])
    all_followed = [float(np.exp(betaln(a + m, b) - betaln(a, b))) for m in (1, 2, 3)]
    true = (float(np.dot([0.56, 0.33, 0.11], all_followed)) + share) / 2
    return mean_of_metrics([Stratum(whole, 0, np.arange(541)), Stratum(followed, 0, prompts)]), 100 * true


def _answers(n: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """n questions answered, `share` right on average; drawing each one's difficulty first would change nothing."""
    return (rng.random(n) < share).astype(float)
