"""What a box knows of itself: whether it is ready, what fits it, and what it drew."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluator import preflight
from evaluator.benchmarks import SOURCES, lay_out_folder, missing
from evaluator.energy import KG_PER_KWH, Meter
from evaluator.job import benchmarks_of
from evaluator.preflight import Box, check_box, describe_box, needed_gb
from src.core.errors import BadInput
from src.core.records import Request
from src.core.suites import load


class Gpu:
    """A card whose counter moves when the test says so."""

    name = "H100"
    memory_bytes = 80 * 10**9

    def __init__(self, counts: bool = True) -> None:
        self.counter, self._counts = 1000.0, counts

    def joules(self) -> float | None:
        return self.counter if self._counts else None

    def watts(self) -> float:
        return 700.0


class Clock:
    at = 0.0

    def __call__(self) -> float:
        return self.at


def test_the_cards_own_counter_is_what_counts(tmp_path: Path) -> None:
    gpus, clock = [Gpu(), Gpu()], Clock()
    with Meter(tmp_path, gpus, clock, period=60) as meter:
        clock.at = 3600.0
        for gpu in gpus:
            gpu.counter += 1.8e6
    energy = meter.energy()
    assert (energy.method, energy.hardware) == ("measured (NVML, GPUs only)", "2 × H100")
    assert energy.kwh == pytest.approx(1.0)
    assert energy.co2_kg == pytest.approx(KG_PER_KWH)


def test_a_card_without_a_counter_is_read_by_its_power(tmp_path: Path) -> None:
    clock = Clock()
    with Meter(tmp_path, [Gpu(counts=False)], clock, period=60) as meter:
        clock.at = 3600.0
    assert meter.energy().kwh == pytest.approx(0.7)


def test_without_a_card_it_is_an_estimate_and_says_so(tmp_path: Path) -> None:
    clock = Clock()
    with Meter(tmp_path, [], clock, period=60) as meter:
        clock.at = 60.0
    assert meter.energy().method == "estimated"
    assert meter.energy().kwh > 0


def test_a_resumed_run_adds_to_what_was_drawn_before(tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(2):
        with Meter(tmp_path, [Gpu(counts=False)], clock, period=60) as meter:
            clock.at += 1800.0
    assert meter.energy().kwh == pytest.approx(0.7)
    assert meter.energy().seconds == pytest.approx(3600.0)


def test_what_fits_is_judged_by_numbers_and_precision() -> None:
    box = describe_box("b", [Gpu(), Gpu()])
    assert box == Box("b", 160.0, ("H100", "H100"))
    assert needed_gb(8.0, "bfloat16") == 20.0
    assert box.fits(Request(model="a/b", params=60.0))
    assert not box.fits(Request(model="a/b", params=70.0))
    assert box.fits(Request(model="a/b", params=70.0, precision="8bit"))
    assert box.fits(Request(model="a/b"))  # of unknown size: found out when it is brought


def test_a_missing_sentence_splitter_is_told_before_anything_runs(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "find_punkt", lambda: None)
    with pytest.raises(BadInput, match=r"(?s)punkt_tab.*nltk.downloader.*pip install"):
        check_box(["ifeval"], workspace / "benchmarks", "dummy")
    assert check_box(["musr"], workspace / "benchmarks", "dummy") is None  # nobody else needs it


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as problems:
        check_box(["musr", "bbh"], tmp_path, "dummy")
    assert all(SOURCES[benchmark].dataset in str(problems.value) for benchmark in ("musr", "bbh"))


def test_real_items_are_laid_out_as_the_tasks_name_them(shared: object, tmp_path: Path) -> None:
    done = lay_out_folder(tmp_path, shared("benchmarks"))  # type: ignore[operator]
    assert set(done) == {"ifeval", "bbh", "math", "gpqa", "musr", "mmlu_pro", "gsm8k"}
    assert missing(tmp_path, done) == []
    assert missing(tmp_path, ["arc"]) == ["arc"]


def test_tasks_are_chosen_by_benchmark_or_by_name() -> None:
    suite = load()
    assert [(b.key, len(tasks)) for b, tasks in benchmarks_of(suite)] == [
        ("ifeval", 1), ("bbh", 24), ("math", 7), ("gpqa", 3), ("musr", 3), ("mmlu_pro", 1),
    ]  # fmt: skip
    (chosen,) = benchmarks_of(suite, ["leaderboard_musr_team_allocation"])
    assert chosen[1] == ("leaderboard_musr_team_allocation",)
    with pytest.raises(BadInput, match="has no musrr"):
        benchmarks_of(suite, ["musrr"])
