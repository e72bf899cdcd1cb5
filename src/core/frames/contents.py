"""The published table in every form it has had, read into the tidy frame and written in the newest (36 columns).

Old forms differ in names (`FIELDS`) and in which flags stand upside down (`INVERTED`): the exports of the page hold the
state of its *hide* filters, so `Flagged`, `MoE` and `Merged` are true there for rows that are not that; the contents
tables up to 2024-12, known by their `Not_Merged`, have only `MoE` inverted; from 2025 all are right.
"""

from __future__ import annotations

import hashlib
import html
import math
import re
from functools import partial
from typing import NamedTuple

import pandas as pd

from src.core.errors import BadInputError
from src.core.frames.cells import Cells, counted, each, some
from src.core.model.families import families
from src.core.model.types import BY_KEY, read_type, write_type
from src.core.names import details_dataset, is_model_name
from src.core.scoring import averages
from src.core.suites import Benchmark, Suite, load, names

HUB = "https://huggingface.co"
LINK_STYLE = "color: var(--link-text-color); text-decoration: underline;text-decoration-style: dotted;"


class Field(NamedTuple):
    """One column of the frame: its dtype and the names that tables have given it, newest first."""

    key: str
    dtype: str
    columns: tuple[str, ...]


FIELDS = (
    Field("model", "str", ("fullname", "Model", "model", "id", "name")),
    Field("precision", "str", ("Precision", "precision")),
    Field("revision", "str", ("Model sha", "sha")),
    Field("model_type", "str", ("Type", "T")),
    Field("weight_type", "str", ("Weight type",)),
    Field("architecture", "str", ("Architecture", "architecture", "arch")),
    Field("params_b", "float64", ("#Params (B)", "params_billions", "#Params (B)_1dp", "size", "Model size (B)")),
    Field("license", "str", ("Hub License", "License")),
    Field("likes", "Int64", ("Hub ❤️",)),
    Field("available", "boolean", ("Available on the hub", "available")),
    Field("moe", "boolean", ("MoE", "moe")),
    Field("merged", "boolean", ("Merged", "merged")),
    Field("flagged", "boolean", ("Flagged", "flagged")),
    Field("official", "boolean", ("Official Providers", "Maintainer's Highlight")),
    Field("chat_template", "boolean", ("Chat Template",)),
    Field("co2_kg", "float64", ("CO₂ cost (kg)",)),
    Field("upload_date", "str", ("Upload To Hub Date",)),
    Field("submission_date", "str", ("Submission Date", "date")),
    Field("generation", "Int64", ("Generation",)),
    Field("base_model", "str", ("Base Model",)),
)
EXTRAS = (
    Field("scorer", "str", ("Scorer",)),
    Field("result_path", "str", ("Result",)),
    Field("set_size", "float64", ("Prediction set size",)),
    Field("coverage", "float64", ("Prediction set coverage",)),
    Field("uacc", "float64", ("UAcc",)),
    Field("ece", "float64", ("ECE",)),
    Field("sensitivity", "float64", ("Option sensitivity",)),
    Field("configuration", "str", ("Configuration",)),
    Field("harness", "str", ("Harness",)),
    Field("source", "str", ("Source",)),
    Field("served", "str", ("Answered by",)),
    Field("tokens_per_item", "float64", ("Tokens per item",)),
    Field("seconds_per_item", "float64", ("Seconds per item",)),
    Field("dollars", "float64", ("Cost ($)",)),
)
"""What the frame knows beyond the 36 columns; written after them, if known."""

CLAIMED = (".claimed", ".claim_note")
"""Ends of the columns that hold what makers claim: per cent before chance is taken off, and where they say it."""

AVERAGES = ("Average ⬆️", "Average", "avg", "Average_2dp", "Avg. WER")
UNKNOWN_WORDS = {"?", "unknown", "none", "nan", "null", "n/a", "error"}
"""Words for "unknown" everywhere but in licences: a licence called "unknown" is its author's statement."""
KEY = ("model", "precision", "revision", "chat_template", "configuration")
"""What makes two rows one, as `RunIdentity` of `src.core.run_identity` says."""
INVERTED: dict[str, tuple[str, ...]] = {"page export": ("moe", "flagged", "merged"), "until 2024-12": ("moe",)}


def form_of(table: pd.DataFrame) -> str:
    """Return which form a table has: "page export", "until 2024-12" or "newest"."""
    columns = set(table.columns)
    if "T" in columns and "eval_name" not in columns:
        return "page export"
    return "until 2024-12" if {"eval_name", "Not_Merged"} <= columns else "newest"


