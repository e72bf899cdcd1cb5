"""A client that openapi-python-client writes from the API's description calls every operation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

GENERATOR = "openapi-python-client==0.29.1"  # in an environment of its own: it wants an older typer than the board's
CALLS = Path(__file__).with_name("generated_client_calls.py")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds the generator."""
    folder = tmp_path_factory.mktemp("generator")
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    wanted = [*uv, "pip", "install", "--quiet", "--python", folder / "bin" / "python", GENERATOR]
    if subprocess.run(wanted, check=False).returncode:
        pytest.skip(f"{GENERATOR} cannot be installed here")
    return folder / "bin" / "python"


@pytest.mark.slow
def test_a_generated_client_calls_every_operation(python: Path, url: str, tmp_path: Path) -> None:
    description = httpx.get(f"{url}/api/openapi.json", timeout=60).json()
    (tmp_path / "openapi.json").write_text(json.dumps(description))
    generate = ["-m", "openapi_python_client", "generate", "--path", "openapi.json", "--output-path", "client"]
    subprocess.run([python, *generate, "--meta", "none"], cwd=tmp_path, check=True, capture_output=True)
    calls = subprocess.run([python, CALLS, tmp_path, url], check=True, capture_output=True, text=True)
    answers = json.loads(calls.stdout)
    assert len(answers) == sum(len(each) for each in description["paths"].values())
    assert {name: status for name, (status, _) in answers.items() if status != 200} == {}
    parsed = {kind for _, kind in answers.values()}
    assert {"RowsAnswer", "ModelAnswer", "CardAnswer", "ComparedModels", "QueueReport"} <= parsed
