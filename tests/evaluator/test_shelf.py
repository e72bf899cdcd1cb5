"""Models on a box's disk: nobody removes what another run uses, and a full disk makes room by itself."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from evaluator import download, shelf
from evaluator.download import Unready, Weights, in_use


def model(models: Path, name: str) -> Path:
    folder = models / name
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / download.COMPLETE).touch()
    return folder


def test_who_is_done_leaves_what_another_run_uses(tmp_path: Path) -> None:
    base = model(tmp_path, "base")
    with in_use(Weights(base)):
        download.forget((base, None))
        assert base.exists()
    download.forget((base, None))
    assert not base.exists()


def test_a_run_whose_weights_went_before_it_began_says_so(tmp_path: Path) -> None:
    gone = model(tmp_path, "gone")
    shutil.rmtree(gone)
    with pytest.raises(Unready) as unready, in_use(Weights(gone)):
        pass
    assert unready.value.failure.code == "download-failed"


def test_a_folder_that_holds_no_model_of_ours_is_never_removed(tmp_path: Path) -> None:
    model(tmp_path, "other")
    download.forget((tmp_path, None))
    assert (tmp_path / "other").exists()


def test_room_is_made_of_the_oldest_models_that_nobody_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [model(tmp_path, name) for name in ("used", "old", "older", "new", "mine")]
    for folder, age in zip(folders, (1, 3, 2, 5, 4), strict=True):
        os.utime(folder, (age, age))
    free = lambda path: SimpleNamespace(free=10 * (5 - sum(each.exists() for each in folders)))  # noqa: E731
    monkeypatch.setattr(shelf.shutil, "disk_usage", free)
    with in_use(Weights(folders[0])):
        assert shelf.make_room(tmp_path, 20, keep=folders[4]) == 20
        assert [folder.name for folder in folders if folder.exists()] == ["used", "new", "mine"]
        assert shelf.make_room(tmp_path, 100, keep=folders[4]) == 30
    assert [folder.name for folder in folders if folder.exists()] == ["used", "mine"]


def test_who_waits_for_anothers_download_goes_on_once_it_is_there_or_when_stopped(tmp_path: Path) -> None:
    stop = threading.Event()
    with shelf.filling(tmp_path / "model"):
        threading.Timer(0.2, stop.set).start()
        with pytest.raises(InterruptedError), shelf.filling(tmp_path / "model", stop):
            pass
    with shelf.filling(tmp_path / "model"):
        pass
