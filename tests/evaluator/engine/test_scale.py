"""A suite in parts, each in a harness of its own on whatever worker Ray picks, joined to the one result."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from evaluator.download import adopt
from evaluator.evaluation import Settings, evaluate
from evaluator.job import MODEL
from evaluator.scale import Far, sharded, together
from evaluator.shares import CannotJoin
from src.core.model.checks import Limits
from src.core.records import Request
from src.core.store import LocalStore
from src.core.suites import load
from tests.evaluator.engine.local_ray import local_ray, needs_ray
from tests.evaluator.tiny import make_llama

OF_THE_RUN = ("date", "start_time", "end_time", "total_evaluation_time_seconds", "energy", "proof")


def part(task: str, **config: Any) -> dict[str, bytes]:
    about = {"config": {"model": "m", **config}, "load_seconds": 2.0, "chat_template": None}
    return {f"tasks/{task}.json": task.encode(), MODEL: json.dumps(about).encode()}


def test_parts_become_one_run_folder() -> None:
    chose, wrote = {"scoring": "packed", "generation": None}, {"scoring": None, "generation": "rolling"}
    files = together([part("a", engine=chose), part("b", engine=wrote)])
    assert set(files) == {"tasks/a.json", "tasks/b.json", MODEL}
    assert json.loads(files[MODEL])["config"]["engine"] == {"scoring": "packed", "generation": "rolling"}


def test_parts_that_were_run_differently_are_refused() -> None:
    with pytest.raises(CannotJoin, match="model arguments"):
        together([part("a", batch_size=8), part("b", batch_size=4)])


def test_a_model_too_large_for_a_gpu_is_spread_as_its_backend_can() -> None:
    assert sharded("prefix-tree", 2) == {"parallelize": True}
    assert sharded("vllm", 2) == {"tensor_parallel_size": 2}


@needs_ray
@pytest.mark.torch
@pytest.mark.timeout(300)
def test_a_suite_in_two_parts_publishes_what_one_process_does(workspace: Path, tmp_path: Path) -> None:
    suite = load()
    settings = Settings(workspace, offline=True, wanted=("musr", "ifeval"), device="cpu", limit=2, keep=True)
    request = Request(model="org/tiny", precision="float32", suite=suite.name, suite_version=suite.version)
    request, _ = adopt(make_llama(tmp_path / "llama"), request, workspace / "models", Limits())
    found = []
    for name in ("alone", "parts"):
        store = LocalStore(tmp_path / name)
        run = evaluate if name == "alone" else Far(str(tmp_path / name), settings, parts=2)
        with local_ray(2) if name == "parts" else nullcontext():
            outcome = run(request, suite, store, settings)
        assert outcome.failure is None, outcome.failure
        result = json.loads(store.read(str(outcome.result)))
        found.append({key: value for key, value in result.items() if key not in OF_THE_RUN})
    assert found[0] == found[1]
    assert found[1]["config"]["engine"]["scoring"] == "packed"
    assert found[1]["config"]["engine"]["generation"] == "rolling"
