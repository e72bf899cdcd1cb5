"""`python -m tests.bench.engine [--quick] [--only NAME]`: how exact, how little, how fast, against lm-eval's own `hf`.

Times are processor seconds of one thread, so that other work on the machine does not count; wall time is told beside.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TQDM_DISABLE", "1")

import numpy as np
import torch

from tests.bench import report
from tests.evaluator.engine import suite
from tests.evaluator.engine.zoo import FAMILIES, VOCABULARY, build

SOURCE = Path(__file__).resolve().parents[3] / "shared" / "benchmarks"
LARGE = {"hidden_size": 768, "intermediate_size": 2304, "num_hidden_layers": 12, "num_attention_heads": 12}
MEDIUM = {"hidden_size": 320, "intermediate_size": 896, "num_hidden_layers": 6, "num_attention_heads": 5}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=list(PARTS), action="append")
    args = parser.parse_args()
    torch.set_num_threads(1)
    quiet()
    for name in args.only or ([name for name in PARTS if name in IN_QUICK] if args.quick else PARTS):
        PARTS[name](args.quick)


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


def work(quick: bool) -> None:
    """Token forwards of the whole multiple-choice suite: planned, the trie's optimum, stock's."""
    from evaluator.engine.tree import Limits, Trie, plan
    from evaluator.engine.units import unit_of

    tokenizer = suite.train_tokenizer(SOURCE)
    lm = ours(suite.small_llama(len(tokenizer)), tokenizer)
    with suite.offline(data()):
        requests = suite.build_requests(suite.CHOICES, limit=60 if quick else None)
    units: dict[str, list[Any]] = {}
    for task, some in requests.items():
        units.setdefault(unit_of(task), []).extend(lm.encoder.queries([r.args for r in some], lm.max_length))
    totals: dict[str, list[int]] = {}
    everything = []
    for unit, queries in units.items():
        trie = Trie([query.tokens for query in queries])
        planned = sum(step.tokens for step in plan(trie, Limits(1024, 4096)))
        counts = totals.setdefault(unit.split("_")[1], [0, 0, 0])
        for at, count in enumerate((planned, trie.nodes, sum(map(len, trie.sequences)))):
            counts[at] += count
        everything += trie.sequences
    planned = sum(counts[0] for counts in totals.values())
    best = Trie(everything).nodes
    report("requests of the suite", sum(map(len, requests.values())), "requests", "told", None)
    report(
        "tokens forwarded, whole suite",
        planned,
        "tokens",
        "≤ 1.01 × the trie",
        planned <= 1.01 * best,
        "trie",
        planned / best,
    )
    goals = {"bbh": 28.0, "mmlu": 4.5}
    for name, (mine, _, stock) in totals.items():
        goal = goals.get(name)
        holds = None if goal is None or quick else stock / mine >= goal
        report(f"tokens forwarded, {name}", mine, "tokens", f"stock ≥ {goal or 1} ×", holds, "hf", stock / mine)


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
    if quick:
        for request in some:
            request.args[1]["max_gen_toks"] = 96
    lm = ours(model, tokenizer)
    lm.generate_until(some[:1], disable_tqdm=True)
    (cpu, _), texts = timed(partial(lm.generate_until, some, disable_tqdm=True))
    lengths = [len(tokenizer(text)["input_ids"]) for text in texts]
    taken, same = {}, 0
    for batch in (4,) if quick else (16, 32):
        peer = theirs(model, tokenizer, batch)
        (taken[batch], _), expected = timed(partial(peer.generate_until, some, disable_tqdm=True))
        same = max(same, sum(a == b for a, b in zip(texts, expected, strict=True)))
    best = min(taken, key=lambda batch: taken[batch])
    times = taken[best] / cpu
    report(f"texts identical to stock, {task}", same, "texts", f"{len(some)}", same == len(some), "hf")
    report(
        f"texts a second, {task} ({lm.report.generation}; {min(lengths)}–{max(lengths)} tokens, mean "
        f"{statistics.mean(lengths):.0f}; hf at batch {best})",
        len(some) / cpu, "texts/s", "≥ 3 × hf", None if quick else times >= 3, "hf", times,
    )  # fmt: skip


GENERATION = {"ifeval": "leaderboard_ifeval", "math": "leaderboard_math_algebra_hard"}


def memory(quick: bool) -> None:
    """Peak memory over the loaded model, ours and hf's, with a vocabulary of 128,000."""
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:  # nothing has grown there yet
        (mine, widest), *others = pool.apply(peaks, (2 if quick else 8,))
    for batch, (bytes_, rows) in zip(STOCK_BATCHES, others, strict=True):
        report(
            f"peak memory over the model, hf at batch {batch}", mine / 2**20, "MiB", "≤ hf's", mine <= bytes_, "hf",
            ratio(mine, bytes_),
        )  # fmt: skip
        report(
            f"most rows through the LM head at once, hf at batch {batch}", widest, "rows", "< hf's", widest < rows,
            "hf", widest / rows,
        )  # fmt: skip


