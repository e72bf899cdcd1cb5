"""One model as its page shows it: who it is, its scores beside its peers’ and its base’s, its runs, its command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
import pandas as pd

from src.board.direction import is_higher_better
from src.board.snapshot import Snapshot
from src.core.statistics.relative import Gain, gain_over_base
from src.core.suites import Benchmark, Suite

HUB = "https://huggingface.co"
NEAR = 1.25  # a model of its size has between size / NEAR and size × NEAR parameters
FEWEST = 10  # fewer peers than this say little, so the whole board stands in
BINS = 25  # of the distribution of the peers' scores


@dataclass(frozen=True)
class Place:
    """Where a score falls among its peers' scores, best first; ties share a place."""

    rank: int
    of: int
    heights: tuple[int, ...]  # peers in each of BINS equal parts of the benchmark's range


@dataclass(frozen=True)
class Line:
    """One number of the run: the average, or a benchmark."""

    key: str
    title: str
    help: str
    unit: str
    digits: int
    bounds: tuple[float, float]
    score: float | None
    low: float | None  # 95 % interval of the score, where something tells
    high: float | None
    raw: float | None  # 0..1
    base: float | None  # the base model's score
    place: Place | None
    gained: Gain | None = None  # over the base, with its interval; from counts, as if each answered other questions

    @property
    def gain(self) -> float | None:
        """Score less the base's, in points."""
        return None if self.score is None or self.base is None else self.score - self.base


@dataclass(frozen=True)
class Run:
    """One row of the board."""

    id: str
    model: str
    precision: str | None
    revision: str | None
    average: float | None
    submitted: str | None

    @property
    def query(self) -> dict[str, str]:
        """The parameters that open this run and no other run of its model."""
        named = {"precision": self.precision, "revision": self.revision}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True)
class Peers:
    """Whom a model is compared with: those of about its size, or all where that is unknown or too few."""

    count: int
    low: float | None  # billions
    high: float | None


@dataclass(frozen=True)
class Link:
    """An address outside the board."""

    title: str
    url: str


@dataclass(frozen=True)
class ModelView:
    """Everything of the page that the snapshot knows."""

    run: Run
    suite: Suite
    facts: Mapping[str, Any]  # every metadata column of the row; None where unknown
    lines: tuple[Line, ...]  # the average first
    peers: Peers
    rank: tuple[int, int] | None  # place by average on the whole board
    runs: tuple[Run, ...]  # all of this model's rows, newest first, this one included
    base: Run | None  # the base model's row, if the board has one
    ancestors: tuple[Run | str, ...]  # what the base was made from, and so on; names of those the board has no row of
    made_from_it: tuple[Run, ...]  # the best few
    made_from_it_count: int
    links: tuple[Link, ...]
    command: str


@dataclass(frozen=True)
class Missing:
    """The board has no such model."""

    model: str
    suggestions: tuple[str, ...]


def model_view(
    snapshot: Snapshot, model: str, precision: str | None = None, revision: str | None = None
) -> ModelView | Missing:
    """The page of `model`: of its run in `precision` at `revision` where given, else of its best complete run."""
    frame = snapshot.frame
    rows = frame.index[frame["model"] == model]
    if rows.empty:
        rows = frame.index[frame["model"].str.lower() == model.lower()]
    if rows.empty:
        return Missing(model, _suggestions(frame, model))
    own = frame.loc[rows]
    higher = is_higher_better(snapshot.suite, "average")
    row = _chosen(own, precision, revision, higher)
    facts = _facts(row)
    base = _base(frame, facts, higher)
    peers, among = _peers(
        frame, facts["params_b"], ["average", *(f"{each.key}.score" for each in snapshot.suite.benchmarks)]
    )
    return ModelView(
        run=_run(row),
        suite=snapshot.suite,
        facts=facts,
        lines=tuple(_lines(snapshot.suite, row, base, among)),
        peers=peers,
        rank=_rank(frame["average"], row["average"], higher),
        runs=tuple(_run(each) for _, each in _newest_first(own).iterrows()),
        base=None if base is None else _run(base),
        ancestors=tuple(_ancestors(frame, base, higher)),
        made_from_it=tuple(_made_from(frame, str(row["model"]), higher)),
        made_from_it_count=frame.loc[frame["base_model"] == row["model"], "model"].nunique(),
        links=tuple(_links(snapshot, facts)),
        command=reproduce(snapshot.suite, facts),
    )


