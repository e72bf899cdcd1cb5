"""An evaluator's folder whose endpoints file names a stand-in server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evaluator.settings import RunSettings
from tests.doubles.model_server import KEY, PRICE_IN, PRICE_OUT, ModelServer

VARIABLE = "TOY_API_KEY"


def write_endpoints(path: Path, server: ModelServer, name: str = "toy", **fields: Any) -> Path:
    """Write an endpoints file with one endpoint; `fields` replace or add to its own."""
    known = {
        "base_url": server.url, "model": "toy-1", "provider": "Toy Cloud", "key_variable": VARIABLE, "concurrency": 4,
        "price_in": int(PRICE_IN), "price_out": int(PRICE_OUT), "budget": 100, "tries": 6,
    }  # fmt: skip
    lines = [f"{key} = {_toml(value)}" for key, value in (known | fields).items() if value is not None]
    path.write_text(f"[{name}]\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def settings_for(workspace: Path, endpoints: Path, *wanted: str, **more: Any) -> RunSettings:
    """Return the settings of an offline run whose endpoints are in a file."""
    return RunSettings(workspace, offline=True, wanted=wanted, endpoints=endpoints, **more)


def use_key(monkeypatch: Any) -> None:
    """Put the key where the operator has it."""
    monkeypatch.setenv(VARIABLE, KEY)


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
