"""`python app.py claims`: read from the Hub, kept in the board's table, shown where readers look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from app import main
from src.core.frames.frame import from_contents, read_table
from src.core.store import LocalStore
from tests.e2e.boards import small_store
from tools.hub import Hub, in_process

CARD = b"""---
model-index:
- name: anvil-70b
  results:
  - dataset: {name: IFEval (0-shot), type: google/IFEval}
    metrics: [{type: acc, value: 90.0}]
---
"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HfApi]:
    """A stand-in Hub that holds one of the board's models, whose card claims too much."""
    with in_process(Hub()) as endpoint:
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        api = HfApi(endpoint=endpoint, token="hf_acme")
        api.create_repo("acme/anvil-70b")
        api.upload_file(repo_id="acme/anvil-70b", path_in_repo="README.md", path_or_fileobj=CARD)
        monkeypatch.setattr("huggingface_hub.HfApi", lambda token=None: HfApi(endpoint=endpoint, token=token))
        yield api


def claims(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["claims", *words]) == 0
    return capsys.readouterr().out


def kept(store: str) -> dict[str, float]:
    path = "contents/data/train-00000-of-00001.parquet"
    frame = from_contents(read_table(LocalStore(Path(store)).read(path), path), "open-llm-v2")
    column = frame["ifeval.claimed"] if "ifeval.claimed" in frame else frame["average"] * float("nan")
    return dict(zip(frame["model"][column.notna()], column.dropna(), strict=True))


def test_claims_are_kept_beside_the_rows_and_reported(capsys, hub: HfApi, tmp_path: Path) -> None:
    store = str(small_store(tmp_path))
    rows = len(read_table(LocalStore(tmp_path).read("contents/data/train-00000-of-00001.parquet")))
    dry = claims(capsys, "--store", store, "--suite", "open-llm-v2", "acme/anvil-70b", "acme/anvil-8b", "--dry-run")
    assert "acme/anvil-8b: its repository cannot be read; nothing is changed." in dry
    assert "IFEval 90.0 claimed, 45.0 measured, z +" in dry
    assert dry.endswith("1 claims of 1 models, not kept.\n")
    assert kept(store) == {}
    claims(capsys, "--store", store, "--suite", "open-llm-v2", "acme/anvil-70b")
    assert kept(store) == {"acme/anvil-70b": 90.0}
    table = read_table(LocalStore(tmp_path).read("contents/data/train-00000-of-00001.parquet"))
    assert len(table) == rows
    assert not any(column.endswith(" SE") for column in table), "errors from counts are no errors from items"
