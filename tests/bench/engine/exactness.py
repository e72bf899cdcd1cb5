"""Exactness: log-likelihoods, choices and texts of every family, and the results of the whole suite."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tests.bench import report, shown
from tests.bench.engine.peers import SOURCE, data, ours, ratio, theirs
from tests.evaluator.engine import suite
from tests.evaluator.engine.zoo import EXPECTED, FAMILIES, PLAIN, VOCABULARY, build


def exactness(quick: bool) -> None:
    """Compare every family's log-likelihoods with plain forwards, and measure the effect of 16 bits."""
    from evaluator.engine.planning.tree import PackLimits
    from evaluator.engine.scoring.scorer import TreeScorer
    from evaluator.engine.selfcheck import choose_shape
    from tests.evaluator.engine.test_scorer import make_queries, score_plainly

    cpu = torch.device("cpu")
    worst, changed, compared, flips, texts = 0.0, 0, 0, [0, 0, 0], [0, 0]
    shapes: dict[str, str] = {}
    names = list(dict.fromkeys((*PLAIN, *list(FAMILIES)[:: 3 if quick else 1])))
    for family in names:
        model, queries = build(family), make_queries(questions=8)
        shape = choose_shape(model, cpu).shape
        shapes[family] = shape
        if shape == "stock":
            continue
        found, expected = TreeScorer(model, PackLimits(64, 128), shape).score(queries), score_plainly(model, queries)
        compared += sum(a is not None for a in found)
        worst = max(worst, *(abs(a[0] - b[0]) for a, b in zip(found, expected, strict=True) if a))
        changed += sum(a[1] != b[1] for a, b in zip(found, expected, strict=True) if a)
        if shape == "packed":
            same = generated_alike(model)
            texts = [texts[0] + sum(same), texts[1] + len(same)]
        half = build(family, torch.bfloat16)
        if choose_shape(half, cpu).shape == shape:
            ours, theirs = TreeScorer(half, PackLimits(64, 128), shape).score(queries), score_plainly(half, queries)
            best = [argmaxes(answers) for answers in (ours, theirs, expected)]
            flips[0] += sum(a != b for a, b in zip(best[0], best[2], strict=True))
            flips[1] += sum(a != b for a, b in zip(best[1], best[2], strict=True))
            flips[2] += len(best[2])
    slower = {name: shape for name, shape in shapes.items() if shape != EXPECTED.get(name, "packed")}
    counts = {shape: [*shapes.values()].count(shape) for shape in ("packed", "rows", "stock")}
    least = 15 if quick else 40
    checked = len(names) - counts["stock"]
    report("families whose answers were compared", checked, "families", f"≥ {least}", checked >= least)
    report(
        "families that go another way than expected", len(slower), "families", "0", not slower,
        str(slower or counts), sample=len(shapes),
    )  # fmt: skip
    plain = sum(shapes[name] == "packed" for name in PLAIN)
    report(f"{', '.join(PLAIN)}: packed", plain, "families", f"{len(PLAIN)}", plain == len(PLAIN))
    report("largest difference from stock, float32", worst, "nats", "≤ 2e-5", worst <= 2e-5, "hf", sample=compared)
    report("is_greedy changed, float32", changed, "requests", "0", changed == 0, "hf", sample=compared)
    same_texts = texts[0] == texts[1]
    report("texts identical to greedy ones", texts[0], "texts", f"{texts[1]}", same_texts, "hf", sample=texts[1])
    rates = [count / max(1, flips[2]) for count in flips[:2]]
    report(
        "choices that bf16 changes", rates[0], "share", "≤ stock's", rates[0] <= rates[1], "hf", ratio(*rates),
        sample=flips[2],
    )  # fmt: skip


def generated_alike(model: Any) -> list[bool]:
    """Return whether a rolling batch of two rows gives, of each of five texts, the tokens that plain forwards give."""
    from evaluator.engine.generating import rolling
    from evaluator.engine.generating.jobs import GenerationJob, Stops
    from evaluator.engine.generating.settings import by_generate
    from evaluator.engine.planning.tree import PackLimits
    from evaluator.engine.scoring.scorer import TreeScorer

    rng = random.Random(0)
    lengths = ((30, 9), (3, 14), (17, 1), (30, 5), (8, 11))
    jobs = [GenerationJob([rng.randrange(5, VOCABULARY) for _ in range(n)], most) for n, most in lengths]
    found: dict[int, list[int]] = {}
    rolling.run(TreeScorer(model, PackLimits(32, 64)), jobs, Stops(None, set()), found.__setitem__, rows=2)
    return [found[i] == by_generate(model, job.tokens, job.most, None) for i, job in enumerate(jobs)]


def argmaxes(answers: Sequence[Any], options: int = 4) -> list[int]:
    """Return the chosen option of each document."""
    scores = [answer[0] for answer in answers]
    return [int(np.argmax(scores[at : at + options])) for at in range(0, len(scores), options)]


def results(quick: bool) -> None:
    """`results` of `simple_evaluate` on every multiple-choice task, ours against hf's."""
    import lm_eval

    tokenizer, folder = suite.train_tokenizer(SOURCE), data()
    model = suite.small_llama(len(tokenizer))
    found: list[Any] = []
    mine = ours(model, tokenizer)
    with suite.offline(folder):
        for lm in (mine, theirs(model, tokenizer, 8)):
            found.append(
                lm_eval.simple_evaluate(
                    lm, tasks=list(suite.CHOICES), task_manager=suite.task_manager(), limit=2 if quick else 12,
                    bootstrap_iters=0,
                )
            )  # fmt: skip
    report("choices were scored packed", int(mine.scoring == "packed"), "bool", "1", mine.scoring == "packed")
    tasks = [task for task in found[0]["results"] if found[0]["results"][task].get("alias")]
    same = sum(found[0]["results"][task] == found[1]["results"][task] for task in tasks)
    report(
        "tasks and groups with identical results", same, "of them", f"{len(tasks)}", same == len(tasks), "hf",
        sample=len(tasks),
    )  # fmt: skip
    away = [
        (abs(a[0][0] - b[0][0]), b[0][0])
        for task in found[0]["samples"]
        for one, other in zip(found[0]["samples"][task], found[1]["samples"][task], strict=True)
        for a, b in zip(one["resps"], other["resps"], strict=True)
    ]
    # a sum of −300 has no finer resolution than float32 can represent
    beyond = max(d - float(np.spacing(np.float32(abs(value)))) for d, value in away)
    shown("largest log-likelihood difference over the suite", max(d for d, _ in away), "nats", "hf")
    report("the same, beyond one float32 step of the sum", beyond, "nats", "≤ 2e-5", beyond <= 2e-5, "hf")
