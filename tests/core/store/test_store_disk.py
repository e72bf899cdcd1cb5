"""What a folder store expects of the disk it lies on: a clock that all boxes share, locks, and errors in sentences."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from src.core.errors import BadInputError, BusyError, DeniedError, StoreError
from src.core.lifecycle import Status
from src.core.queue import Queue
from src.core.store import LocalStore, disk, open_store
from tests.boards.requests import ask
from tests.core.workers import clock_ahead

HOURS = (-3.0, -0.5, 3.0)


def box_clock() -> datetime:
    return datetime.now(UTC)


@pytest.mark.parametrize("hours", HOURS)
def test_a_running_request_is_not_taken_by_a_box_whose_clock_is_wrong(tmp_path: Path, hours: float) -> None:
    queue = Queue(LocalStore(tmp_path))
    queue.submit(ask())
    claim = queue.claim("right")
    assert claim is not None
    with clock_ahead(3600 * hours):
        other = Queue(LocalStore(tmp_path))
        assert other.snapshot()[claim.key].status is Status.RUNNING
        assert other.claim("wrong") is None
    assert queue.finish(claim, ["results/1.json"]) is None
    assert queue.results(claim.key) == ("results/1.json",)


def test_a_request_that_a_box_with_a_wrong_clock_runs_is_not_taken_either(tmp_path: Path) -> None:
    with clock_ahead(-3 * 3600):
        queue = Queue(LocalStore(tmp_path))
        queue.submit(ask())
        assert queue.claim("wrong") is not None
    assert Queue(LocalStore(tmp_path)).claim("right") is None


def test_by_the_boxes_own_clocks_it_would_be_taken(tmp_path: Path) -> None:
    """What the tests above are able to see."""
    queue = Queue(LocalStore(tmp_path, clock=box_clock))
    queue.submit(ask())
    assert queue.claim("right") is not None
    with clock_ahead(3 * 3600):
        assert Queue(LocalStore(tmp_path, clock=box_clock)).claim("wrong") is not None


def test_old_bytes_are_kept_for_a_day_of_the_file_system(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    first = store.replace({"contents/t": b"1"}, None)
    second = store.replace({"contents/t": b"2"}, first)
    with clock_ahead(100 * 3600):
        LocalStore(tmp_path).replace({"contents/t": b"3"}, second)
    assert store.read("contents/t", first) == b"1"


def test_a_disk_that_takes_nothing_more_still_has_a_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalStore(tmp_path)
    before = store.now()
    monkeypatch.setattr(os, "utime", failing(errno.EROFS))
    assert before <= store.now() < before + timedelta(hours=1)


MOUNTS = r"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:31 / /mnt/net\040work rw,relatime - nfs4 server:/export rw
31 22 0:32 / /mnt/share rw,relatime - cifs //server/share rw
32 22 0:33 / /mnt/ssh rw - fuse.sshfs host: rw
33 30 254:1 / /mnt/net\040work/local rw - xfs /dev/vdb1 rw
34 22 0:34 / /mnt/windows rw - fuseblk /dev/sda1 rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [("/mnt/net work/board", "nfs4"), ("/mnt/share", "cifs"), ("/mnt/ssh/a/b", "fuse.sshfs")],
)
def test_a_network_drive_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, kind: str
) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    monkeypatch.setattr(disk, "MOUNTS", tmp_path / "mounts")
    with pytest.raises(BadInputError, match=rf"{kind}.*local disk.*hub:OWNER"):
        open_store(folder)
    assert not Path(folder).exists()


@pytest.mark.parametrize("folder", ["/mnt/sharepoint", "/mnt/net work/local/board", "/mnt/windows/x", "/home"])
def test_a_local_disk_is_not_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    monkeypatch.setattr(disk, "MOUNTS", tmp_path / "mounts")
    disk.refuse_network(Path(folder))


def test_the_kernels_own_list_names_the_disk_of_this_test(tmp_path: Path) -> None:
    if not disk.MOUNTS.exists():
        pytest.skip("no Linux")
    assert disk.file_system(tmp_path)


def test_a_lock_is_held_by_one_and_free_after_its_end(tmp_path: Path) -> None:
    with disk.locked(tmp_path / "lock", 0) as mine:
        assert mine
        with disk.locked(tmp_path / "lock", 0) as second:
            assert not second
    with disk.locked(tmp_path / "lock", 0) as mine:
        assert mine


def failing(code: int) -> Callable[..., None]:
    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


def refusal(write: Callable[[], object]) -> StoreError | None:
    try:
        write()
    except StoreError as error:
        return error
    return None


WRITES = ("fsync", "replace", "pwrite", "ftruncate", "link", "mkdir", "open")
CODES = {
    errno.ENOSPC: (StoreError, "full"),
    errno.EROFS: (DeniedError, "Read-only"),
    errno.EACCES: (DeniedError, "rights"),
    errno.EIO: (StoreError, "failed"),
    errno.EMFILE: (BusyError, "try again"),
}


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_a_write_the_disk_refuses_is_a_sentence_and_commits_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, call: str
) -> None:
    store = LocalStore(tmp_path)
    head = store.replace({"contents/t": b"1"}, None)
    store.append({"requests/1": b"1"})
    kind, words = CODES[code]
    for write in (
        lambda: store.append({"requests/new/2": b"2"}),
        lambda: store.replace({"contents/t": b"2", "contents/new/u": b"2"}, head),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(os, call, failing(code))
            error = refusal(write)
        if error is None:
            assert call in {"ftruncate", "link"}  # not every write needs these
            return
        assert isinstance(error, kind)
        assert words in str(error)
        assert store.read("contents/t") == b"1"
        assert [entry.path for entry in LocalStore(tmp_path).list("requests")] == ["requests/1"]
    assert store.replace({"contents/t": b"2"}, head)
    assert store.append({"requests/new/2": b"2"})
    assert len(LocalStore(tmp_path).list("requests")) == 2
