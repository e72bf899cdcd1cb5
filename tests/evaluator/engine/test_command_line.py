"""The engine in lm-eval's own command line: equal results, and nothing of this project but the engine's wheel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from evaluator.box.tiny_model import make_llama
from tests.evaluator.made_items import make

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parents[3]
TASKS = (
    "leaderboard_bbh_snarks",
    "leaderboard_musr_team_allocation",
    "leaderboard_mmlu_pro",
    "gsm8k",
    "leaderboard_ifeval",
)
EQUAL = ("configs", "versions", "n-shot", "n-samples", "task_hashes", "higher_is_better")
NOT_COMPARED = {"model", "model_args", "metadata", "process_results", "doc_to_text", "doc_to_target", "doc_to_choice"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that holds the engine's wheel, unpacked, and nothing else of this project."""
    folder, source = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("source")
    for part in ("pyproject.toml", "docs/engine.md", "src/__init__.py"):  # a copy: building leaves files behind
        (source / part).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / part, source / part)
    shutil.copytree(
        ROOT / "evaluator/engine", source / "evaluator/engine", ignore=shutil.ignore_patterns("__pycache__")
    )
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options], check=True, cwd=folder)
    (built,) = folder.glob("prefix_tree_engine-*.whl")
    with zipfile.ZipFile(built) as files:
        files.extractall(folder / "site")
    return folder / "site"


def run(module: str, folder: Path, path: Path | None, *words: str) -> dict[str, Any]:
    """Return the result file of one command, with the samples of each task under "samples"."""
    out = folder / f"out-{module}"
    environment = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "HF_DATASETS_CACHE": str(out / "cache"),
    }
    environment |= {"PYTHONPATH": str(path)} if path else {}
    command = [
        sys.executable,
        "-m",
        module,
        "run",
        *words,
        "--output_path",
        str(out),
        "--log_samples",
        "--device",
        "cpu",
    ]
    done = subprocess.run(command, cwd=folder / "data", env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    (result,) = out.glob("*/results_*.json")
    found = json.loads(result.read_text())
    found["samples"] = {
        task: [json.loads(line) for line in next(result.parent.glob(f"samples_{task}_*.jsonl")).open()]
        for task in TASKS
    }
    return found


@pytest.mark.slow
def test_the_engines_wheel_alone_gives_the_results_of_hf(wheel: Path, tmp_path: Path) -> None:
    assert {path.name for path in wheel.iterdir() if path.suffix != ".dist-info"} == {"evaluator"}
    assert {path.name for path in (wheel / "evaluator").iterdir()} == {"engine"}
    make(tmp_path / "data", ("bbh", "musr", "mmlu_pro", "gsm8k", "ifeval"), most=4)
    model = make_llama(tmp_path / "model")
    words = (
        "--model_args",
        f"pretrained={model},dtype=float32",
        "--tasks",
        ",".join(TASKS),
        "--gen_kwargs",
        "max_gen_toks=16",
    )
    ours = run("evaluator.engine", tmp_path, wheel, "--model", "prefix-tree", *words)
    stock = run("lm_eval", tmp_path, None, "--model", "hf", *words, "--batch_size", "1")
    assert ours["results"] == stock["results"]
    for block in EQUAL:
        assert _plain(ours.get(block)) == _plain(stock.get(block)), block
    for task in TASKS:
        for mine, theirs in zip(ours["samples"][task], stock["samples"][task], strict=True):
            assert mine["doc_hash"] == theirs["doc_hash"]
            for one, other in zip(_flat(mine["resps"]), _flat(theirs["resps"]), strict=True):
                try:
                    assert float(one) == pytest.approx(float(other), abs=2e-5)
                except ValueError:
                    assert one == other
    assert ours["config"]["engine"]["scoring"] == "packed"


def test_importing_the_engine_makes_its_model_known_to_the_harness_without_torch() -> None:
    code = (
        "import sys, evaluator.engine; from lm_eval.api.registry import model_registry; "
        "assert {'prefix-tree', 'hf', 'dummy', 'vllm'} <= set(model_registry); "
        "assert not {'torch', 'src'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_command_line_is_the_harnesss_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "evaluator.engine", "run", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "--tasks" in done.stdout


def _flat(value: Any) -> list[str]:
    return [each for part in value for each in _flat(part)] if isinstance(value, list) else [str(value)]


def _plain(value: Any) -> Any:
    """Return a block without what names the model or an address in memory."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items() if key not in NOT_COMPARED}
    return value