STOCK_BATCHES = (1, 8)


def peaks(limit: int) -> list[tuple[int, int]]:
    """(most bytes over the loaded model, most rows of one LM-head call) of us, then of hf in growing batches."""
    torch.set_num_threads(1)
    quiet()
    tokenizer = suite.train_tokenizer(SOURCE)
    model = suite.small_llama(
        128_000, hidden_size=256, intermediate_size=512, num_hidden_layers=4, num_attention_heads=4
    )
    rows = [0]
    model.lm_head.register_forward_hook(lambda _, a, __: rows.append(a[0].numel() // a[0].shape[-1]))
    with suite.offline(data()):
        requests = suite.build_requests(["leaderboard_bbh_navigate", "leaderboard_mmlu_pro"], limit=limit)
    found = []
    for lm in (ours(model, tokenizer), *(theirs(model, tokenizer, batch) for batch in STOCK_BATCHES)):
        rows[:] = [0]
        before = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
        for some in requests.values():
            lm.loglikelihood(some, disable_tqdm=True)
        found.append((resident("VmHWM") - before, max(rows)))
    return found


def resident(name: str) -> int:
    """Bytes of this process in memory: now (VmRSS), or at most (VmHWM)."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) * 1024


def resume(quick: bool) -> None:
    """Kill -9 at random moments: the results of the run that goes on, and the work it repeats."""
    import json
    import signal
    import subprocess
    import sys
    import tempfile

    folder = Path(tempfile.mkdtemp())
    tokenizer = suite.train_tokenizer(SOURCE)
    suite.small_llama(len(tokenizer)).save_pretrained(folder / "model")  # the share of the work is anyone's
    tokenizer.save_pretrained(folder / "model")
    tasks = ["leaderboard_bbh_snarks", "leaderboard_musr", "leaderboard_gpqa_main"]
    limit = 20 if quick else 250

    def start(name: str) -> Any:
        command = [sys.executable, "-m", "tests.evaluator.engine.run_suite", str(folder / "model"), str(data())]
        command += [str(folder / f"{name}.sqlite"), str(folder / f"{name}.json"), str(limit), *tasks]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    start("whole").wait(timeout=300)
    whole = json.loads((folder / "whole.json").read_text())
    from evaluator import engine

    total = sum(engine.progress(folder / "whole.sqlite").values())
    rng, kills, forwarded = random.Random(0), 0, 0
    killed = folder / "killed.sqlite"
    while not (folder / "killed.json").exists():
        child = start("killed")
        seen = sum(engine.progress(killed).values())
        goal = seen + rng.randrange(1, max(2, total // 3))
        while child.poll() is None and (kills >= 4 or sum(engine.progress(killed).values()) < goal):
            time.sleep(0.02)
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
            kills += 1
        child.wait(timeout=60)
    forwarded = sum(int(line) for line in (folder / "killed.tokens").read_text().split())
    found = json.loads((folder / "killed.json").read_text())
    report("kills", kills, "kill -9", "≥ 3", kills >= 3)
    report("resumed result file identical", int(found == whole), "bool", "1", found == whole)
    once = sum(int(line) for line in (folder / "whole.tokens").read_text().split())
    again = max(0.0, forwarded / once - 1)
    report(f"work repeated after {kills} kills ({once} tokens in all)", again, "share", "< 2 %", again < 0.02)
    report("work repeated by one", again / max(1, kills), "share", "told", None)


def ray(quick: bool) -> None:
    """Two workers finish a split suite; one of them is killed on its way."""
    from tests.evaluator.engine.test_shares import split_run

    same, killed = split_run(data(), kill=True, limit=6 if quick else 20)
    report("split over two Ray workers, identical to one process", int(same), "bool", "1", same)
    report("a killed worker's share is redone", int(killed), "bool", "1", killed)


def plan(quick: bool) -> None:
    """`plan` against what was counted and measured."""
    from evaluator import plan as planning

    tokenizer = suite.train_tokenizer(SOURCE, 24_000)
    model = suite.small_llama(len(tokenizer), **(MEDIUM if quick else LARGE))
    tasks = ["leaderboard_bbh_snarks", "leaderboard_bbh_date_understanding", "leaderboard_gpqa_main"]
    with suite.offline(data()):
        requests = suite.build_requests(tasks, limit=20 if quick else 60)
    items = {task: documents(some) for task, some in requests.items()}
    lm = ours(model, tokenizer)
    lm.loglikelihood(requests[tasks[0]][:2], disable_tqdm=True)
    start = lm.work.tokens
    expected = planning.plan(model.config.to_dict(), items, planning.this_machine(), "float32")
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


def documents(requests: Sequence[Any]) -> int:
    return len({request.doc_id for request in requests})


def seconds(call: Callable[[], Any]) -> tuple[float, float]:
    return timed(call)[0]


def timed(call: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """((processor seconds, wall seconds), what the call gave)."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = call()
    return (time.process_time() - cpu, time.perf_counter() - wall), found


def best_batch(model: Any, tokenizer: Any, requests: list[Any]) -> int:
    """hf's fastest batch size on a few requests."""
    taken = {}
    for batch in (1, 4, 8):
        lm = theirs(model, tokenizer, batch)
        taken[batch], _ = seconds(partial(lm.loglikelihood, requests, disable_tqdm=True))
    return min(taken, key=lambda batch: taken[batch])


def ours(model: Any, tokenizer: Any, **arguments: Any) -> Any:
    from evaluator import engine

    engine.register()
    from evaluator.engine.model import PrefixTree

    return PrefixTree(model, tokenizer=tokenizer, **arguments)


def theirs(model: Any, tokenizer: Any, batch: int) -> Any:
    from lm_eval.models.huggingface import HFLM

    return HFLM(model, tokenizer=tokenizer, batch_size=batch)


def long_winded(vocabulary: int, **shape: Any) -> Any:
    """A random GPT-2 whose positions speak up, so that texts seldom go in circles, ends strewn among its tokens.

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


def data() -> Path:
    """The offline datasets, laid out once a machine."""
    import tempfile

    return suite.write_datasets(SOURCE, Path(tempfile.gettempdir()) / f"engine-bench-{os.getuid()}")


def ratio(value: float, peer: float) -> float | None:
    return value / peer if peer else None


def quiet() -> None:
    import logging
    import warnings

    import transformers

    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()


PARTS: dict[str, Callable[[bool], None]] = {
    "exactness": exactness,
    "results": results,
    "work": work,
    **{f"speed-{name}": partial(speed, name=name) for name in SPEED},
    **{f"generation-{name}": partial(generation, task=task) for name, task in GENERATION.items()},
    "memory": memory,
    "resume": resume,
    "ray": ray,
    "plan": plan,
}
IN_QUICK = ("exactness", "work", "plan", "memory")
assert VOCABULARY < 1000  # the families are small on purpose

if __name__ == "__main__":
    main()