def reproduce(suite: Suite, facts: Mapping[str, Any]) -> str:
    """The stock harness's command line for this run, safe to paste into a shell; several lines where shots differ.

    Empty for a suite whose tasks no harness runs.
    """
    model, base, revision = facts["model"], facts["base_model"], facts["revision"]
    args = {
        "Adapter": f"pretrained={base or 'BASE_MODEL'},peft={model}",
        "Delta": f"pretrained={base or 'BASE_MODEL'},delta={model}",
    }.get(facts["weight_type"] or "", f"pretrained={model}" + (f",revision={revision}" if revision else ""))
    args += {"8bit": ",load_in_8bit=True", "4bit": ",load_in_4bit=True", "GPTQ": ""}.get(
        facts["precision"] or "", f",dtype={facts['precision'] or 'auto'}"
    )
    chat = " --apply_chat_template --fewshot_as_multiturn" if facts["chat_template"] else ""
    return "\n".join(
        f"lm_eval --model hf --model_args {shlex.quote(args)} --tasks {tasks}"
        + ("" if shots is None else f" --num_fewshot {shots}")
        + f"{chat} --batch_size auto --output_path results"
        for tasks, shots in _tasks(suite)
    )


GROUPS: Mapping[str, tuple[tuple[str, int | None], ...]] = {
    "open-llm-v2": (("leaderboard", None),),  # the group brings its own shots
    "open-llm-v1": (
        ("arc_challenge", 25),
        ("hellaswag", 10),
        ("mmlu", 5),
        ("truthfulqa_mc2", 0),
        ("winogrande", 5),
        ("gsm8k", 5),
    ),
}
"""What the harness calls a suite's tasks together, and the shots it must be told."""


def _tasks(suite: Suite) -> tuple[tuple[str, int | None], ...]:
    if suite.name in GROUPS:
        return GROUPS[suite.name]
    shots = sorted({task.shots for task in suite.tasks})
    return tuple((",".join(task.name for task in suite.tasks if task.shots == n), n) for n in shots)


def _chosen(own: pd.DataFrame, precision: str | None, revision: str | None, higher: bool) -> pd.Series:
    kept = own
    if precision and (own["precision"] == precision).any():
        kept = kept[kept["precision"] == precision]
    if revision and (fits := kept["revision"].fillna("").str.startswith(revision)).any():
        kept = kept[fits]
    return kept.sort_values(["average", "submission_date"], ascending=[not higher, False], na_position="last").iloc[0]


def _base(frame: pd.DataFrame, facts: Mapping[str, Any], higher: bool) -> pd.Series | None:
    """The base model's row: of the same precision where it has one."""
    if not facts["base_model"]:
        return None
    own = frame[frame["model"] == facts["base_model"]]
    return None if own.empty else _chosen(own, facts["precision"], None, higher)


def _peers(frame: pd.DataFrame, size: float | None, scores: list[str]) -> tuple[Peers, pd.DataFrame]:
    """Who is near in size, and their scores."""
    if size:
        near = frame["params_b"].between(size / NEAR, size * NEAR)
        if (n := int(near.sum())) >= FEWEST:
            return Peers(n, size / NEAR, size * NEAR), frame.loc[near, scores]
    return Peers(len(frame), None, None), frame[scores]


def _lines(suite: Suite, row: pd.Series, base: pd.Series | None, among: pd.DataFrame) -> list[Line]:
    def line(key: str, path: str, title: str, text: str, benchmark: Benchmark | None) -> Line:
        score = _known(row[path])
        higher = is_higher_better(suite, path)
        bounds = _bounds(benchmark, among[path], higher)
        return Line(
            key,
            title,
            text,
            benchmark.unit if benchmark else "%",
            benchmark.digits if benchmark else 2,
            bounds,
            score,
            _known(row.get(f"{key}.low")),
            _known(row.get(f"{key}.high")),
            _known(row.get(f"{key}.raw")),
            None if base is None else _known(base[path]),
            _place(among[path], score, bounds, higher),
            None if base is None else _gained(row, base, path, f"{key}.se"),
        )

    lines = [] if suite.aggregation == "none" else [line("average", "average", "Average", AVERAGE, None)]
    return lines + [line(each.key, f"{each.key}.score", each.title, each.help, each) for each in suite.benchmarks]


def _gained(row: pd.Series, base: pd.Series, score: str, error: str) -> Gain | None:
    told = [_known(each.get(column)) for each in (row, base) for column in (score, error)]
    return None if None in told else gain_over_base(*told)


AVERAGE = "Plain mean of the benchmarks’ scores; none while one of them is missing."