def suite_of(table: pd.DataFrame) -> Suite:
    """Return the suite whose benchmarks the table has columns of. Raises BadInputError if it has none's."""
    found = {name: _columns_of(load(name), table) for name in names()}
    best = max(found, key=lambda name: found[name])
    if not found[best]:
        raise BadInputError(
            f"No suite has the table's columns ({some(table.columns)}). "
            f"Name one with --suite ({', '.join(names())}), rename the columns, "
            "or write a suite with these columns (docs/suites.md)."
        )
    return load(best)


def from_contents(table: pd.DataFrame, suite: Suite | str | None = None) -> pd.DataFrame:
    """Return the tidy frame of a published table, old or new, whole or in part.

    Without `suite`, by the table's columns.

    Rows keep their order. What cannot be used (nameless, given twice, not finite, out of range, endless) is left out
    and reported in `frame.attrs["notes"]`. Raises BadInputError if the table has no names or none of the columns.
    """
    suite = load(suite) if isinstance(suite, str) else suite or suite_of(table)
    if not _columns_of(suite, table):
        raise BadInputError(f"The table has no column of {suite.title}; it has {some(table.columns)}.")
    cells = Cells(table)
    model, flagged_in_name = _models(cells)
    frame = pd.DataFrame({"model": model} | {field.key: _read(cells, field) for field in FIELDS[1:]})
    for key in INVERTED.get(form_of(table), ()):
        frame[key] = ~frame[key]
    if cells.has("Not_Merged"):
        frame["merged"] = ~cells.flag("Not_Merged")
    frame.loc[flagged_in_name, "flagged"] = True
    frame["model_type"] = each(cells.text("Type").fillna(cells.text("T")), read_type)
    frame["architecture"] = each(frame["architecture"], _architecture)
    frame["params_b"] = frame["params_b"].where(frame["params_b"] > 0)  # -1 and 0 stood for unknown
    frame["submission_date"] = frame["submission_date"].str[:10]
    frame["base_written"], frame["base_model"] = frame["base_model"], _base_model(frame)
    for benchmark in suite.benchmarks:
        frame[f"{benchmark.key}.raw"], frame[f"{benchmark.key}.score"] = _scores(cells, benchmark)
        for part, column in error_columns(benchmark).items():
            if cells.has(column):
                frame[part] = cells.number(column, bounds=(0, math.inf) if part.endswith(".se") else None)
        if cells.has(claimed := f"{benchmark.column} claimed"):
            frame[f"{benchmark.key}.claimed"] = cells.number(claimed, bounds=(0, 100))
            frame[f"{benchmark.key}.claim_note"] = cells.text(f"{claimed} in")
    for extra in EXTRAS:
        if cells.has(*extra.columns):
            frame[extra.key] = _read(cells, extra)
    return settle(frame, suite, cells.number(*AVERAGES), cells.notes)


def settle(
    frame: pd.DataFrame, suite: Suite, published: pd.Series | None = None, notes: list[str] | None = None
) -> pd.DataFrame:
    """Finish a frame of fields and scores: no nameless or repeated rows; family, average and id; columns in order.

    `published` holds averages as the table gives them, kept if the row is whole.
    """
    notes = [] if notes is None else notes
    frame["family"] = families(frame)
    whole = frame[[f"{benchmark.key}.score" for benchmark in suite.averaged]].notna().all(axis=1)
    reckoned = averages(frame, suite)
    frame["average"] = (reckoned if published is None else published.fillna(reckoned)).where(whole)
    if nameless := int(frame["model"].isna().sum()):
        notes.append(f"{counted(nameless, 'row')} left out: no usable model name.")
        frame = frame[frame["model"].notna()]
    repeated = _repeated(frame)
    if repeated.any():
        which = some(frame.loc[repeated, "model"].unique())
        notes.append(
            f"{counted(int(repeated.sum()), 'row')} left out: model, precision and revision come again below ({which})."
        )
        frame = frame[~repeated]
    frame = frame.reset_index(drop=True)
    frame.insert(0, "id", _ids(frame))
    scores = [f"{benchmark.key}.{part}" for benchmark in suite.benchmarks for part in ("raw", "score")]
    fixed = ["id", *(field.key for field in FIELDS), "family", "average", *scores]
    frame = frame[fixed + [column for column in frame.columns if column not in fixed]]
    frame.attrs = {"suite": suite.name, "notes": tuple(notes)}
    return frame


