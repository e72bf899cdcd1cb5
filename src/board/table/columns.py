"""The columns of the table, as a list of values: what each is called, where it lies in the frame, and how it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from src.core.suites import Benchmark, Suite

Kind = Literal["rank", "model", "type", "score", "number", "text", "flag", "date"]
Group = Literal["scores", "raw scores", "certainty", "model", "run", "flags", "dates"]

DIGITS_KEPT = 4
"""Decimals of a score that are compared and sent; models closer than this tie."""


@dataclass(frozen=True)
class Column:
    """One column: `path` is its column in the tidy frame, `shown` whether a newcomer sees it."""

    key: str
    title: str
    kind: Kind
    path: str
    shown: bool
    help: str
    group: Group = "model"
    digits: int = 0  # decimals on screen; the whole value is on hover
    unit: str = ""
    core: bool = False  # needed by the first screen, search or a filter: travels in the first payload
    better: Literal["higher", "lower"] = "higher"  # which end of a score is good
    weight: float = 0.0  # of a score in the average; 0 keeps it out


class Words(NamedTuple):
    """What a page calls a value, and one line on what it means."""

    title: str
    help: str


TYPES = {
    "pretrained": Words("pretrained", "trained from scratch on raw text"),
    "continued": Words("continued", "a pretrained model, trained further on more text"),
    "finetuned": Words("fine-tuned", "adapted to a domain or a task"),
    "chat": Words("chat", "taught to converse (RLHF, DPO, IFT, …)"),
    "merge": Words("merge", "several models’ weights combined"),
    "multimodal": Words("multimodal", "reads more than text"),
    "other": Words("other", "of another kind"),
}
"""The keys of `src.core.model.types`, in the page's words; they sort in this order."""


@dataclass(frozen=True)
class Size:
    """A size preset: `low` ≤ billions of parameters < `high`."""

    key: str
    title: str
    low: float | None
    high: float | None
    words: str


SIZES = (
    Size("0-3", "< 3 B", None, 3, "< 3 B"),
    Size("3-6", "3–6 B", 3, 6, "3–6 B"),
    Size("6-10", "6–10 B", 6, 10, "6–10 B"),
    Size("10-20", "10–20 B", 10, 20, "10–20 B"),
    Size("20-40", "20–40 B", 20, 40, "20–40 B"),
    Size("40+", "≥ 40 B", 40, None, "≥ 40 B"),
)

OLD_SIZES = (
    Size("edge", "Edge, < 3 B", None, 3, "< 3 B"),
    Size("consumer", "Consumer, 3–7 B", 3, 7, "3–7 B"),
    Size("mid", "Mid, 7–65 B", 7, 65, "7–65 B"),
    Size("gpu_rich", "GPU-rich, ≥ 65 B", 65, None, "≥ 65 B"),
)
"""Classes of earlier links: they keep their meaning, and are no longer offered."""

ALL_SIZES = (*SIZES, *OLD_SIZES)


@dataclass(frozen=True)
class Hide:
    """A kind of row a reader can hide: rows whose `path` is `when`; rows in which it is unknown stay."""

    key: str
    title: str
    path: str
    when: bool
    help: str


HIDES = (
    Hide("merged", "Merges", "merged", True, "models made by merging others' weights"),
    Hide("moe", "Mixtures of experts", "moe", True, "models that use a part of their weights for each token"),
    Hide("flagged", "Flagged", "flagged", True, "models reported for training on the benchmarks"),
    Hide("gone", "Gone from the Hub", "available", False, "models that were deleted or made private"),
)

PRECISION_SHORT = {"bfloat16": "bf16", "float16": "fp16", "float32": "fp32"}
"""What tells two runs of one model apart beside its name."""


def columns(suite: Suite, chosen: Sequence[str] = ()) -> list[Column]:
    """Return every column of a board of this suite, in reading order.

    chosen: keys of those that a newcomer sees, besides rank and model; empty for the usual ones. If no benchmark of
    this suite is among them, all are.
    """
    every = _every(suite)
    if not chosen:
        return every
    keys = {"rank", "model", *chosen}
    if not keys.intersection(benchmark.key for benchmark in suite.benchmarks):
        keys |= {benchmark.key for benchmark in suite.benchmarks}
    return [replace(column, shown=column.key in keys) for column in every]


def _every(suite: Suite) -> list[Column]:
    raw = [_raw(benchmark) for benchmark in suite.benchmarks if benchmark.raw_column]
    return [*LEADING, AVERAGE, *(_score(benchmark) for benchmark in suite.benchmarks), *raw, *CERTAINTY, *TRAILING]


LEADING = (
    Column(
        "rank", "Rank", "rank", "average", True, "Place by average. Rows of equal average share a place.", core=True
    ),
    Column("model", "Model", "model", "model", True, "Organisation and name on the Hugging Face Hub.", core=True),
    Column("type", "Type", "type", "model_type", True, "How the model came to be.", core=True),
)

AVERAGE = Column(
    "average",
    "Average",
    "score",
    "average",
    True,
    "Plain mean of the benchmarks’ published scores; empty while one of them is missing.",
    "scores",
    digits=2,
    core=True,
)