def _bounds(benchmark: Benchmark | None, scores: pd.Series, higher: bool) -> tuple[float, float]:
    """From where to where a score is drawn: over its whole range where that is one of points, else as far as scores go.

    Word error rates may pass 100, and speeds know no end: on such a range all models would stand in one place.
    """
    bounds = benchmark.bounds if benchmark else (0.0, 100.0)
    return bounds if bounds and higher and bounds[1] - bounds[0] <= 100 else _range(scores)


def _range(scores: pd.Series) -> tuple[float, float]:
    low, high = float(scores.min()), float(scores.max())
    return (low, high) if low < high else (0.0, 100.0)


def _place(scores: pd.Series, score: float | None, bounds: tuple[float, float], higher: bool) -> Place | None:
    known = scores.dropna().to_numpy(dtype=float)
    if score is None or not len(known):
        return None
    better = int((known > score).sum() if higher else (known < score).sum())
    heights, _ = np.histogram(np.clip(known, *bounds), bins=BINS, range=bounds)
    return Place(better + 1, len(known), tuple(int(height) for height in heights))


def _rank(averages: pd.Series, average: Any, higher: bool) -> tuple[int, int] | None:
    value = _known(average)
    known = averages.dropna()
    return None if value is None else (int((known > value if higher else known < value).sum()) + 1, len(known))


def _newest_first(own: pd.DataFrame) -> pd.DataFrame:
    return own[IDENTITY].sort_values(["submission_date", "precision"], ascending=[False, True], na_position="last")


def _made_from(frame: pd.DataFrame, model: str, higher: bool, most: int = 5) -> list[Run]:
    made = frame.loc[frame["base_model"] == model, IDENTITY].sort_values(
        "average", ascending=not higher, na_position="last"
    )
    return [_run(row) for _, row in made.drop_duplicates("model").head(most).iterrows()]


def _ancestors(frame: pd.DataFrame, base: pd.Series | None, higher: bool, most: int = 8) -> Iterator[Run | str]:
    """Above the base: its base, and so on, until the board knows no further."""
    seen: set[str] = set()
    while base is not None and len(seen) < most:
        facts = _facts(base)
        above = facts["base_model"]
        seen.add(facts["model"])
        if not above or above in seen:  # some cards name each other
            return
        base = _base(frame, facts, higher)
        yield above if base is None else _run(base)


IDENTITY = ["id", "model", "precision", "revision", "average", "submission_date"]
"""The columns that make a `Run`."""


def _run(row: pd.Series) -> Run:
    return Run(
        str(row["id"]),
        str(row["model"]),
        _known(row["precision"]),
        _known(row["revision"]),
        _known(row["average"]),
        _known(row["submission_date"]),
    )


def _links(snapshot: Snapshot, facts: Mapping[str, Any]) -> list[Link]:
    model, owner = quote(facts["model"]), snapshot.store.removeprefix("hub:")
    links: list[Link] = []
    if snapshot.source == "sample":  # made up: the Hub has never heard of it
        return links
    if facts["available"] is not False:
        links.append(Link("Model on the Hub", f"{HUB}/{model}"))
        if facts["revision"]:
            links.append(Link("This revision", f"{HUB}/{model}/tree/{quote(facts['revision'])}"))
    if snapshot.store.startswith("hub:"):
        details = quote(facts["model"].replace("/", "__"))
        links.append(Link("Answers to every question", f"{HUB}/datasets/{owner}/{details}-details"))
        links.append(Link("Result files", f"{HUB}/datasets/{owner}/results/tree/main/{model}"))
    return links


def _suggestions(frame: pd.DataFrame, model: str, most: int = 5) -> tuple[str, ...]:
    """Names on the board most like `model`: those that share its organisation or a stretch of its name."""
    asked = model.lower()
    name = asked.rpartition("/")[2]
    names = frame["model"].drop_duplicates()
    lower = names.str.lower()
    alike = lower.str.startswith(asked.partition("/")[0] + "/")
    for stretch in {name, name[:5], name[-5:]}:
        alike |= lower.str.contains(stretch, regex=False) if stretch else False
    matcher = SequenceMatcher(b=asked)
    scored: list[tuple[float, Literal[0], str]] = []
    for candidate in names[alike].head(2000):
        matcher.set_seq1(candidate.lower())
        scored.append((-matcher.ratio(), 0, candidate))
    return tuple(candidate for ratio, _, candidate in sorted(scored)[:most] if -ratio > 0.4)


def _facts(row: pd.Series) -> dict[str, Any]:
    return {str(name): _known(value) for name, value in row.items() if "." not in str(name)}


def _known(value: Any) -> Any:
    """`value` as plain Python, None where it is missing."""
    if value is None or pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
