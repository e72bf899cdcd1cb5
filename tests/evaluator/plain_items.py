"""The real items of the second board, and of one benchmark of the first, from a folder of plain `jsonl.gz` files."""

from __future__ import annotations

from pathlib import Path

from evaluator.box.datasets import Layout, lay_out

MATH_CONFIGS = (
    "algebra", "counting_and_probability", "geometry", "intermediate_algebra", "number_theory", "prealgebra",
    "precalculus",
)  # fmt: skip

DATASETS = {
    "ifeval": "wis-k/instruction-following-eval",
    "bbh": "SaylorTwift/bbh",
    "math": "DigitalLearningGmbH/MATH-lighteval",
    "gpqa": "Idavidrein/gpqa",
    "musr": "TAUR-Lab/MuSR",
    "mmlu_pro": "TIGER-Lab/MMLU-Pro",
    "arc": "allenai/ai2_arc",
    "hellaswag": "Rowan/hellaswag",
    "mmlu": "cais/mmlu",
    "truthfulqa": "truthfulqa/truthful_qa",
    "winogrande": "allenai/winogrande",
    "gsm8k": "openai/gsm8k",
}
"""Benchmark → the dataset that its task files name."""


def lay_out_folder(root: Path, source: Path) -> list[str]:
    """Lay out every benchmark that a folder of plain `jsonl.gz` files contains; return their names.

    `source` has one folder per benchmark: `bbh/<subtask>.jsonl.gz`, `musr*/<subset>.jsonl.gz`,
    `math*/test.jsonl.gz`, `ifeval/train.jsonl.gz`, `mmlu_pro/{test,validation*}.jsonl.gz`, `gpqa*/train.jsonl.gz`,
    `gsm8k/{train,test}.jsonl.gz`.
    """
    done = []
    for benchmark, layout_of in PLAIN.items():
        folder = next(iter(sorted(source.glob(f"{benchmark}*"))), None)
        if folder is not None and folder.is_dir() and any(folder.glob("*.jsonl.gz")):
            lay_out(root, DATASETS[benchmark], folder, layout_of(folder))
            done.append(benchmark)
    return done


def _each_file_a_config(folder: Path) -> Layout:
    return {path.name.removesuffix(".jsonl.gz"): {"test": [path.name]} for path in sorted(folder.glob("*.jsonl.gz"))}


def _each_file_a_split(folder: Path) -> Layout:
    files = {path.name.removesuffix(".jsonl.gz"): path.name for path in sorted(folder.glob("*.jsonl.gz"))}
    return {"default": {split.split("_first")[0]: [name] for split, name in files.items()}}


def _math(_: Path) -> Layout:
    return {config: {"train": ["test.jsonl.gz"], "test": ["test.jsonl.gz"]} for config in MATH_CONFIGS}


def _gpqa(_: Path) -> Layout:
    return {config: {"train": ["train.jsonl.gz"]} for config in ("gpqa_diamond", "gpqa_extended", "gpqa_main")}


def _gsm8k(_: Path) -> Layout:
    return {"main": {"train": ["train.jsonl.gz"], "test": ["test.jsonl.gz"]}}


PLAIN = {
    "ifeval": _each_file_a_split,
    "bbh": _each_file_a_config,
    "math": _math,
    "gpqa": _gpqa,
    "musr": _each_file_a_split,
    "mmlu_pro": _each_file_a_split,
    "gsm8k": _gsm8k,
}
