"""What the evaluator's tests share: made-up items on disk, NLTK data, and one small run of the real harness."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from evaluator.box import preflight
from evaluator.run.evaluate import Outcome, evaluate
from evaluator.settings import RunSettings
from src.core.records import Request
from src.core.store import LocalStore
from src.core.suites import Suite, load
from tests.conftest import HAS_TORCH, NEEDS_TORCH
from tests.evaluator.made_items import V2, make, shrink
from tests.evaluator.punkt import make_punkt

SHA = "b" * 40
ITEMS = 4


@pytest.hookimpl(tryfirst=True)  # before pytest chooses by marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what runs the harness in a child process, which a test does by asking for one of these fixtures."""
    for item in items:
        if not HAS_TORCH and Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=NEEDS_TORCH))
        if {"dummy_run", "whole_run"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.torch)


@pytest.fixture(scope="session", autouse=True)
def nltk_data(tmp_path_factory: pytest.TempPathFactory) -> None:
    """IFEval's sentence splitter: the real one where the machine has it, else a stand-in trained on the spot."""
    if preflight.find_punkt() is None:
        folder = make_punkt(tmp_path_factory.mktemp("nltk_data"))
        patch = pytest.MonkeyPatch()
        patch.setenv("NLTK_DATA", str(folder))


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an evaluator's folder with four items of every task of the second board."""
    folder = tmp_path_factory.mktemp("workspace")
    make(folder / "benchmarks", V2, most=ITEMS)
    return folder


@dataclass(frozen=True)
class WholeRun:
    """One run of the second board, every task, all of its (few) items."""

    outcome: Outcome
    store: LocalStore
    run: Path
    suite: Suite


@pytest.fixture(scope="session")
def whole_run(workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> WholeRun:
    """Return the dummy model on every item of a suite whose tasks are four items long."""
    store = LocalStore(tmp_path_factory.mktemp("board"))
    suite = shrink(load(), ITEMS)
    settings = RunSettings(workspace, backend="dummy", offline=True, keep=True)
    outcome = evaluate(Request(model="org/whole", revision=SHA), suite, store, settings)
    (run,) = [folder for folder in (workspace / "runs").iterdir() if "org/whole" in (folder / "job.json").read_text()]
    return WholeRun(outcome, store, run, suite)


Run = Callable[..., tuple[Outcome, LocalStore]]


@pytest.fixture
def dummy_run(workspace: Path, tmp_path: Path) -> Run:
    """Evaluate with lm-eval's dummy model: `dummy_run("musr", "gpqa")` → (outcome, store)."""

    def run(*wanted: str, model: str = "org/dummy", **settings: object) -> tuple[Outcome, LocalStore]:
        store = LocalStore(tmp_path / "board")
        chosen = RunSettings(workspace, backend="dummy", offline=True, wanted=wanted, **settings)  # type: ignore[arg-type]
        return evaluate(Request(model=model, revision=SHA), load(), store, chosen), store

    return run
