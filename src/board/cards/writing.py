"""The block a card gets for one row of the board: `model-index`, the section, and `.eval_results` files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from huggingface_hub import EvalResult, EvalResultEntry, eval_result_entries_to_yaml
from huggingface_hub.repocard_data import eval_results_to_model_index
from huggingface_hub.utils import yaml_dump

from src.board.cards.forms import AVERAGE_LABEL, SOURCE_NAME, TASK_NAME, TASK_TYPE, form_of
from src.board.live.identity import BoardIdentity
from src.core import suites
from src.core.errors import BadInputError
from src.core.suites import CardSource


@dataclass(frozen=True)
class CardBlock:
    """What we write into the card of `model`."""

    model: str
    suite: str
    entries: tuple[dict[str, Any], ...]  # of `model-index`, one a benchmark
    heading: str
    details: str
    table: str  # lines joined by "\n", none at the end
    board: str = SOURCE_NAME

    @property
    def metadata(self) -> str:
        """The `model-index` as YAML, newline at the end."""
        return yaml_dump({"model-index": [self.index]}, sort_keys=False)

    @property
    def index(self) -> dict[str, Any]:
        return {"name": self.model.rpartition("/")[2], "results": list(self.entries)}

    @property
    def section(self) -> str:
        """Heading, link and table, newline at the end."""
        return (
            f"{self.heading}\n{self.details}\n\n{self.table}\n" if self.details else f"{self.heading}\n\n{self.table}\n"
        )

    @property
    def text(self) -> str:
        """A card with nothing but our block: what the copy button gives."""
        return f"---\n{self.metadata}---\n{self.section}"


@dataclass(frozen=True)
class CardAuthor:
    """Who a card's block says it comes from; addresses are None if unknown."""

    name: str
    url: str | None
    details: str | None  # of the model's samples

    def of(self, model: str) -> str | None:
        """Return the address of the board that shows a model."""
        return f"{self.url}?query={model}" if self.url else None


def author(model: str, suite: str, source: CardSource | None, by: BoardIdentity | None) -> CardAuthor:
    """Return who says it: the Space that was named, else the board, else the suite's own source."""
    if by is None:
        source = source or form_of(suite).source
        return CardAuthor(SOURCE_NAME, source.url, source.details_url(model))
    owner = source.owner if source else by.owner
    details = CardSource("", owner).details_url(model) if owner else None
    return CardAuthor(by.name, source.url if source else by.url, details)


def card_block(
    row: Mapping[str, Any], suite: str, source: CardSource | None = None, by: BoardIdentity | None = None
) -> CardBlock:
    """Return the block for one row of the tidy frame.

    `row` holds `model`, `average` and `<benchmark>.score` (0 to 100, None if unknown: that line is left out). `by`:
    the board that says so, instead of the suite's own. Raise BadInputError for a row without a single score.
    """
    form = form_of(suite)
    model = str(row["model"])
    by_whom = author(model, suite, source, by)
    scores = {line: value for line in form.lines if (value := _known(row.get(f"{line.key}.score"))) is not None}
    if not scores:
        raise BadInputError(f"{model} has no score on {suite} yet, so there is nothing to write into its card.")
    results = [
        EvalResult(
            task_type=TASK_TYPE,
            task_name=TASK_NAME,
            dataset_name=line.label,
            dataset_type=line.dataset,
            dataset_config=line.config,
            dataset_split=line.split,
            dataset_args={"num_few_shot": line.shots},
            metric_type=line.metric,
            metric_value=round(value, 2),
            metric_name=line.metric_name,
            source_name=by_whom.name,
            source_url=by_whom.of(model),
        )
        for line, value in scores.items()
    ]
    index = eval_results_to_model_index(model.rpartition("/")[2], results)
    title, details = f"{by_whom.name} Evaluation Results", by_whom.details or by_whom.of(model)
    average = _known(row.get("average"))
    printed = {AVERAGE_LABEL: average} if average is not None else {}
    printed |= {line.label: value for line, value in scores.items()}
    return CardBlock(
        model=model,
        suite=suite,
        entries=tuple(index[0]["results"]),
        heading=f"# [{title}]({by_whom.url})" if by_whom.url else f"# {title}",
        details=f"Detailed results can be found [here]({details})" if details else "",
        table=_table(printed),
        board=by_whom.name,
    )


def eval_result_files(
    row: Mapping[str, Any],
    suite: str,
    date: str | None = None,
    source: CardSource | None = None,
    by: BoardIdentity | None = None,
) -> dict[str, str]:
    """`.eval_results/<name>.yaml` → its text, one file a benchmark so that one refused by the Hub hides no other.

    Values are raw (0 to 100), as the other community results are; the note says shots, metric and the published score.
    """
    form = form_of(suite)
    by_whom = author(str(row["model"]), suite, source, by)
    files = {}
    for line in form.lines:
        raw, score = _known(row.get(f"{line.key}.raw")), _known(row.get(f"{line.key}.score"))
        known = suites.load(suite).benchmark(line.key).hub
        if raw is None or known is None:
            continue
        entry = EvalResultEntry(
            dataset_id=known.dataset,
            task_id=known.task,
            value=round(100 * raw, 2),
            date=date,
            source_url=by_whom.of(row["model"]),
            source_name=by_whom.name,
            notes=f"{line.shots}-shot, {line.metric}{known.note and ', ' + known.note}"
            + (f"; published score {score:.2f}" if score is not None else ""),
        )
        files[f".eval_results/{suite}-{line.key}.yaml"] = yaml_dump(
            eval_result_entries_to_yaml([entry]), sort_keys=False
        )
    return files


def _known(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _table(printed: Mapping[str, float]) -> str:
    values = [f"{value:.2f}" for value in printed.values()]
    wide, narrow = max(map(len, [*printed, "Metric"])), max(map(len, [*values, "Value"]))
    head = [f"|{'Metric':^{wide}}|{'Value':^{narrow}}|", f"|{'-' * wide}|{'-' * (narrow - 1)}:|"]
    rows = [f"|{label:<{wide}}|{value:>{narrow}}|" for label, value in zip(printed, values, strict=True)]
    return "\n".join(head + rows)
