"""What every test may ask for: the folder of real tables and results beside the repository, where it is at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """`shared("data/contents/x.parquet")` → its path; skips the test where the real data is not at hand."""

    def path(name: str) -> Path:
        found = SHARED / name
        if not found.exists():
            pytest.skip(f"real data is not at hand: put it in {SHARED.name}/{name} beside the repository")
        return found

    return path
