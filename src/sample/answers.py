"""What the made-up models answered: whole numbers of right items for every task, and item by item for a few."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from random import Random
from typing import Any

from src.core.suites import Benchmark, Suite, Task
from src.sample.models import Model

DIFFICULTY = {
    "ifeval": -0.3, "bbh": 0.5, "math": 2.3, "gpqa": 2.6, "musr": 2.4, "mmlu_pro": 1.0,
    "arc": -0.2, "hellaswag": -1.3, "mmlu": 0.1, "truthfulqa": 0.1, "winogrande": -0.6, "gsm8k": 0.4,
}  # fmt: skip
"""In logits above an average 7B model of 2024."""
INSTRUCTIONS = 834  # in the 541 prompts of IFEval
SHOWN = {
    "leaderboard_bbh_boolean_expressions": "chosen",
    "leaderboard_math_geometry_hard": "generated",
    "leaderboard_gpqa_diamond": "gated",
}
"""Tasks whose every answer is kept for some models, and what such an answer is."""

Line = dict[str, Any]


def answers(model: Model, suite: Suite) -> tuple[dict[str, dict[str, float]], dict[str, list[Line]]]:
    """(task → metric → value, task → sample lines of the `SHOWN`), the same for the same model and run."""
    random = Random(f"{model.name} {model.precision} {model.revision} {suite.name}")
    numbers: dict[str, dict[str, float]] = {}
    lines: dict[str, list[Line]] = {}
    for benchmark in suite.benchmarks:
        if benchmark.key in model.without:
            continue
        for task in benchmark.tasks:
            share = _share(model, benchmark, task, random)
            items = task.items or 1
            if benchmark.key == "ifeval":
                prompts, instructions = _right(share, items, random), _right(share**0.7, INSTRUCTIONS, random)
                reported = (prompts / items, instructions / INSTRUCTIONS)
                numbers[task.name] = dict(zip(benchmark.metrics, reported, strict=True))
                continue
            right = _right(share, items, random)
            numbers[task.name] = dict.fromkeys(benchmark.metrics, right / items)
            if task.name in SHOWN:
                chosen = set(random.sample(range(items), right))
                make = {"chosen": _expression, "generated": _area, "gated": _gated}[SHOWN[task.name]]
                found = [make(item, item in chosen, random) for item in range(items)]
                random.shuffle(found)  # harnesses do not keep an order either: join on doc_hash
                lines[task.name] = found
    return numbers, lines


def _share(model: Model, benchmark: Benchmark, task: Task, random: Random) -> float:
    """Return the expected share of right answers: from chance up, by how much ability exceeds the task's difficulty."""
    of_task = Random(task.name).gauss(0, 0.5)
    bonus = 0.9 if benchmark.key == "ifeval" and model.chat else 0.0
    logit = 1.1 * (model.ability + bonus - DIFFICULTY[benchmark.key] - of_task) + random.gauss(0, 0.08)
    chance = task.chance or 0.0
    return chance + (1 - chance) / (1 + math.exp(-logit))


def _right(share: float, items: int, random: Random) -> int:
    spread = math.sqrt(items * share * (1 - share))
    return min(max(round(random.gauss(items * share, spread)), 0), items)


def _expression(item: int, right: bool, random: Random) -> Line:
    of_item = Random(f"expression {item}")
    words = [of_item.choice(("True", "False")) for _ in range(4)]
    text = f"not ( {words[0]} and {words[1]} ) or {words[2]} and not {words[3]}"
    a, b, c, d = (word == "True" for word in words)
    truth = not (a and b) or (c and not d)
    options = ["False", "True"]
    likely = truth if right else not truth
    scores = [-1.0 - 0.1 * random.randrange(9) if (option == "True") == likely else -2.5 for option in options]
    question = f"Evaluate (item {item + 1}): {text} is"
    return {
        "doc_id": item,
        "doc": {"input": question, "target": str(truth)},
        "target": str(truth),
        "arguments": {f"gen_args_{i}": {"arg_0": question, "arg_1": f" {option}"} for i, option in enumerate(options)},
        "resps": [[[str(score), "False"]] for score in scores],
        "filtered_resps": [[str(score), "False"] for score in scores],
        **_hashes(question, str(truth)),
        "acc_norm": float(right),
    }


def _area(item: int, right: bool, random: Random) -> Line:
    of_item = Random(f"area {item}")
    a, b, cut = of_item.randrange(6, 40), of_item.randrange(6, 40), of_item.randrange(1, 6)
    question = (
        f"Problem {item + 1}: squares of side {cut} are cut from the corners of a {a} by {b} sheet. What area is left?"
    )
    area = a * b - 4 * cut * cut
    output = area if right else area + cut * random.randrange(1, 9)
    answer = f"The sheet has {a * b}, the corners {a * b - output}. The final answer is \\boxed{{{output}}}."
    return {
        "doc_id": item,
        "doc": {"problem": question, "answer": str(area), "level": "Level 5"},
        "target": str(area),
        "arguments": {"gen_args_0": {"arg_0": question, "arg_1": {"until": ["Problem:"], "max_gen_toks": 1024}}},
        "resps": [[answer]],
        "filtered_resps": [answer],
        **_hashes(question, str(area)),
        "exact_match": float(right),
    }


def _gated(item: int, right: bool, random: Random) -> Line:
    """GPQA's authors ask that no question be shown: only hashes, as real boards publish it."""
    return {"doc_id": item, **_hashes(f"gated {item}", "gated"), "acc_norm": float(right)}


def _hashes(prompt: str, target: str) -> Mapping[str, str]:
    doc = hashlib.sha256(json.dumps([prompt, target]).encode()).hexdigest()
    return {
        "doc_hash": doc,
        "prompt_hash": hashlib.sha256(prompt.encode()).hexdigest(),
        "target_hash": hashlib.sha256(target.encode()).hexdigest(),
    }
