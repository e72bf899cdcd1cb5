"""What a box knows of itself: whether it is ready, what fits it, and what it drew."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from evaluator.box import preflight
from evaluator.box.datasets import missing
from evaluator.box.energy import KG_PER_KWH, Meter, list_gpus
from evaluator.box.preflight import Box, check_box, describe_box, spread
from evaluator.job import benchmarks_of
from evaluator.run.asking import facts_of
from evaluator.settings import RunSettings
from src.core.errors import BadInputError
from src.core.model.memory import run_gb
from src.core.records import Request
from src.core.suites import load
from tests.doubles.clock import Clock
from tests.evaluator.plain_items import lay_out_folder


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


def test_the_cards_own_counter_is_what_counts(tmp_path: Path) -> None:
    gpus, clock = [Gpu(), Gpu()], Clock(0.0)
    with Meter(tmp_path, gpus, clock, period=60) as meter:
        clock.now = 3600.0
        for gpu in gpus:
            gpu.counter += 1.8e6
    energy = meter.energy()
    assert (energy.method, energy.hardware) == ("measured (NVML, GPUs only)", "2 × H100")
    assert energy.kwh == pytest.approx(1.0)
    assert energy.co2_kg == pytest.approx(KG_PER_KWH)


def test_a_card_without_a_counter_is_read_by_its_power(tmp_path: Path) -> None:
    clock = Clock(0.0)
    with Meter(tmp_path, [Gpu(counts=False)], clock, period=60) as meter:
        clock.now = 3600.0
    assert meter.energy().kwh == pytest.approx(0.7)


def test_without_a_card_it_is_an_estimate_and_says_so(tmp_path: Path) -> None:
    clock = Clock(0.0)
    with Meter(tmp_path, [], clock, period=60) as meter:
        clock.now = 60.0
    assert meter.energy().method == "estimated"
    assert meter.energy().kwh > 0


def test_a_resumed_run_adds_to_what_was_drawn_before(tmp_path: Path) -> None:
    clock = Clock(0.0)
    for _ in range(2):
        with Meter(tmp_path, [Gpu(counts=False)], clock, period=60) as meter:
            clock.now += 1800.0
    assert meter.energy().kwh == pytest.approx(0.7)
    assert meter.energy().seconds == pytest.approx(3600.0)


def test_what_fits_is_judged_by_numbers_and_precision() -> None:
    box = describe_box("b", [Gpu(), Gpu()])
    assert box == Box("b", 144.0, ("H100", "H100"))
    assert run_gb(8.0, "bfloat16") == 20.0
    assert box.fits(Request(model="a/b", params=57.0))
    assert not box.fits(Request(model="a/b", params=58.0))
    assert box.fits(Request(model="a/b", params=70.0, precision="8bit"))
    assert box.fits(Request(model="a/b"))  # of unknown size: found out when it is brought


def test_no_model_that_fits_needs_more_gpus_than_there_are() -> None:
    for many in (1, 2, 3, 7, 8):
        box = describe_box("b", [Gpu()] * many)
        needs = [
            box.gpus_for(request) for size in range(1, 400) if box.fits(request := Request(model="a/b", params=size))
        ]
        assert needs == sorted(needs)
        assert (min(needs), max(needs)) == (1, many)
        assert box.gpus_for(Request(model="a/b")) == 1


def test_a_box_held_to_one_device_claims_what_that_holds() -> None:
    cards = [Gpu(), Gpu()]
    assert describe_box("b", cards, "cuda") == describe_box("b", cards)
    assert describe_box("b", cards, "cuda:1") == Box("b", 72.0, ("H100",))
    assert describe_box("b", cards, "cpu") == describe_box("b", [])


def test_several_cards_count_as_the_smallest() -> None:
    small = Gpu()
    small.memory_bytes = 20 * 10**9
    assert describe_box("b", [Gpu(), small]).memory_gb == pytest.approx(36.0)


def test_a_model_too_large_for_a_gpu_is_spread_as_its_backend_can() -> None:
    settings = RunSettings(Path("w"))
    assert spread(settings, 1) == settings
    assert spread(settings, 2).backend_args == {"parallelize": True}
    assert spread(replace(settings, backend="vllm"), 2).backend_args == {"tensor_parallel_size": 2}
    assert spread(replace(settings, backend_args={"parallelize": False}), 2).backend_args == {"parallelize": False}


class Nvml:
    """A driver with two cards, the second cut into slices."""

    NVMLError = ValueError
    UUIDS = ("GPU-aaaa-1", "GPU-bbbb-2")

    def __init__(self) -> None:
        self.slice = "MIG-cccc-3"

    def __getattr__(self, name: str) -> Any:
        return {
            "nvmlInit": lambda: None,
            "nvmlDeviceGetCount": lambda: 2,
            "nvmlDeviceGetHandleByIndex": lambda i: self.UUIDS[i],
            "nvmlDeviceGetHandleByUUID": {self.slice: self.slice}.__getitem__,
            "nvmlDeviceGetUUID": lambda handle: handle,
            "nvmlDeviceGetName": lambda handle: handle,
            "nvmlDeviceGetDeviceHandleFromMigDeviceHandle": lambda _: self.UUIDS[1],
            "nvmlDeviceGetMemoryInfo": lambda handle: SimpleNamespace(total=10 if handle == self.slice else 80),
            "nvmlDeviceGetTotalEnergyConsumption": lambda handle: {self.UUIDS[1]: 5000}[handle],
        }[name]


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        (None, ["GPU-aaaa-1", "GPU-bbbb-2"]),
        ("", []),
        ("-1", []),
        ("1", ["GPU-bbbb-2"]),
        ("1, 0", ["GPU-bbbb-2", "GPU-aaaa-1"]),
        ("0,7,1", ["GPU-aaaa-1"]),
        ("GPU-bbbb-2", ["GPU-bbbb-2"]),
        ("GPU-bb,GPU-aa", ["GPU-bbbb-2", "GPU-aaaa-1"]),
        ("MIG-cccc-3", ["MIG-cccc-3"]),
    ],
)
def test_the_cards_of_a_run_are_those_that_cuda_sees(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, found: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Nvml())  # type: ignore[arg-type]
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert [card.name for card in list_gpus()] == found


def test_a_slice_of_a_card_has_its_own_memory_and_the_cards_meter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", Nvml())  # type: ignore[arg-type]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-cccc-3")
    (card,) = list_gpus()
    assert (card.memory_bytes, card.joules()) == (10, 5.0)


def check(settings: RunSettings, *keys: str) -> Path | None:
    facts, suite = facts_of(load(), settings), load()
    chosen = [suite.benchmark(key) for key in keys]
    return check_box(chosen, [facts.tasks[task.name] for each in chosen for task in each.tasks], settings)


def test_a_missing_sentence_splitter_is_reported_before_anything_runs(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = RunSettings(workspace, backend="dummy")
    monkeypatch.setattr(preflight, "find_punkt", lambda: None)
    with pytest.raises(BadInputError, match=r"(?s)punkt_tab.*nltk.downloader.*pip install"):
        check(settings, "ifeval")
    assert check(settings, "musr") is None  # other benchmarks do not need it


def test_all_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInputError) as problems:
        check(RunSettings(tmp_path, backend="dummy"), "musr", "bbh")
    assert all(dataset in str(problems.value) for dataset in ("TAUR-Lab/MuSR", "SaylorTwift/bbh"))


def test_real_items_are_laid_out_as_the_tasks_name_them(shared: object, tmp_path: Path) -> None:
    done = lay_out_folder(tmp_path, shared("benchmarks"))  # type: ignore[operator]
    assert set(done) == {"ifeval", "bbh", "math", "gpqa", "musr", "mmlu_pro", "gsm8k"}
    facts = facts_of(load(), RunSettings(tmp_path / "box"))
    assert missing(tmp_path, facts.tasks.values()) == {}
    assert missing(tmp_path / "empty", [facts.tasks["leaderboard_bbh_snarks"]]) == {
        "SaylorTwift/bbh": "leaderboard_bbh_snarks"
    }


def test_tasks_are_chosen_by_benchmark_or_by_name() -> None:
    suite = load()
    assert [(b.key, len(tasks)) for b, tasks in benchmarks_of(suite)] == [
        ("ifeval", 1), ("bbh", 24), ("math", 7), ("gpqa", 3), ("musr", 3), ("mmlu_pro", 1),
    ]  # fmt: skip
    (chosen,) = benchmarks_of(suite, ["leaderboard_musr_team_allocation"])
    assert chosen[1] == ("leaderboard_musr_team_allocation",)
    with pytest.raises(BadInputError, match="has no musrr"):
        benchmarks_of(suite, ["musrr"])
