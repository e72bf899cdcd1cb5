"""One estimate of the memory a model needs, wherever somebody asks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evaluator.box.preflight import Box
from evaluator.plan.devices import CARDS
from evaluator.plan.estimate import estimate
from evaluator.plan.shape import shape_of
from src.board.api.context import Context
from src.board.api.tools import Tools
from src.core.model.checks import ModelLimits, Repository, _size
from src.core.model.memory import devices_for, run_gb, run_gb_at
from src.core.model.source import FolderModel
from src.core.queue.state import QueueState
from src.core.records import Request
from tests.boards.small_board import board

LLAMA_8B = Path(__file__).parents[2] / "data" / "llama-8b.json"


def test_fewer_bits_need_less() -> None:
    assert run_gb(8.0, "bfloat16") == 20.0
    needs = [run_gb(8.0, precision) for precision in ("float32", "bfloat16", "8bit", "4bit")]
    assert needs == sorted(needs, reverse=True)
    assert run_gb(8.0, "bfloat16") == run_gb_at(8.0, 16)
    assert run_gb(8.0, "GPTQ") == run_gb_at(8.0, 4)


def test_a_model_is_spread_over_devices_of_which_a_tenth_stays_free() -> None:
    assert [devices_for(gb, 80.0) for gb in (1.0, 72.0, 72.1, 144.1)] == [1, 1, 2, 3]


@pytest.mark.torch
@pytest.mark.parametrize(("precision", "bits"), [("bfloat16", 16), ("4bit", 4)])
def test_the_plan_the_box_the_form_and_the_tool_give_one_estimate(tmp_path: Path, precision: str, bits: int) -> None:
    planned = estimate(shape_of(json.loads(LLAMA_8B.read_text())), {}, CARDS["h100"], precision)
    billions = planned.shape.parameters / 1e9
    gb = planned.memory / 1e9
    assert gb == pytest.approx(run_gb(billions, precision))

    def fits(memory_gb: float) -> bool:
        return Box("b", memory_gb, ()).fits(Request(model="org/llama", params=billions, precision=precision))

    assert (fits(gb * 0.999), fits(gb * 1.001)) == (False, True)
    h100 = CARDS["h100"].memory / 1e9
    assert planned.gpus == devices_for(gb, h100) == 1

    limits = ModelLimits(largest_b=1000.0)
    repository = Repository(FolderModel("org/llama", "a" * 40, tmp_path), precision, "Adapter", limits)
    repository.__dict__["parameters"] = planned.shape.parameters
    assert repository.memory_gb == pytest.approx(gb)
    assert f"about {gb:.3g} GB of memory" in _size(repository)[1]

    tools = Tools(Context.of(board(tmp_path), queue=lambda: QueueState(datetime(2025, 2, 9, tzinfo=UTC), {})))
    (shown,) = (
        each for each in tools.best_for_budget(1000, bits=bits, limit=50)["models"] if each["model"] == "org/second"
    )
    assert shown["memory_gb"] == round(gb, 1)  # it has 8.03 B parameters too
