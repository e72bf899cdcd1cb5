"""What a card says in each suite's block: the labels, data sets and metrics that thousands of cards already carry."""

from __future__ import annotations

import re
from dataclasses import dataclass

AVERAGE = "average"
AVERAGE_LABEL = "Avg."
SOURCE_NAME = "Open LLM Leaderboard"
TASK_TYPE, TASK_NAME = "text-generation", "Text Generation"


@dataclass(frozen=True)
class Line:
    """One benchmark of a card: `label` is its row in the table and the name of its data set in `model-index`."""

    key: str  # of the suite's benchmark
    label: str
    dataset: str
    shots: int
    metric: str
    metric_name: str | None
    config: str | None = None
    split: str | None = None
    aliases: tuple[str, ...] = ()  # other spellings that authors and earlier bots used, folded by `fold`


@dataclass(frozen=True)
class Source:
    """Who the block says it comes from: a Space, and the owner of the details data sets."""

    space: str
    owner: str
    details: str = "{owner}/{org}__{name}-details"

    @property
    def url(self) -> str:
        return f"https://huggingface.co/spaces/{self.space}"

    def details_url(self, model: str) -> str:
        org, _, name = model.rpartition("/")
        repo = self.details.format(owner=self.owner, org=org, name=name) if org else f"{self.owner}/{name}-details"
        return f"https://huggingface.co/datasets/{repo}"


@dataclass(frozen=True)
class Form:
    """The block of one suite."""

    suite: str
    lines: tuple[Line, ...]
    source: Source
    retired: tuple[str, ...] = ()  # benchmarks an earlier block of the suite still lists, folded

    def line(self, label: str) -> Line | None:
        """The line that a printed label means, in any spelling a card ever used; None for any other text."""
        return self._by_spelling.get(fold(label))

    @property
    def _by_spelling(self) -> dict[str, Line]:
        return {word: line for line in self.lines for word in (fold(line.label), line.key, *line.aliases)}


def fold(label: str) -> str:
    """A label without shots, links, case, spaces or punctuation: `MATH Lvl 5 (4-Shot)` → `mathlvl5`."""
    return re.sub(r"[\W_]+", "", re.sub(r"\([^()]*\)", "", label[:200]).lower())


def is_average(label: str) -> bool:
    """Whether a label heads the average."""
    return fold(label) in {"avg", "average", "averagescore", "mean"}


FORMS = {
    "open-llm-v2": Form(
        "open-llm-v2",
        (
            Line(
                "ifeval",
                "IFEval (0-Shot)",
                "HuggingFaceH4/ifeval",
                0,
                "inst_level_strict_acc and prompt_level_strict_acc",
                "strict accuracy",
            ),
            Line("bbh", "BBH (3-Shot)", "BBH", 3, "acc_norm", "normalized accuracy"),
            Line(
                "math",
                "MATH Lvl 5 (4-Shot)",
                "hendrycks/competition_math",
                4,
                "exact_match",
                "exact match",
                aliases=("mathlvl5", "mathlevel5", "mathhard"),
            ),
            Line("gpqa", "GPQA (0-shot)", "Idavidrein/gpqa", 0, "acc_norm", "acc_norm"),
            Line("musr", "MuSR (0-shot)", "TAUR-Lab/MuSR", 0, "acc_norm", "acc_norm"),
            Line(
                "mmlu_pro",
                "MMLU-PRO (5-shot)",
                "TIGER-Lab/MMLU-Pro",
                5,
                "acc",
                "accuracy",
                config="main",
                split="test",
                aliases=("mmlupro",),
            ),
        ),
        Source("open-llm-leaderboard/open_llm_leaderboard", "open-llm-leaderboard"),
    ),
    "open-llm-v1": Form(
        "open-llm-v1",
        (
            Line(
                "arc",
                "AI2 Reasoning Challenge (25-Shot)",
                "ai2_arc",
                25,
                "acc_norm",
                "normalized accuracy",
                config="ARC-Challenge",
                split="test",
                aliases=("arcchallenge", "arcc", "ai2arc"),
            ),
            Line(
                "hellaswag",
                "HellaSwag (10-Shot)",
                "hellaswag",
                10,
                "acc_norm",
                "normalized accuracy",
                split="validation",
            ),
            Line("mmlu", "MMLU (5-Shot)", "cais/mmlu", 5, "acc", "accuracy", config="all", split="test"),
            Line(
                "truthfulqa",
                "TruthfulQA (0-shot)",
                "truthful_qa",
                0,
                "mc2",
                None,
                config="multiple_choice",
                split="validation",
                aliases=("truthfulqamc2", "truthfulqamc"),
            ),
            Line(
                "winogrande",
                "Winogrande (5-shot)",
                "winogrande",
                5,
                "acc",
                "accuracy",
                config="winogrande_xl",
                split="validation",
            ),
            Line("gsm8k", "GSM8k (5-shot)", "gsm8k", 5, "acc", "accuracy", config="main", split="test"),
        ),
        Source("HuggingFaceH4/open_llm_leaderboard", "open-llm-leaderboard", details="{owner}/details_{org}__{name}"),
        retired=("drop",),
    ),
}
