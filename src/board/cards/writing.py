"""The block a card gets for one row of the board: `model-index`, the section, and `.eval_results` files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from huggingface_hub import EvalResult, EvalResultEntry, eval_result_entries_to_yaml
from huggingface_hub.repocard_data import eval_results_to_model_index
from huggingface_hub.utils import yaml_dump

from src.board.cards.forms import AVERAGE_LABEL, FORMS, SOURCE_NAME, TASK_NAME, TASK_TYPE, Form, Source
from src.core.errors import BadInput


@dataclass(frozen=True)
class CardBlock:
    """What we write into the card of `model`."""

    model: str
    suite: str
    entries: tuple[dict[str, Any], ...]  # of `model-index`, one a benchmark
    heading: str
    details: str
    table: str  # lines joined by "\n", none at the end

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
        return f"{self.heading}\n{self.details}\n\n{self.table}\n"

    @property
    def text(self) -> str:
        """A card with nothing but our block: what the copy button gives."""
        return f"---\n{self.metadata}---\n{self.section}"


def card_block(row: Mapping[str, Any], suite: str, source: Source | None = None) -> CardBlock:
    """The block for one row of the tidy frame.

    `row` holds `model`, `average` and `<benchmark>.score` (0 to 100, None where unknown: that line is left out).
    Raises BadInput for a suite that cards have no form for, and for a row without a single score.
    """
    form = _form(suite)
    source = source or form.source
    model = str(row["model"])
    scores = {line: value for line in form.lines if (value := _known(row.get(f"{line.key}.score"))) is not None}
    if not scores:
        raise BadInput(f"{model} has no score on {suite} yet, so there is nothing to write into its card.")
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
            source_name=SOURCE_NAME,
            source_url=f"{source.url}?query={model}",
        )
        for line, value in scores.items()
    ]
    index = eval_results_to_model_index(model.rpartition("/")[2], results)
    average = _known(row.get("average"))
    printed = {AVERAGE_LABEL: average} if average is not None else {}
    printed |= {line.label: value for line, value in scores.items()}
    return CardBlock(
        model=model,
        suite=suite,
        entries=tuple(index[0]["results"]),
        heading=f"# [{SOURCE_NAME} Evaluation Results]({source.url})",
        details=f"Detailed results can be found [here]({source.details_url(model)})",
        table=_table(printed),
    )


def eval_result_files(
    row: Mapping[str, Any], suite: str, date: str | None = None, source: Source | None = None
) -> dict[str, str]:
    """`.eval_results/<name>.yaml` → its text, one file a benchmark so that one refused by the Hub hides no other.

    Values are raw (0 to 100), as the other community results are; the note says shots, metric and the published score.
    """
    form = _form(suite)
    source = source or form.source
    files = {}
    for line in form.lines:
        raw, score = _known(row.get(f"{line.key}.raw")), _known(row.get(f"{line.key}.score"))
        known = COMMUNITY.get((suite, line.key))
        if raw is None or known is None:
            continue
        entry = EvalResultEntry(
            dataset_id=known.dataset,
            task_id=known.task,
            value=round(100 * raw, 2),
            date=date,
            source_url=f"{source.url}?query={row['model']}",
            source_name=SOURCE_NAME,
            notes=f"{line.shots}-shot, {line.metric}{known.note}"
            + (f"; published score {score:.2f}" if score is not None else ""),
        )
        files[f".eval_results/{suite}-{line.key}.yaml"] = yaml_dump(
            eval_result_entries_to_yaml([entry]), sort_keys=False
        )
    return files


@dataclass(frozen=True)
class Community:
    """A benchmark's data set on the Hub and the task in it that the harness runs."""

    dataset: str
    task: str
    note: str = ""


COMMUNITY = {
    ("open-llm-v2", "ifeval"): Community("google/IFEval", "ifeval", ", mean of prompt and instruction level"),
    ("open-llm-v2", "bbh"): Community("SaylorTwift/bbh", "bbh", ", mean of 24 subtasks"),
    ("open-llm-v2", "math"): Community("DigitalLearningGmbH/MATH-lighteval", "math_hard", ", level 5 only"),
    ("open-llm-v2", "gpqa"): Community("Idavidrein/gpqa", "gpqa", ", diamond, extended and main pooled by size"),
    ("open-llm-v2", "musr"): Community("TAUR-Lab/MuSR", "musr", ", mean of 3 subtasks"),
    ("open-llm-v2", "mmlu_pro"): Community("TIGER-Lab/MMLU-Pro", "mmlu_pro"),
    ("open-llm-v1", "arc"): Community("allenai/ai2_arc", "arc_challenge"),
    ("open-llm-v1", "hellaswag"): Community("Rowan/hellaswag", "hellaswag"),
    ("open-llm-v1", "mmlu"): Community("cais/mmlu", "mmlu", ", mean of 57 subjects"),
    ("open-llm-v1", "truthfulqa"): Community("truthfulqa/truthful_qa", "truthfulqa_mc2"),
    ("open-llm-v1", "winogrande"): Community("allenai/winogrande", "winogrande"),
    ("open-llm-v1", "gsm8k"): Community("openai/gsm8k", "gsm8k"),
}


def _form(suite: str) -> Form:
    if suite not in FORMS:
        raise BadInput(f"Cards have no form for the suite '{suite}'; they have for {', '.join(FORMS)}.")
    return FORMS[suite]


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
