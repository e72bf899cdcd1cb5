"""Work and speed: forwarded tokens, documents and texts per second, and how well a plan predicts both."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch

from tests.bench import report, shown
from tests.bench.engine.peers import SOURCE, data, documents, ours, theirs, timed
from tests.evaluator.engine import suite

LARGE = {"hidden_size": 768, "intermediate_size": 2304, "num_hidden_layers": 12, "num_attention_heads": 12}
MEDIUM = {"hidden_size": 320, "intermediate_size": 896, "num_hidden_layers": 6, "num_attention_heads": 5}


def work(quick: bool) -> None:
    """Token forwards of the whole multiple-choice suite: planned, the trie's optimum, stock's."""
    from evaluator.engine.planning.tree import PackLimits, Trie, plan
    from src.core.suites import load

    tokenizer = suite.train_tokenizer(SOURCE)
    lm = ours(suite.small_llama(len(tokenizer)), tokenizer)
    with suite.offline(data()):
        requests = suite.build_requests(suite.CHOICES, limit=60 if quick else None)
    units: dict[str, list[Any]] = {}
    together = {task.name: each.group or each.key for each in load().benchmarks if each.together for task in each.tasks}
    for task, some in requests.items():
        units.setdefault(together.get(task, task), []).extend(lm.encoder.queries([r.args for r in some], lm.max_length))
    totals: dict[str, list[int]] = {}
    everything = []
    for unit, queries in units.items():
        trie = Trie([query.tokens for query in queries])
        planned = sum(step.tokens for step in plan(trie, PackLimits(1024, 4096)))
        counts = totals.setdefault(unit.split("_")[1], [0, 0, 0])
        for at, count in enumerate((planned, trie.nodes, sum(map(len, trie.sequences)))):
            counts[at] += count
        everything += trie.sequences
    planned = sum(counts[0] for counts in totals.values())
    best = Trie(everything).nodes
    count = sum(map(len, requests.values()))
    shown("requests of the suite", count, "requests")
    report(
        "tokens forwarded, whole suite",
        planned,
        "tokens",
        "≤ 1.01 × the trie",
        planned <= 1.01 * best,
        "trie",
        planned / best,
        sample=count,
    )
    for name, (mine, _, stock) in totals.items():
        goal = WORK_GOALS[name][quick]
        saved = stock / mine
        report(f"tokens forwarded, {name}", mine, "tokens", f"stock ≥ {goal} ×", saved >= goal, "hf", saved)


WORK_GOALS = {"bbh": (28.0, 20.0), "mmlu": (4.5, 4.0), "musr": (3.0, 3.0), "gpqa": (3.5, 3.5)}
"""Benchmark → how many times as many tokens stock forwards: over the whole suite, and with few documents a task."""


def check_way(lm: Any, generation: str | None = None) -> None:
    """Report whether our engine runs its fastest way: what is measured against stock must not be stock."""
    report("choices were scored packed", int(lm.scoring == "packed"), "bool", "1", lm.scoring == "packed")
    if generation is not None:
        report("texts were generated in a rolling batch", int(generation == "rolling"), "bool", "1",
               generation == "rolling")  # fmt: skip


def speed(quick: bool, name: str) -> None:
    """Documents a second on one benchmark, paired task by task with hf at its best batch size."""
    goal, mine, few = SPEED[name]
    tokenizer = suite.train_tokenizer(SOURCE)
    model = suite.small_llama(len(tokenizer), **(MEDIUM if quick else LARGE))
    with suite.offline(data()):
        requests = suite.build_requests([f"leaderboard_{name}"], limit=4 if quick else 250)
    batch = best_batch(model, tokenizer, next(iter(requests.values()))[:8])
    lm, stock = ours(model, tokenizer), theirs(model, tokenizer, batch)
    lm.loglikelihood(next(iter(requests.values()))[:2], disable_tqdm=True)  # the self-check is paid once a run
    check_way(lm)
    ratios, walls, sums = [], [], [0.0, 0.0]
    for some in requests.values():
        many, less = first_documents(some, 4 if quick else mine), first_documents(some, 1 if quick else few)
        cpu, wall = seconds(partial(lm.loglikelihood, many, disable_tqdm=True))
        stock_cpu, stock_wall = seconds(partial(stock.loglikelihood, less, disable_tqdm=True))
        each = cpu / documents(many), stock_cpu / documents(less)
        sums = [total + documents(some) * one for total, one in zip(sums, each, strict=True)]
        ratios.append(each[1] / each[0])
        walls.append((documents(many) / wall, documents(less) / stock_wall))
    overall = sums[1] / sums[0]  # over all documents of the tasks at hand, at the seconds a document measured
    report(
        f"documents a second, {name} ({len(ratios)} tasks: {min(ratios):.1f}–{max(ratios):.1f} ×; "
        f"{model.num_parameters() / 1e6:.0f} M parameters; hf at batch {batch})",
        1 / statistics.mean(1 / mine for mine, _ in walls), "documents/s", f"≥ {goal} × hf",
        None if quick else overall >= goal, "hf", overall,
    )  # fmt: skip


SPEED = {"bbh": (15.0, 24, 1), "musr": (5.0, 20, 3), "mmlu_pro": (4.5, 128, 8), "gpqa": (3.5, 24, 6)}
"""Benchmark → how many times as fast as hf; documents of a task for us, and for hf, which needs longer."""


def generation(quick: bool, task: str) -> None:
    """Texts of mixed lengths, against hf at its best batch size."""
    tokenizer = suite.train_tokenizer(SOURCE)
    model = long_winded(len(tokenizer), **(MEDIUM if quick else LARGE))
    with suite.offline(data()):
        (some,) = suite.build_requests([task], limit=8 if quick else 48).values()
    for request in some:  # the suite lets texts grow to 1,280 tokens, which takes stock half an hour
        request.args[1]["max_gen_toks"] = 96 if quick else 320
    lm = ours(model, tokenizer)
    lm.generate_until(some[:1], disable_tqdm=True)
    check_way(lm, lm.report.generation)
    (cpu, _), texts = timed(partial(lm.generate_until, some, disable_tqdm=True))
    lengths = [len(tokenizer(text)["input_ids"]) for text in texts]
    taken, same = {}, 0
    for batch in (4,) if quick else (16, 32):
        peer = theirs(model, tokenizer, batch)
        (taken[batch], _), expected = timed(partial(peer.generate_until, some, disable_tqdm=True))
        same = max(same, sum(a == b for a, b in zip(texts, expected, strict=True)))
    best = min(taken, key=lambda batch: taken[batch])
    times = taken[best] / cpu
    report(
        f"texts identical to stock, {task}", same, "texts", f"{len(some)}", same == len(some), "hf", sample=len(some)
    )
    report(
        f"texts a second, {task} ({lm.report.generation}; {min(lengths)}–{max(lengths)} tokens, mean "
        f"{statistics.mean(lengths):.0f}; hf at batch {best})",
        len(some) / cpu, "texts/s", "≥ 3 × hf", None if quick else times >= 3, "hf", times,
    )  # fmt: skip


GENERATION = {"ifeval": "leaderboard_ifeval", "math": "leaderboard_math_algebra_hard"}


def plan(quick: bool) -> None:
    """`plan` against what was counted and measured."""
    from evaluator.plan.devices import this_machine
    from evaluator.plan.estimate import Load, estimate
    from evaluator.plan.loads import WORK
    from evaluator.plan.shape import shape_of

    tokenizer = suite.train_tokenizer(SOURCE, 24_000)
    model = suite.small_llama(len(tokenizer), **(MEDIUM if quick else LARGE))
    tasks = ["leaderboard_bbh_snarks", "leaderboard_bbh_date_understanding", "leaderboard_gpqa_main"]
    with suite.offline(data()):
        requests = suite.build_requests(tasks, limit=20 if quick else 60)
    items = {task: documents(some) for task, some in requests.items()}
    lm = ours(model, tokenizer)
    lm.loglikelihood(requests[tasks[0]][:2], disable_tqdm=True)
    start = lm.work.tokens
    loads = {task: Load(some, WORK[task]) for task, some in items.items()}
    expected = estimate(shape_of(model.config.to_dict()), loads, this_machine(), "float32")
    cpu, _ = seconds(lambda: [lm.loglikelihood(some, disable_tqdm=True) for some in requests.values()])
    tokens = lm.work.tokens - start
    report(
        "planned tokens",
        expected.tokens,
        "tokens",
        "within 25 %",
        abs(expected.tokens / tokens - 1) <= 0.25,
        "counted",
        expected.tokens / tokens,
    )
    load = 60 * expected.weights / 16e9
    off = (expected.seconds - load) / cpu
    holds = None if quick else abs(off - 1) <= 0.3  # a model this small is mostly overhead
    report("planned time", expected.seconds - load, "s", "within 30 %", holds, "processor time", off)


def first_documents(requests: Sequence[Any], count: int) -> list[Any]:
    chosen = sorted({request.doc_id for request in requests})[:count]
    return [request for request in requests if request.doc_id in set(chosen)]


def seconds(call: Callable[[], Any]) -> tuple[float, float]:
    return timed(call)[0]


def best_batch(model: Any, tokenizer: Any, requests: list[Any]) -> int:
    """hf's fastest batch size on a few requests."""
    taken = {}
    for batch in (1, 4, 8):
        lm = theirs(model, tokenizer, batch)
        taken[batch], _ = seconds(partial(lm.loglikelihood, requests, disable_tqdm=True))
    return min(taken, key=lambda batch: taken[batch])


def long_winded(vocabulary: int, **shape: Any) -> Any:
    """Return a random GPT-2 whose positions speak up, so that texts seldom go in circles, ends strewn among its tokens.

    Texts end where chance has it: most after a few dozen tokens, some after hundreds.
    """
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    width, layers, heads = shape["hidden_size"], shape["num_hidden_layers"], shape["num_attention_heads"]
    config = GPT2Config(
        vocab_size=vocabulary, n_positions=2560, n_embd=width, n_layer=layers, n_head=heads, bos_token_id=1,
        eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        model.transformer.wpe.weight.mul_(3)
    model.generation_config.eos_token_id = [2, *random.Random(1).sample(range(3, vocabulary), vocabulary // 100)]
    model.generation_config.pad_token_id = 0
    return model
