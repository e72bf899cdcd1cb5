"""The model cache: models that another run uses are not removed, and unused ones are removed to free space."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from evaluator.box import download, model_cache
from evaluator.box.download import NotReadyError, Weights, in_use


def model(models: Path, name: str) -> Path:
    folder = models / name
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / download.COMPLETE).touch()
    return folder


def test_a_finished_run_keeps_weights_that_another_run_uses(tmp_path: Path) -> None:
    base = model(tmp_path, "base")
    with in_use(Weights(base)):
        download.forget(Weights(base))
        assert base.exists()
    download.forget(Weights(base))
    assert not base.exists()


def test_a_run_whose_weights_were_removed_before_it_started_fails_with_a_reason(tmp_path: Path) -> None:
    gone = model(tmp_path, "gone")
    shutil.rmtree(gone)
    with pytest.raises(NotReadyError) as unready, in_use(Weights(gone)):
        pass
    assert unready.value.failure.code == "download-failed"


def test_a_folder_that_holds_no_model_of_ours_is_never_removed(tmp_path: Path) -> None:
    model(tmp_path, "other")
    download.forget(Weights(tmp_path))
    assert (tmp_path / "other").exists()


def test_the_oldest_unused_models_are_removed_to_free_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [model(tmp_path, name) for name in ("used", "old", "older", "new", "mine")]
    for folder, age in zip(folders, (1, 3, 2, 5, 4), strict=True):
        os.utime(folder, (age, age))
    free = lambda path: SimpleNamespace(free=10 * (5 - sum(each.exists() for each in folders)))  # noqa: E731
    monkeypatch.setattr(model_cache.shutil, "disk_usage", free)
    with in_use(Weights(folders[0])):
        assert model_cache.make_room(tmp_path, 20, keep=folders[4]) == 20
        assert [folder.name for folder in folders if folder.exists()] == ["used", "new", "mine"]
        assert model_cache.make_room(tmp_path, 100, keep=folders[4]) == 30
    assert [folder.name for folder in folders if folder.exists()] == ["used", "mine"]


def test_waiting_for_another_download_ends_when_it_is_complete_or_stopped(tmp_path: Path) -> None:
    stop = threading.Event()
    with model_cache.filling(tmp_path / "model"):
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(InterruptedError), model_cache.filling(tmp_path / "model", stop):
            pass
    with model_cache.filling(tmp_path / "model"):
        pass
