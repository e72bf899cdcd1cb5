"""A suite in parts, each in a harness of its own on whatever worker Ray picks, joined to the one result."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evaluator import scale
from evaluator.download import Weights, adopt
from evaluator.energy import Energy
from evaluator.evaluation import Outcome, Settings, evaluate
from evaluator.job import MODEL
from evaluator.preflight import Box
from evaluator.scale import Done, Far, Part, box_of, take
from evaluator.shares import CannotJoin, Capacity, OutOfReach, Share, ShareFailed, ShareLost, Stopped
from src.core.model.checks import Limits
from src.core.records import Request
from src.core.store import LocalStore
from src.core.suites import load
from tests.evaluator.engine.local_ray import local_ray, needs_ray
from tests.evaluator.tiny import make_llama

MURDER = "leaderboard_musr_murder_mysteries"
GPQA = ("leaderboard_gpqa_diamond", "leaderboard_gpqa_extended", "leaderboard_gpqa_main")
OF_THE_RUN = ("date", "start_time", "end_time", "total_evaluation_time_seconds", "energy", "proof")


def part(task: str, seconds: float = 60.0, **config: Any) -> Done:
    about = {"config": {"model": "m", **config}, "load_seconds": 2.0, "chat_template": None}
    files = {f"tasks/{task}.json": task.encode(), MODEL: json.dumps(about).encode()}
    energy = Energy("measured (NVML, GPUs only)", kwh=0.25, co2_kg=0.1, seconds=seconds, hardware="1 × H100")
    return Done(files, energy, node="n", weights=Weights(Path("weights")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tasks").mkdir()
    return tmp_path


def test_parts_become_one_run_folder(folder: Path) -> None:
    take(folder, part("a", engine={"scoring": "packed", "generation": None}))
    take(folder, part("b", engine={"scoring": None, "generation": "rolling"}))
    assert {path.name: path.read_text() for path in (folder / "tasks").iterdir()} == {"a.json": "a", "b.json": "b"}
    engine = json.loads((folder / MODEL).read_text())["config"]["engine"]
    assert engine == {"scoring": "packed", "generation": "rolling"}


def test_what_the_parts_drew_is_added_up(folder: Path) -> None:
    take(folder, part("a", seconds=60.0))
    take(folder, part("b", seconds=30.0))
    assert Energy.read(folder) == Energy("measured (NVML, GPUs only)", 0.5, 0.2, 90.0, "1 × H100")


def test_parts_that_were_run_differently_are_refused(folder: Path) -> None:
    take(folder, part("a", batch_size=8))
    with pytest.raises(CannotJoin, match="model arguments"):
        take(folder, part("b", batch_size=4))


def test_a_part_tells_what_it_drew_and_leaves_its_run_folder_only_where_wanted(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scale, "this_node", lambda: "n")
    request, share = Request(model="org/part", revision="b" * 40), Share("org/part", (MURDER,))
    before = set((workspace / "runs").glob("*"))
    for keep in (False, True):
        settings = Settings(workspace, backend="dummy", offline=True, limit=2, keep=keep)
        done = Part(request, load(), settings)(share)
        assert isinstance(done, Done)
        assert set(done.files) == {MODEL, f"tasks/{MURDER}.json", f"tasks/samples_{MURDER}.jsonl"}
        assert done.energy.kwh > 0
        assert len(set((workspace / "runs").glob("*")) - before) == int(keep)


@pytest.mark.torch
def test_a_part_that_shouts_a_gated_question_is_not_heard(workspace: Path, tmp_path: Path) -> None:
    model = make_llama(tmp_path / "model")
    settings_file = model / "tokenizer_config.json"
    shouts = {"chat_template": "{{ raise_exception('out of memory: ' + messages[-1].content) }}"}
    settings_file.write_text(json.dumps(json.loads(settings_file.read_text()) | shouts))
    request = Request(model="org/shouts", precision="float32", use_chat_template=True)
    request, _ = adopt(model, request, workspace / "models", Limits())
    settings = Settings(workspace, offline=True, limit=2, device="cpu")
    outcome = Part(request, load(), settings)(Share("org/shouts", GPQA))
    assert isinstance(outcome, Outcome)
    assert "SECRET" not in f"{outcome.failure} {outcome.log}"
    assert "kept on the box" in f"{outcome.failure}"


@dataclass(frozen=True)
class Card:
    """A GPU of 24 GB."""

    name: str = "L4"
    memory_bytes: int = 24 * 10**9


def test_a_cluster_claims_what_the_gpus_of_one_machine_hold() -> None:
    cluster = Capacity(gpus=6, gpus_of_one=4, nodes=2)
    assert box_of(cluster, "b", [Card()] * 4) == Box("b", 86.4, ("L4",) * 4)
    assert box_of(cluster, "b", []) == Box("b", 288.0, ("GPU",) * 4)
    assert box_of(Capacity(gpus=0, gpus_of_one=0, nodes=2), "b", []).gpus == ()
    model = Request(model="a/b", params=32.0)
    assert not box_of(Capacity(1, 1, 1), "b", [Card()]).fits(model)
    assert box_of(cluster, "b", [Card()]).gpus_for(model) == 4


def here(shares: list[Share], work: Any, *_: object, **__: object) -> Generator[tuple[Share, Any]]:
    """What Ray does, without it."""
    for share in shares:
        yield share, work(share)


def test_a_suite_of_one_piece_may_be_cut_too(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "run", here)
    monkeypatch.setattr(scale, "this_node", lambda: "n")
    settings = Settings(workspace, backend="dummy", offline=True, limit=2, wanted=("ifeval",))
    far = Far(str(tmp_path), Box("b", 1.0, ()), parts=2)
    outcome = far(Request(model="org/piece", revision="b" * 40), load(), LocalStore(tmp_path), settings)
    assert outcome.failure is None, outcome.failure


@pytest.mark.parametrize(
    ("error", "code"), [(OutOfReach, "box"), (ShareLost, "crashed"), (ShareFailed, "unknown"), (Stopped, "stopped")]
)
@pytest.mark.parametrize("parts", [1, 2])
def test_only_a_cluster_that_is_away_is_nobodys_fault(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[Exception], code: str, parts: int
) -> None:
    def broken(*_: object, **__: object) -> Generator[tuple[Share, Any]]:
        raise error("so it is")
        yield

    monkeypatch.setattr(scale, "run", broken)
    settings = Settings(workspace, backend="dummy", offline=True, limit=2, wanted=("musr",))
    far = Far(str(tmp_path), Box("b", 1.0, ()), parts=parts)
    outcome = far(Request(model="org/broken", revision="b" * 40), load(), LocalStore(tmp_path), settings)
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.message) == (code, "so it is")


@needs_ray
@pytest.mark.torch
@pytest.mark.timeout(300)
def test_a_suite_in_two_parts_publishes_what_one_process_does(workspace: Path, tmp_path: Path) -> None:
    suite = load()
    settings = Settings(workspace, offline=True, wanted=("musr", "ifeval"), device="cpu", limit=2)
    request = Request(model="org/tiny", precision="float32", suite=suite.name, suite_version=suite.version)
    model = make_llama(tmp_path / "llama")
    found = []
    for name in ("alone", "parts"):
        request, weights = adopt(model, request, workspace / "models", Limits())
        runs = set((workspace / "runs").glob("*"))
        store = LocalStore(tmp_path / name)
        run = evaluate if name == "alone" else Far(str(tmp_path / name), Box("b", 1.0, ()), parts=2)
        with local_ray(2) if name == "parts" else nullcontext():
            outcome = run(request, suite, store, settings)
        assert outcome.failure is None, outcome.failure
        assert set((workspace / "runs").glob("*")) == runs
        assert not weights.folder.exists()
        result = json.loads(store.read(str(outcome.result)))
        assert result["energy"]["kwh"] > 0
        found.append({key: value for key, value in result.items() if key not in OF_THE_RUN})
    assert found[0] == found[1]
    assert found[1]["config"]["engine"]["scoring"] == "packed"
    assert found[1]["config"]["engine"]["generation"] == "rolling"
