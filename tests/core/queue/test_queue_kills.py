"""Boxes are killed, the Hub fails and shows old commits: nothing is lost or counts twice, nobody shares a lease."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from src.core.queue import Queue
from src.core.store import LocalStore
from tests.core import history
from tests.core.workers import LEASE, Place, accepted, all_finished, fight, put_in, work, work_naively
from tools.hub import Faults, Hub, serving

FAULTS = {"busy": 0.03, "moved": 0.02, "throttle": 0.02, "before": 0.03, "after": 0.05, "hang": 0.005, "stale": 0.1}


def test_forty_requests_survive_twenty_kills_in_a_folder(tmp_path: Path) -> None:
    place = Place(tmp_path, ticks=True)
    queue = Queue(place.open(), lease=timedelta(seconds=LEASE))
    keys = put_in(queue, 40)
    tally = fight(place, work, lambda: all_finished(queue), workers=4, kills=24)
    verdict = history.judge(history.read(tmp_path / "journals"), keys, accepted(queue))
    assert verdict.is_clean, verdict
    assert tally.kills >= 20
    assert verdict.runs > 40


@pytest.mark.slow
@pytest.mark.slow
def test_forty_requests_survive_twenty_kills_of_boxes_whose_clocks_differ_by_hours(tmp_path: Path) -> None:
    place = Place(tmp_path, skew=3 * 3600)
    queue = Queue(place.open(), lease=timedelta(seconds=LEASE))
    keys = put_in(queue, 40)
    tally = fight(place, work, lambda: all_finished(queue), workers=4, kills=24)
    verdict = history.judge(history.read(tmp_path / "journals"), keys, accepted(queue))
    assert verdict.is_clean, verdict
    assert tally.kills >= 20


def test_forty_requests_survive_twenty_kills_and_a_failing_hub(tmp_path: Path) -> None:
    place = Place(tmp_path, ticks=True, timeout=30.0)
    hub = Hub(faults=Faults(FAULTS, seed=1), clock=place.clock() or time.time, hang=0.3)
    with serving(hub) as endpoint:
        place = replace(place, endpoint=endpoint)
        queue = Queue(place.open(), lease=timedelta(seconds=LEASE))
        keys = put_in(queue, 40)
        tally = fight(place, work, lambda: all_finished(queue), workers=4, kills=24)
        hub.faults.rates.clear()  # the judge sees what is there
        verdict = history.judge(history.read(tmp_path / "journals"), keys, accepted(queue), slack=1.0)
    assert verdict.is_clean, verdict
    assert tally.kills >= 20
    assert hub.faults.happened.total() > 20


def test_the_judge_says_no_to_a_status_file(tmp_path: Path) -> None:
    place = Place(tmp_path)
    store = LocalStore(tmp_path / "board")
    paths = [f"requests/{number:02d}.json" for number in range(12)]
    store.replace({path: json.dumps({"status": "PENDING"}).encode() for path in paths}, None)

    def output() -> dict[str, dict[str, str]]:
        return {path: json.loads(store.read(path)) for path in paths}

    def ended() -> bool:
        return all(one["status"] == "FINISHED" for one in output().values())

    fight(place, work_naively, ended, workers=4, kills=0, seconds=0.1)
    finished = {path: one["run"] for path, one in output().items()}
    verdict = history.judge(history.read(tmp_path / "journals"), paths, finished)
    assert verdict.doubly_accepted
    assert verdict.overlapping
    assert verdict.flipped


def line(run: str, what: str, at: float, until: float = 0.0) -> history.Line:
    return history.Line(f"box-{run}", "r", run, what, at, until)


@pytest.mark.parametrize(
    ("lines", "finished", "wrong"),
    [
        ([line("a", "holds", 0, 10), line("a", "ending", 5), line("a", "accepted", 6)], {"r": "a"}, ""),
        ([line("a", "holds", 0, 10), line("b", "holds", 10, 20)], {"r": "b"}, ""),
        ([line("a", "holds", 0, 10), line("a", "holds", 5, 15), line("b", "holds", 12, 20)], {"r": "b"}, "overlapping"),
        ([line("a", "holds", 0, 10), line("b", "holds", 9, 20)], {"r": "b"}, "overlapping"),
        ([line("a", "accepted", 5), line("b", "accepted", 6)], {"r": "a"}, "doubly_accepted"),
        ([line("a", "accepted", 5)], {"r": "b"}, "flipped"),
        ([line("a", "holds", 0, 10)], {}, "lost"),
    ],
)
def test_the_judge_knows_right_from_wrong(lines: list[history.Line], finished: dict[str, str], wrong: str) -> None:
    verdict = history.judge(lines, ["r"], finished)
    kinds = {kind for kind in ("lost", "doubly_accepted", "overlapping", "flipped") if getattr(verdict, kind)}
    assert (wrong in kinds) if wrong else not kinds
