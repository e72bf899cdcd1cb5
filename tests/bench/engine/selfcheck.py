"""Processor seconds of the engine's self-check: today's, with an earlier outcome known, and at an older commit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.bench import report, shown
from tests.bench.engine.peers import SOURCE, quiet
from tests.evaluator.engine import suite

OLD, OLD_TRANSFORMERS = "2942b68", "5.23.0"
OLD_SECONDS = 21.0
"""What that commit took on a slower machine, if it cannot be run here."""
SHAPE = {
    "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
    "num_key_value_heads": 3,
}  # fmt: skip
"""SmolLM2-135M, with a vocabulary of its size."""
REPOSITORY = Path(__file__).resolve().parents[3]
MEASURED = """
import json, resource, sys, time
from pathlib import Path
from lm_eval.api.instance import Instance
from tests.bench.engine.peers import quiet
from evaluator.engine.model import PrefixTree
quiet()
known = json.loads(sys.argv[2])
lm = PrefixTree(sys.argv[1], device="cpu", dtype="float32", **({"self_check": known} if known else {}))
def ask(kind, *call):
    return [Instance(kind, {}, call, 0, metadata=("made_up", 0, 1))]
def run():
    lm.loglikelihood(ask("loglikelihood", "The quick brown", " fox"))
    lm.generate_until(ask("generate_until", "The quick brown", {"until": [], "max_gen_toks": 1, "do_sample": False}))
started = time.process_time()
run()
first = time.process_time() - started
started = time.process_time()
run()
print(json.dumps([first - (time.process_time() - started), lm.report.as_dict()]))
"""
"""The first answers with the self-check, less the same answers without it."""


def selfcheck(quick: bool) -> None:
    """Compare the self-check's processor time with that of the older commit and of a known outcome."""
    quiet()
    folder = Path(tempfile.mkdtemp())
    tokenizer = suite.train_tokenizer(SOURCE)
    suite.small_llama(49_152, **(SHAPE | {"num_hidden_layers": 6} if quick else SHAPE)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    now, outcome = _measure(REPOSITORY, folder, {})
    known, _ = _measure(REPOSITORY, folder, outcome)
    before = _old(folder)
    peer = f"commit {OLD} with transformers {OLD_TRANSFORMERS}" + ("" if before else ", as noted on a slower machine")
    before = before or OLD_SECONDS
    shown("self-check before", before, "processor seconds", peer)
    report("self-check", now, "processor seconds", "≤ a fifth", now <= before / 5, peer, now / before)
    report(
        "self-check that is known", known, "processor seconds", "≤ a fifth of it", known <= now / 5, "new", known / now
    )


def _measure(repository: Path, model: Path, known: dict[str, Any], packages: Path | None = None) -> tuple[float, Any]:
    path = os.pathsep.join(str(place) for place in (repository, packages) if place)
    command = [sys.executable, "-c", MEASURED, str(model), json.dumps(known)]
    environment = os.environ | {"PYTHONPATH": path}
    output = subprocess.run(
        command,
        cwd=repository,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if output.returncode:
        raise RuntimeError(output.stderr[-2000:])
    seconds, outcome = json.loads(output.stdout.strip().splitlines()[-1])
    return float(seconds), outcome


def _old(model: Path) -> float | None:
    """Return the older commit's processor seconds; None if its files or its release of transformers cannot be had."""
    folder = Path(tempfile.mkdtemp())
    packages = folder / "packages"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(packages)]
    try:
        files = subprocess.run(["git", "archive", OLD], cwd=REPOSITORY, check=True, capture_output=True).stdout
        (folder / "code").mkdir()
        subprocess.run(["tar", "-x", "-C", str(folder / "code")], input=files, check=True)
        subprocess.run([*install, f"transformers=={OLD_TRANSFORMERS}"], check=True, capture_output=True)
        return _measure(folder / "code", model, {}, packages)[0]
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"the older commit cannot be measured: {str(error)[-300:]}", file=sys.stderr)
        return None
