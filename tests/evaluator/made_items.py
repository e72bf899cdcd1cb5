"""Benchmarks with made-up items in the schema of the real datasets, as many or as few as a test wants."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluator.box.datasets import lay_out
from src.core.suites import Suite, load
from tests.evaluator.plain_items import DATASETS, MATH_CONFIGS

Rows = list[dict[str, Any]]


def make(root: Path, benchmarks: Iterable[str], most: int | None = None) -> Path:
    """Lay out `benchmarks` below `root`: `most` items a task, or as many as the suite says."""
    for benchmark in benchmarks:
        MAKERS[benchmark](root, most)
    return root


def shrink(suite: Suite, most: int) -> Suite:
    """Return the same suite, were its tasks `most` items long: what a whole run over the made-up ones is scored by."""
    benchmarks = tuple(
        replace(benchmark, tasks=tuple(replace(task, items=most) for task in benchmark.tasks))
        for benchmark in suite.benchmarks
    )
    return replace(suite, benchmarks=benchmarks)


def _put(root: Path, benchmark: str, configs: Mapping[str, Mapping[str, Rows]]) -> None:
    source = root / ".made" / benchmark
    source.mkdir(parents=True, exist_ok=True)
    layout = {}
    for config, splits in configs.items():
        names = {split: f"{config}_{split}.jsonl.gz" for split in splits}
        for split, rows in splits.items():
            with gzip.open(source / names[split], "wt", compresslevel=1) as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
        layout[config] = {split: [name] for split, name in names.items()}
    lay_out(root, DATASETS[benchmark], source, layout)


def _items(suite: str, benchmark: str, most: int | None) -> dict[str, int]:
    tasks = load(suite).benchmark(benchmark).tasks
    return {task.name: min(task.items or 4, most or 10**9) for task in tasks}


def _bbh(root: Path, most: int | None) -> None:
    counts = _items("open-llm-v2", "bbh", most)
    configs = {
        task.removeprefix("leaderboard_bbh_"): {
            "test": [
                {
                    "input": f"Puzzle {i} of {task}?{'' if task in ANSWERS else LETTERED}",
                    "target": ANSWERS.get(task, "(A)"),
                }
                for i in range(n)
            ]
        }
        for task, n in counts.items()
    }
    _put(root, "bbh", configs)


LETTERED = "\nOptions:\n(A) first\n(B) second"
ANSWERS = {
    # those whose options are words
    "leaderboard_bbh_boolean_expressions": "True",
    "leaderboard_bbh_causal_judgement": "Yes",
    "leaderboard_bbh_formal_fallacies": "valid",
    "leaderboard_bbh_navigate": "Yes",
    "leaderboard_bbh_object_counting": "3",
    "leaderboard_bbh_sports_understanding": "yes",
    "leaderboard_bbh_web_of_lies": "Yes",
}


def _ifeval(root: Path, most: int | None) -> None:
    n = _items("open-llm-v2", "ifeval", most)["leaderboard_ifeval"]
    rows = [
        {
            "key": i,
            "prompt": f"Write about thing {i} without commas.",
            "instruction_id_list": ["punctuation:no_comma"] + (["detectable_format:title"] if i % 3 else []),
            "kwargs": [{}] * (2 if i % 3 else 1),
        }
        for i in range(n)
    ]
    _put(root, "ifeval", {"default": {"train": rows}})


def _math(root: Path, most: int | None) -> None:
    counts = dict(zip(MATH_CONFIGS, _items("open-llm-v2", "math", most).values(), strict=True))
    _put(
        root,
        "math",
        {
            config: {split: [_problem(config, i) for i in range(n)] for split in ("train", "test")}
            for config, n in counts.items()
        },
    )


def _problem(config: str, i: int) -> dict[str, Any]:
    return {
        "problem": f"What is {i} + 1 in {config}?",
        "level": "Level 5",
        "type": config,
        "solution": f"It is $\\boxed{{{i + 1}}}$.",
    }


def _gpqa(root: Path, most: int | None) -> None:
    counts = _items("open-llm-v2", "gpqa", most)
    configs = {}
    for task, n in counts.items():
        rows = [
            {
                "Question": f"SECRET-QUESTION {i}?",
                "Correct Answer": f"SECRET-RIGHT {i}",
                **{f"Incorrect Answer {j}": f"SECRET-WRONG {i} {j}" for j in (1, 2, 3)},
            }
            for i in range(n)
        ]
        configs[task.replace("leaderboard_", "")] = {"train": rows}
    _put(root, "gpqa", configs)


def _musr(root: Path, most: int | None) -> None:
    options = {"murder_mysteries": 2, "object_placements": 5, "team_allocation": 3}
    counts = _items("open-llm-v2", "musr", most)
    splits = {}
    for name, n_options in options.items():
        choices = [f"choice {j}" for j in range(n_options)]
        splits[name] = [
            {
                "narrative": f"Story {i}.",
                "question": "Who?",
                "choices": str(choices),
                "answer_index": i % n_options,
                "answer_choice": choices[i % n_options],
            }
            for i in range(counts[f"leaderboard_musr_{name}"])
        ]
    _put(root, "musr", {"default": splits})


def _mmlu_pro(root: Path, most: int | None) -> None:
    n = _items("open-llm-v2", "mmlu_pro", most)["leaderboard_mmlu_pro"]

    def rows(count: int) -> Rows:
        return [
            {
                "question_id": i,
                "question": f"Question {i}?",
                "options": ["a", "b", "c"],
                "answer": "ABC"[i % 3],
                "answer_index": i % 3,
                "cot_content": "",
                "category": "other",
                "src": "made",
            }
            for i in range(count)
        ]

    _put(root, "mmlu_pro", {"default": {"test": rows(n), "validation": rows(5)}})


def _arc(root: Path, most: int | None) -> None:
    def rows(count: int) -> Rows:
        return [
            {
                "id": str(i),
                "question": f"Why {i}?",
                "choices": {"text": ["a", "b", "c", "d"], "label": ["A", "B", "C", "D"]},
                "answerKey": "ABCD"[i % 4],
            }
            for i in range(count)
        ]

    n = _items("open-llm-v1", "arc", most)["arc_challenge"]
    _put(root, "arc", {"ARC-Challenge": {"train": rows(30), "validation": rows(5), "test": rows(n)}})


def _hellaswag(root: Path, most: int | None) -> None:
    def rows(count: int) -> Rows:
        return [
            {
                "ind": i,
                "activity_label": "Making",
                "ctx_a": f"A person {i}",
                "ctx_b": "then",
                "ctx": "x",
                "endings": [f"does {j}." for j in range(4)],
                "label": str(i % 4),
            }
            for i in range(count)
        ]

    n = _items("open-llm-v1", "hellaswag", most)["hellaswag"]
    _put(root, "hellaswag", {"default": {"train": rows(15), "validation": rows(n)}})


def _mmlu(root: Path, most: int | None) -> None:
    def rows(count: int) -> Rows:
        return [{"question": f"Which {i}?", "choices": ["a", "b", "c", "d"], "answer": i % 4} for i in range(count)]

    configs = {
        task.removeprefix("mmlu_"): {"test": rows(n), "dev": rows(5)}
        for task, n in _items("open-llm-v1", "mmlu", most).items()
    }
    _put(root, "mmlu", configs)


def _truthfulqa(root: Path, most: int | None) -> None:
    rows = [
        {
            "question": f"Is it {i}?",
            "mc1_targets": {"choices": ["yes", "no"], "labels": [1, 0]},
            "mc2_targets": {"choices": ["yes", "no", "maybe"], "labels": [1, 0, 1]},
        }
        for i in range(_items("open-llm-v1", "truthfulqa", most)["truthfulqa_mc2"])
    ]
    _put(root, "truthfulqa", {"multiple_choice": {"validation": rows}})


def _winogrande(root: Path, most: int | None) -> None:
    def rows(count: int) -> Rows:
        return [
            {"sentence": f"The {i} did not fit because _ was big.", "option1": "it", "option2": "they", "answer": "1"}
            for i in range(count)
        ]

    n = _items("open-llm-v1", "winogrande", most)["winogrande"]
    _put(root, "winogrande", {"winogrande_xl": {"train": rows(10), "validation": rows(n)}})


def _gsm8k(root: Path, most: int | None) -> None:
    def rows(count: int) -> Rows:
        return [{"question": f"{i} and 1?", "answer": f"It is {i + 1}.\n#### {i + 1}"} for i in range(count)]

    n = _items("open-llm-v1", "gsm8k", most)["gsm8k"]
    _put(root, "gsm8k", {"main": {"train": rows(10), "test": rows(n)}})


MAKERS: dict[str, Callable[[Path, int | None], None]] = {
    "bbh": _bbh,
    "ifeval": _ifeval,
    "math": _math,
    "gpqa": _gpqa,
    "musr": _musr,
    "mmlu_pro": _mmlu_pro,
    "arc": _arc,
    "hellaswag": _hellaswag,
    "mmlu": _mmlu,
    "truthfulqa": _truthfulqa,
    "winogrande": _winogrande,
    "gsm8k": _gsm8k,
}
V2 = ("ifeval", "bbh", "math", "gpqa", "musr", "mmlu_pro")
V1 = ("arc", "hellaswag", "mmlu", "truthfulqa", "winogrande", "gsm8k")