def to_contents(frame: pd.DataFrame, suite: Suite | str, owner: str | None = "open-llm-leaderboard") -> pd.DataFrame:
    """Return the published table of a frame.

    The 36 columns in their order (for v2), then `Scorer` and `Result` if known.

    Unknown is null (parameters too, if the original wrote -1); `owner` is whose details datasets the links lead to;
    None: they lead nowhere.
    """
    suite = load(suite) if isinstance(suite, str) else suite
    written = {field.key: (field.columns[0], frame[field.key]) for field in FIELDS + EXTRAS if field.key in frame}
    if "base_written" in frame:
        written["base_model"] = ("Base Model", frame["base_written"].fillna(frame["base_model"]))
    scores = {}
    for benchmark in suite.benchmarks:
        if benchmark.raw_column:
            scores[benchmark.raw_column] = frame[f"{benchmark.key}.raw"]
        scores[benchmark.column] = frame[f"{benchmark.key}.score"]
    name = frame["model"].str.replace("/", "_", n=1) + "_" + frame["precision"].fillna("unknown")
    head = {
        "eval_name": name,
        "Precision": frame["precision"],
        "Type": each(frame["model_type"], write_type),
        "T": each(frame["model_type"], lambda key: BY_KEY[key].icon).fillna("?"),
        "Weight type": frame["weight_type"],
        "Architecture": frame["architecture"],
        "Model": each(frame["model"], partial(_link, owner=owner)),
        "fullname": frame["model"],
        "Model sha": frame["revision"],
        "Average ⬆️": frame["average"],
    }
    middle = dict(written[key] for key in _BEFORE_SCORES)
    tail = dict(written[key] for key in _AFTER_SCORES)
    for benchmark in suite.benchmarks:  # only errors that came with a source; those from counts follow from the scores
        for part, column in error_columns(benchmark).items():
            if part in frame and (known := _from_items(frame, benchmark, part)).notna().any():
                scores[column] = known
        if (claim := f"{benchmark.key}.claimed") in frame and frame[claim].notna().any():
            scores[f"{benchmark.column} claimed"] = frame[claim]
            scores[f"{benchmark.column} claimed in"] = frame[f"{benchmark.key}.claim_note"]
    extra = dict(written[field.key] for field in EXTRAS if field.key in frame and frame[field.key].notna().any())
    return pd.DataFrame(head | middle | scores | tail | extra).reset_index(drop=True)


_BEFORE_SCORES = ("license", "likes", "params_b", "available", "moe", "flagged", "chat_template", "co2_kg")
_AFTER_SCORES = ("merged", "official", "upload_date", "submission_date", "generation", "base_model")


def _read(cells: Cells, field: Field) -> pd.Series:
    if field.dtype == "boolean":
        return cells.flag(*field.columns)
    if field.dtype == "str":
        text = cells.text(*field.columns)
        return text if field.key == "license" else text.where(~text.str.lower().isin(UNKNOWN_WORDS))
    if field.dtype == "Int64":
        return cells.number(*field.columns, bounds=(0, 1e15)).round().astype("Int64")
    return cells.number(*field.columns)


def _scores(cells: Cells, benchmark: Benchmark) -> tuple[pd.Series, pd.Series]:
    """Raw and published values; one is derived from the other if the suite's rule needs no subtasks for it."""
    low, high = benchmark.bounds or (-math.inf, math.inf)
    raw = cells.number(*_raw_columns(benchmark), bounds=(low / benchmark.scale, high / benchmark.scale))
    score = cells.number(*_score_columns(benchmark), bounds=benchmark.bounds)
    if benchmark.normalise == "none":
        known = cells.has(*_raw_columns(benchmark))
        return (raw if known else score / benchmark.scale), score.fillna(raw * benchmark.scale)
    if benchmark.normalise == "once" and benchmark.chance is not None:
        above = ((raw - benchmark.chance) / (1 - benchmark.chance)).clip(lower=0)
        return raw, score.fillna(benchmark.scale * above)
    return raw, score


def _models(cells: Cells) -> tuple[pd.Series, pd.Series]:
    """Return each row's model, from whichever column names it, and whether the name itself says it was flagged."""
    spellings = [name for name in FIELDS[0].columns if cells.has(name)]
    if not spellings:
        raise BadInputError(
            f"No column names the models: one must be called fullname or Model. There are {some(cells.table)}."
        )
    model = cells.text(spellings[0])
    for other in spellings[1:]:
        if model.isna().any():
            model = model.fillna(cells.text(other))
    flagged = model.str.contains(_FLAGGED, regex=False).fillna(False).astype(bool)
    return each(model, _model_name), flagged


