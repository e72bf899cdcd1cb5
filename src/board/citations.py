"""What to cite: the boards, the harness and the benchmarks, as data."""

from __future__ import annotations

from typing import NamedTuple

PUBLISHED_AT = "https://huggingface.co/spaces/open-llm-leaderboard/open_llm_leaderboard"


class Work(NamedTuple):
    """Something to cite: `where` is an arXiv number or a URL."""

    key: str
    title: str
    authors: str
    year: str
    where: str


BOARDS = {
    "open-llm-v2": Work(
        "open-llm-leaderboard-v2",
        "Open LLM Leaderboard v2",
        "Fourrier, Cl{\\'e}mentine and Habib, Nathan and Lozovskaya, Alina and Szafer, Konrad and Wolf, Thomas",
        "2024",
        PUBLISHED_AT,
    ),
    "open-llm-v1": Work(
        "open-llm-leaderboard-v1",
        "Open LLM Leaderboard (2023-2024)",
        "Beeching, Edward and Fourrier, Cl{\\'e}mentine and Habib, Nathan and Han, Sheon and Lambert, Nathan "
        "and Rajani, Nazneen and Sanseviero, Omar and Tunstall, Lewis and Wolf, Thomas",
        "2023",
        "https://huggingface.co/spaces/open-llm-leaderboard-old/open_llm_leaderboard",
    ),
}
HARNESS = Work(
    "eval-harness",
    "The Language Model Evaluation Harness",
    "Gao, Leo and Tow, Jonathan and Abbasi, Baber and others",
    "2024",
    "https://zenodo.org/records/12608602",
)
CITED = {
    "ifeval": Work(
        "ifeval",
        "Instruction-Following Evaluation for Large Language Models",
        "Zhou, Jeffrey and others",
        "2023",
        "2311.07911",
    ),
    "bbh": Work(
        "bbh",
        "Challenging BIG-Bench Tasks and Whether Chain-of-Thought Can Solve Them",
        "Suzgun, Mirac and others",
        "2022",
        "2210.09261",
    ),
    "math": Work(
        "math",
        "Measuring Mathematical Problem Solving With the MATH Dataset",
        "Hendrycks, Dan and others",
        "2021",
        "2103.03874",
    ),
    "gpqa": Work(
        "gpqa", "GPQA: A Graduate-Level Google-Proof Q\\&A Benchmark", "Rein, David and others", "2023", "2311.12022"
    ),
    "musr": Work(
        "musr",
        "MuSR: Testing the Limits of Chain-of-thought with Multistep Soft Reasoning",
        "Sprague, Zayne and others",
        "2023",
        "2310.16049",
    ),
    "mmlu_pro": Work(
        "mmlu-pro",
        "MMLU-Pro: A More Robust and Challenging Multi-Task Language Understanding Benchmark",
        "Wang, Yubo and others",
        "2024",
        "2406.01574",
    ),
    "arc": Work(
        "arc",
        "Think you have Solved Question Answering? Try ARC, the AI2 Reasoning Challenge",
        "Clark, Peter and others",
        "2018",
        "1803.05457",
    ),
    "hellaswag": Work(
        "hellaswag",
        "HellaSwag: Can a Machine Really Finish Your Sentence?",
        "Zellers, Rowan and others",
        "2019",
        "1905.07830",
    ),
    "mmlu": Work(
        "mmlu", "Measuring Massive Multitask Language Understanding", "Hendrycks, Dan and others", "2020", "2009.03300"
    ),
    "truthfulqa": Work(
        "truthfulqa",
        "TruthfulQA: Measuring How Models Mimic Human Falsehoods",
        "Lin, Stephanie and Hilton, Jacob and Evans, Owain",
        "2021",
        "2109.07958",
    ),
    "winogrande": Work(
        "winogrande",
        "WinoGrande: An Adversarial Winograd Schema Challenge at Scale",
        "Sakaguchi, Keisuke and others",
        "2019",
        "1907.10641",
    ),
    "gsm8k": Work(
        "gsm8k", "Training Verifiers to Solve Math Word Problems", "Cobbe, Karl and others", "2021", "2110.14168"
    ),
}