def _certainty(key: str, title: str, help: str, path: str = "", digits: int = 0) -> Column:
    return Column(key, title, "number", path or key, False, help, "certainty", digits)


CERTAINTY = (
    _certainty("tier", "Tier", "Rows of one tier cannot be distinguished from the tier’s best row."),
    _certainty("lower_bound", "Lower bound", "Lower end of the average’s 95 % interval.", "average.low", 2),
    _certainty(
        "set_size", "Set size", "Options left open in order to be right nine times in ten; 1 is best.", digits=2
    ),
    _certainty("coverage", "Coverage", "How many of these sets hold the right option, per cent; 90 is due.", digits=1),
    _certainty("uacc", "UAcc", "Accuracy, adjusted for the options left open (Ye et al. 2024).", digits=1),
    _certainty(
        "sensitivity", "Sensitivity", "Points between the best and the worst order or labels of the options.", digits=1
    ),
    _certainty("claim", "Claim", "The maker’s farthest claim, in standard errors above the measurement.", "claim.z", 1),
    _certainty("ece", "ECE", "How far confidence is from the share of right answers, in points; 0 is best.", digits=1),
)

TRAILING = (
    Column("params_b", "Size", "number", "params_b", True, "Parameters, in billions.", digits=1, unit="B", core=True),
    Column(
        "co2_kg",
        "CO₂",
        "number",
        "co2_kg",
        True,
        "Carbon emitted by the run, in kilograms.",
        "run",
        digits=1,
        unit="kg",
        core=True,
    ),
    Column(
        "served",
        "Answered by",
        "text",
        "served",
        False,
        "Weights that the board ran, or a server: which, and on what day. What a server answers may change.",
        "run",
        core=True,
    ),
    Column(
        "tokens_per_item",
        "Tokens per item",
        "number",
        "tokens_per_item",
        False,
        "Tokens of a generated answer on average, thinking included.",
        "run",
        better="lower",
    ),
    Column(
        "seconds_per_item",
        "Seconds per item",
        "number",
        "seconds_per_item",
        False,
        "Time of the whole run, divided by its items.",
        "run",
        digits=2,
        unit="s",
        better="lower",
    ),
    Column(
        "dollars",
        "Cost of the run",
        "number",
        "dollars",
        False,
        "Dollars: a server’s price on that day, or device-hours times the price that the machine states.",
        "run",
        digits=2,
        unit="$",
        better="lower",
    ),
    Column(
        "precision", "Precision", "text", "precision", False, "Number format the weights were run in.", "run", core=True
    ),
    Column("architecture", "Architecture", "text", "architecture", False, "Class of the model’s code.", core=True),
    Column(
        "family",
        "Family",
        "text",
        "family",
        False,
        "Line of models it descends from, by architecture and base.",
        core=True,
    ),
    Column("license", "Licence", "text", "license", False, "As the model’s card states it.", core=True),
    Column("base_model", "Base model", "text", "base_model", False, "What it was made from, as its card states it."),
    Column(
        "weight_type", "Weights", "text", "weight_type", False, "Whole weights, an adapter, or a difference.", "run"
    ),
    Column(
        "chat_template", "Chat template", "flag", "chat_template", False, "Whether prompts were wrapped in it.", "run"
    ),
    Column("likes", "Likes", "number", "likes", False, "Likes on the Hub when last looked up."),
    Column(
        "generation", "Generation", "number", "generation", False, "How many steps of derivation from a base model."
    ),
    Column("merged", "Merged", "flag", "merged", False, "Made by merging.", "flags", core=True),
    Column("moe", "MoE", "flag", "moe", False, "A mixture of experts.", "flags", core=True),
    Column("flagged", "Flagged", "flag", "flagged", False, "Reported for training on a benchmark.", "flags", core=True),
    Column("available", "On the Hub", "flag", "available", False, "Still public on the Hub.", "flags", core=True),
    Column(
        "official",
        "Official",
        "flag",
        "official",
        False,
        "Published by the organisation that made it.",
        "flags",
        core=True,
    ),
    Column("upload_date", "Uploaded", "date", "upload_date", False, "When it came to the Hub.", "dates", core=True),
    Column(
        "submission_date", "Submitted", "date", "submission_date", False, "When it was sent in.", "dates", core=True
    ),
    Column("revision", "Revision", "text", "revision", False, "Commit of the weights, first seven characters.", "run"),
)


def _score(benchmark: Benchmark) -> Column:
    return Column(
        benchmark.key,
        benchmark.title,
        "score",
        f"{benchmark.key}.score",
        True,
        benchmark.help,
        "scores",
        digits=max(0, benchmark.digits - 1),  # the last published decimal is noise
        unit=benchmark.unit,
        core=True,
        better="higher" if benchmark.higher_is_better else "lower",
        weight=benchmark.weight,
    )


def _raw(benchmark: Benchmark) -> Column:
    return Column(
        f"{benchmark.key}.raw",
        f"{benchmark.title} raw",
        "score",
        f"{benchmark.key}.raw",
        False,
        f"{benchmark.title} before chance is taken off, in per cent.",
        "raw scores",
        digits=1,
        unit="%",
        better="higher" if benchmark.higher_is_better else "lower",
    )
