"""Models published with weights that did not fit are named, and go back into the queue with one command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from huggingface_hub import HfApi, constants

from app import main
from evaluator.box.tiny_model import make_llama
from src.core.published import published
from src.core.queue import Queue
from src.core.store import LocalStore
from src.core.table_paths import contents_path
from tests.board.test_audit import ROW
from tests.core.model.test_cases import front, without
from tools.hub import Hub, in_process

SPOILS = {
    "alice/good": lambda folder: None,
    "alice/prefixed": front("module."),
    "alice/headless": without("lm_head.weight"),
}


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A board with a row for each of three models on the stand-in Hub, one model that is gone, and no queue."""
    rows = []
    with in_process(Hub()) as endpoint:
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        api = HfApi(endpoint=endpoint, token="hf_alice")
        monkeypatch.setattr("huggingface_hub.HfApi", lambda token=None: HfApi(endpoint=endpoint, token=token))
        for at, (model, spoil) in enumerate(SPOILS.items()):
            folder = make_llama(tmp_path / str(at))
            spoil(folder)
            api.create_repo(model)
            sha = api.upload_folder(repo_id=model, folder_path=folder).oid
            rows.append(ROW | {"fullname": model, "Model sha": sha, "MUSR": 10.0 + 6 * at, "Average ⬆️": 40.0 + at})
        rows.append(ROW | {"fullname": "alice/gone", "MUSR": 40.0, "Average ⬆️": 45.0})
        pd.DataFrame(rows).to_csv(tmp_path / "table.csv", index=False)
        store = tmp_path / "board"
        assert main(["import", str(tmp_path / "table.csv"), "--store", str(store)]) == 0
        yield store


def models(board: Path) -> set[str]:
    _, frame = published(LocalStore(board), contents_path("open-llm-v2"))
    assert frame is not None
    return set(frame["model"])


def test_rows_whose_weights_did_not_fit_are_named(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--store", str(board), "--weights"]) == 1
    output = capsys.readouterr().out
    assert "Weights did not fit the model (2 rows)" in output
    assert "alice/prefixed~bfloat16: its tensors' names begin `module.`" in output
    assert "alice/headless~bfloat16: `lm_head.weight` missing." in output
    assert "no public model `alice/gone`" in output
    assert len(models(board)) == 4


def test_one_command_puts_them_back_into_the_queue_and_off_the_table(board: Path) -> None:
    assert main(["audit", "--store", str(board), "--weights", "--requeue"]) == 1
    assert models(board) == {"alice/good", "alice/gone"}
    queue = Queue(LocalStore(board))
    waiting = queue.snapshot().waiting
    assert {entry.request.model for entry in waiting} == {"alice/prefixed", "alice/headless"}
    assert {entry.request.precision for entry in waiting} == {"bfloat16"}
    assert main(["audit", "--store", str(board), "--weights"]) == 0  # nothing more to say


def test_requeue_needs_weights(board: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--store", str(board), "--requeue"]) == 1
    assert "--requeue needs --weights" in capsys.readouterr().err
