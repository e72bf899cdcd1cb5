"""The memory of a run, and its recovery after kills."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import torch

from tests.bench import report, shown
from tests.bench.engine.peers import SOURCE, data, ours, quiet, ratio, theirs
from tests.evaluator.engine import suite


def memory(quick: bool) -> None:
    """Measure peak memory beyond the loaded model, ours and hf's, with a vocabulary of 128,000."""
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:  # nothing has grown there yet
        (mine, widest), *others = pool.apply(peaks, (2 if quick else 8,))
    for batch, (bytes_, rows) in zip(STOCK_BATCHES, others, strict=True):
        report(
            f"peak memory over the model, hf at batch {batch}", mine / 2**20, "MiB", "≤ hf's", mine <= bytes_, "hf",
            ratio(mine, bytes_), sample=widest,
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
        Path("/proc/self/clear_refs").write_text("5")  # reset the peak
        for some in requests.values():
            lm.loglikelihood(some, disable_tqdm=True)
        found.append((resident("VmHWM") - before, max(rows)))
    return found


def resident(name: str) -> int:
    """Bytes of this process in memory: now (VmRSS), or at most (VmHWM)."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name)]
    return int(line.split()[1]) * 1024


def resume(quick: bool) -> None:
    """Kill a run at random moments; compare the resumed run's results, and count repeated work."""
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
    report("resumed result file identical", int(found == whole), "bool", "1", found == whole, sample=total)
    once = sum(int(line) for line in (folder / "whole.tokens").read_text().split())
    again = max(0.0, forwarded / once - 1)
    report(f"work repeated after {kills} kills ({once} tokens in all)", again, "share", "< 2 %", again < 0.02)
    shown("work repeated by one", again / max(1, kills), "share")