_FLAGGED = " has been flagged!"


def _model_name(text: str) -> str:
    """Return the name in a cell: behind the tags of our own link, before " has been flagged! …".

    Any other text stays.
    """
    text = text.split(_FLAGGED, maxsplit=1)[0].strip()
    link = re.fullmatch(r'<a [^>]*href="https://huggingface\.co/[^"]*"[^>]*>([^<]+)</a>.*', text, re.DOTALL)
    return html.unescape(link.group(1)) if link else text


def _base_model(frame: pd.DataFrame) -> pd.Series:
    """Return the other model a row was made from: a row that names itself, or "Removed", has none that is known."""
    base = frame["base_model"].str.removesuffix(" (Merge)")
    return base.where((base != frame["model"]) & (base != "Removed"))


def _repeated(frame: pd.DataFrame) -> pd.Series:
    """Return rows whose key comes again below.

    Where the precision is unknown the key is not whole: the scores must be too.
    """
    key = [name for name in KEY if name in frame]
    scores = [column for column in frame.columns if column.endswith((".raw", ".score"))]
    return frame.duplicated(key, keep="last") & (
        frame["precision"].notna() | frame.duplicated(key + scores, keep="last")
    )


def _architecture(text: str) -> str:
    letters = text.split(";")
    # "L;l;a;m;a;…": somebody joined the letters of one name instead of a list of names
    return "".join(letters) if len(letters) > 3 and all(len(letter) == 1 for letter in letters) else text


def _ids(frame: pd.DataFrame) -> pd.Series:
    """`model~precision`, plus `@` and the start of the revision if that repeats, a hash of the configuration, `#2`."""
    plain = frame["model"] + ("~" + frame["precision"]).fillna("")
    short = plain.where(~plain.duplicated(keep=False), plain + ("@" + frame["revision"].str[:7]).fillna(""))
    if "configuration" in frame:
        short = short.where(
            ~short.duplicated(keep=False), short + ("+" + each(frame["configuration"], _mark)).fillna("")
        )
    nth = short.groupby(short).cumcount() + 1
    return short.where(nth == 1, short + "#" + nth.astype(str))


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def _link(model: str, owner: str | None) -> str:
    """Return the HTML cell of the original: the model, and its details dataset if the name could have one."""

    def anchor(path: str, text: str) -> str:
        return f'<a target="_blank" href="{HUB}/{html.escape(path)}" style="{LINK_STYLE}">{html.escape(text)}</a>'

    if not is_model_name(model):
        return html.escape(model)
    if owner is None:
        return anchor(model, model)
    return f"{anchor(model, model)}  {anchor(f'datasets/{owner}/{details_dataset(model)}', '📑')}"


def _columns_of(suite: Suite, table: pd.DataFrame) -> int:
    """Return how many of the benchmarks that make the suite's average the table has a column of."""
    columns = set(table.columns)
    counted = suite.averaged or suite.benchmarks
    return sum(bool(columns & {*_score_columns(each), *_raw_columns(each)}) for each in counted)


def _score_columns(benchmark: Benchmark) -> tuple[str, ...]:
    return (benchmark.column, *benchmark.columns, benchmark.key)


def error_column(benchmark: Benchmark) -> str:
    """Return the table's column of standard errors, in the score's unit."""
    return f"{benchmark.column} SE"


def error_columns(benchmark: Benchmark) -> dict[str, str]:
    """Return the frame's columns of errors, interval ends (in the score's unit) and items → the table's."""
    return {
        f"{benchmark.key}.se": error_column(benchmark),
        f"{benchmark.key}.from": f"{benchmark.column} interval from",
        f"{benchmark.key}.to": f"{benchmark.column} interval to",
        f"{benchmark.key}.n": f"{benchmark.column} items",
    }


def _from_items(frame: pd.DataFrame, benchmark: Benchmark, column: str) -> pd.Series:
    mark = f"{benchmark.key}.approximate"
    return frame[column].mask(frame[mark].fillna(False).astype(bool)) if mark in frame else frame[column]


def _raw_columns(benchmark: Benchmark) -> tuple[str, ...]:
    return (*((benchmark.raw_column,) if benchmark.raw_column else ()), *benchmark.raw_columns)
