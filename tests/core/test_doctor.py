"""The doctor passes a sound store, leaves nothing behind, and refuses one that breaks a promise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from src.core.doctor import examine
from src.core.errors import ConflictError, NotFoundError
from src.core.queue import Queue
from src.core.store import LocalStore, Rev, Store
from tests.boards.requests import ask
from tests.core.conftest import hub_store
from tools.hub import Faults, Hub


def test_a_sound_store_is_fit_and_left_as_it_was(store: Store) -> None:
    Queue(store).submit(ask())
    before = [entry.path for entry in store.list("requests")]
    findings = list(examine(store))
    assert [finding.name for finding in findings if finding.fit is not True] == []
    assert findings[-1].detail == "1 waiting, 0 running, 0 finished, 0 failed"
    assert [entry.path for entry in store.list("requests")] == before


def test_nothing_is_written_where_only_reading_is_asked_for(store: Store) -> None:
    assert all(finding.fit for finding in examine(store, writes=False))
    with pytest.raises(NotFoundError):
        store.head("requests")


class Forgetful(LocalStore):
    """Confirms every third append without doing it, once there is something to lose."""

    count = 0

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        self.count += 1
        if "races" in message and self.count % 3 == 0:
            return self.head("requests")
        return super().append(files, message)


class Careless(LocalStore):
    """Looks at nobody's expectations."""

    def replace(self, files: Mapping[str, bytes | None], expect: Rev | None, message: str = "") -> Rev:
        while True:
            try:
                expect = self.head("requests")
                return super().replace(files, expect, message)
            except (ConflictError, NotFoundError):
                continue


class Overwriting(LocalStore):
    """Writes everything as often as it is asked to."""

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        while True:
            try:
                return super().append(files, message)
            except ConflictError:
                super().replace(dict.fromkeys(files), self.head("requests"))


@pytest.mark.parametrize(
    ("kind", "check", "words"),
    [
        (Forgetful, "racing", "does not hold"),
        (Careless, "expecting", "moved on"),
        (Overwriting, "appending", "written once"),
    ],
)
def test_a_store_that_breaks_a_promise_is_refused(
    tmp_path: Path, kind: type[LocalStore], check: str, words: str
) -> None:
    finding = list(examine(kind(tmp_path)))[-1]
    assert (finding.name, finding.fit) == (check, False)
    assert words in finding.detail


def test_the_doctor_is_patient_with_a_hub_that_fails_now_and_then(tmp_path: Path) -> None:
    hub = Hub(faults=Faults({"busy": 0.1, "moved": 0.1, "before": 0.05, "after": 0.1, "stale": 0.2}, seed=4))
    with hub_store(hub, tmp_path, sleep=lambda wait: None, max_wait=1000.0) as store:
        assert [finding.name for finding in examine(store) if finding.fit is False] == []


def test_an_unreadable_request_is_pointed_out(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.append({"requests/org/m_eval_request_False_float16_Original.json": b"{"})
    finding = list(examine(store))[-1]
    assert (finding.name, finding.fit) == ("queue", None)
    assert "m_eval_request_False_float16_Original.json" in finding.detail


def test_the_command_says_so_and_exits_with_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from app import main

    assert main(["doctor", "--store", str(tmp_path / "board")]) == 0
    output = capsys.readouterr().out
    assert "8 appends at once: none lost, one was first" in output
    assert output.endswith("Fit to carry a board.\n")
