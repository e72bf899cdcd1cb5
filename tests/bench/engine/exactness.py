"""How exact: log-likelihoods, choices and texts of every family, and the results of the whole suite."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from tests.bench import report
from tests.bench.engine.peers import SOURCE, data, ours, ratio, theirs
from tests.evaluator.engine import suite
from tests.evaluator.engine.zoo import FAMILIES, VOCABULARY, build


def exactness(quick: bool) -> None:
    """Every family: log-likelihoods against plain forwards, and what 16 bits change."""
    from evaluator.engine.scorer import Scorer
    from evaluator.engine.selfcheck import choose
    from evaluator.engine.tree import Limits
    from tests.evaluator.engine.test_scorer import make_queries, score_plainly

    cpu = torch.device("cpu")
    worst, changed, shapes, flips, texts = 0.0, 0, {"packed": 0, "rows": 0, "stock": 0}, [0, 0, 0], [0, 0]
    names = list(FAMILIES)[:: 3 if quick else 1]
    for family in names:
        model, queries = build(family), make_queries(questions=8)
        shape = choose(model, cpu).shape
        shapes[shape] += 1
        if shape == "stock":
            continue
        found, expected = Scorer(model, Limits(64, 128), shape).score(queries), score_plainly(model, queries)
        worst = max(worst, *(abs(a[0] - b[0]) for a, b in zip(found, expected, strict=True) if a))
        changed += sum(a[1] != b[1] for a, b in zip(found, expected, strict=True) if a)
        if shape == "packed":
            same = generated_alike(model)
            texts = [texts[0] + sum(same), texts[1] + len(same)]
        half = build(family, torch.bfloat16)
        if choose(half, cpu).shape == shape:
            ours, theirs = Scorer(half, Limits(64, 128), shape).score(queries), score_plainly(half, queries)
            best = [argmaxes(answers) for answers in (ours, theirs, expected)]
            flips[0] += sum(a != b for a, b in zip(best[0], best[2], strict=True))
            flips[1] += sum(a != b for a, b in zip(best[1], best[2], strict=True))
            flips[2] += len(best[2])
    report("families checked", len(names), "families", "≥ 20", len(names) >= (15 if quick else 20))
    report("families packed / in rows / as stock", shapes["packed"], "families", "told", None, str(shapes))
    report("largest difference from stock, float32", worst, "nats", "≤ 2e-5", worst <= 2e-5, "hf")
    report("is_greedy changed, float32", changed, "requests", "0", changed == 0, "hf")
    report("texts identical to greedy ones", texts[0], "texts", f"{texts[1]}", texts[0] == texts[1], "hf")
    rates = flips[0] / flips[2], flips[1] / flips[2]
    report("choices that bf16 changes", rates[0], "share", "≤ stock's", rates[0] <= rates[1], "hf", ratio(*rates))


def generated_alike(model: Any) -> list[bool]:
    """Whether a rolling batch of two rows gives, of each of five texts, the tokens that plain forwards give."""
    from evaluator.engine import rolling
    from evaluator.engine.generation import plainly
    from evaluator.engine.jobs import Job, Stops
    from evaluator.engine.scorer import Scorer
    from evaluator.engine.tree import Limits

    rng = random.Random(0)
    lengths = ((30, 9), (3, 14), (17, 1), (30, 5), (8, 11))
    jobs = [Job([rng.randrange(5, VOCABULARY) for _ in range(n)], most) for n, most in lengths]
    found: dict[int, list[int]] = {}
    rolling.run(Scorer(model, Limits(32, 64)), jobs, Stops(None, set()), found.__setitem__, rows=2)
    return [found[i] == plainly(model, job) for i, job in enumerate(jobs)]


def argmaxes(answers: Sequence[Any], options: int = 4) -> list[int]:
    """The chosen option of each document."""
    scores = [answer[0] for answer in answers]
    return [int(np.argmax(scores[at : at + options])) for at in range(0, len(scores), options)]


def results(quick: bool) -> None:
    """`results` of `simple_evaluate` on every multiple-choice task, ours against hf's."""
    import lm_eval

    tokenizer, folder = suite.train_tokenizer(SOURCE), data()
    model = suite.small_llama(len(tokenizer))
    found = []
    with suite.offline(folder):
        for lm in (ours(model, tokenizer), theirs(model, tokenizer, 8)):
            found.append(
                lm_eval.simple_evaluate(
                    lm, tasks=list(suite.CHOICES), task_manager=suite.task_manager(), limit=2 if quick else 12,
                    bootstrap_iters=0,
                )
            )  # fmt: skip
    tasks = [task for task in found[0]["results"] if found[0]["results"][task].get("alias")]
    same = sum(found[0]["results"][task] == found[1]["results"][task] for task in tasks)
    report("tasks and groups with identical results", same, "of them", f"{len(tasks)}", same == len(tasks), "hf")
    away = [
        (abs(a[0][0] - b[0][0]), b[0][0])
        for task in found[0]["samples"]
        for one, other in zip(found[0]["samples"][task], found[1]["samples"][task], strict=True)
        for a, b in zip(one["resps"], other["resps"], strict=True)
    ]
    # a sum of −300 cannot be told apart more finely than float32 can write it
    beyond = max(d - float(np.spacing(np.float32(abs(value)))) for d, value in away)
    report("largest log-likelihood difference over the suite", max(d for d, _ in away), "nats", "told", None, "hf")
    report("the same, beyond one float32 step of the sum", beyond, "nats", "≤ 2e-5", beyond <= 2e-5, "hf")
