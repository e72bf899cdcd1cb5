"""What every test may ask for, and what happens to tests of torch where torch is not installed or not wanted."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from src.core import suites

SHARED = Path(__file__).resolve().parents[2] / "shared"
HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "lm_eval"))
NEEDS_TORCH = "needs torch and lm-eval: pip install -r evaluator/requirements.txt"
MARKS_TORCH = re.compile(r"^pytestmark = .*mark\.torch", re.MULTILINE)


class WithoutTorch(pytest.File):
    """A file of tests that import torch: skipped as a whole, without importing it."""

    def collect(self) -> Iterable[pytest.Item]:
        pytest.skip(NEEDS_TORCH, allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if HAS_TORCH or not MARKS_TORCH.search(module_path.read_text(encoding="utf-8")):
        return None
    return WithoutTorch.from_parent(parent, path=module_path)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files of torch tests if the lane has none: importing torch takes longer than many tests."""
    if "not torch" not in config.option.markexpr or not collection_path.name.startswith("test_"):
        return None
    return True if MARKS_TORCH.search(collection_path.read_text(encoding="utf-8")) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not HAS_TORCH and item.get_closest_marker("torch"):
            item.add_marker(pytest.mark.skip(reason=NEEDS_TORCH))


@pytest.fixture(autouse=True)
def _only_shipped_suites() -> Iterator[None]:
    """Forget a board's own suites and those of files after each test: the process remembers them by name."""
    yield
    suites.provide({})
    suites.forget_files()


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """`shared("data/contents/x.parquet")` → its path; skips the test where the real data is not at hand."""

    def path(name: str) -> Path:
        found = SHARED / name
        if not found.exists():
            pytest.skip(f"real data is not at hand: put it in {SHARED.name}/{name} beside the repository")
        return found

    return path
