"""Estimates from a config.json."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluator import plan
from evaluator.__main__ import main
from src.core import suites
from src.core.errors import BadInputError

pytestmark = pytest.mark.torch

LLAMA_8B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
}  # fmt: skip
MIXTRAL = {**LLAMA_8B, "model_type": "mixtral", "vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2}


def test_parameters_are_the_published_ones() -> None:
    shape = plan.shape_of(LLAMA_8B)
    assert shape.parameters == 8_030_261_248
    assert shape.active == pytest.approx(8.03e9 - 2 * 128256 * 4096, rel=1e-3)


def test_only_chosen_experts_are_active() -> None:
    shape = plan.shape_of(MIXTRAL)
    assert shape.parameters == pytest.approx(46.7e9, rel=0.01)
    assert shape.active == pytest.approx(12.9e9 - 2 * 32000 * 4096, rel=0.02)


def test_the_whole_suite_has_counted_work() -> None:
    items = plan.items_of(suites.load())
    found = plan.plan(LLAMA_8B, items, plan.DEVICES["h100"])
    assert found.unknown == ()
    assert found.stock_tokens > 6 * found.tokens
    assert found.gpus == 1
    assert found.weights == pytest.approx(16.06e9, rel=0.01)


def test_a_large_model_needs_several_devices_and_costs_more() -> None:
    large = {
        **LLAMA_8B,
        "hidden_size": 8192,
        "intermediate_size": 28672,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
    }
    items = {"leaderboard_mmlu_pro": 12032}
    one, many = (plan.plan(config, items, plan.DEVICES["h100"]) for config in (LLAMA_8B, large))
    assert many.gpus > 1
    assert many.dollars is not None
    assert one.dollars is not None
    assert many.dollars > 5 * one.dollars


def test_uncounted_tasks_are_listed() -> None:
    found = plan.plan(LLAMA_8B, {"unheard_of": 10}, plan.DEVICES["l4"])
    assert found.unknown == ("unheard_of",)
    assert found.tokens == 0


def test_an_unknown_price_is_not_guessed() -> None:
    device = plan.Device("mine", 1e12, 1e11, 1e10)
    assert plan.plan(LLAMA_8B, {"leaderboard_ifeval": 541}, device).dollars is None


def test_larger_vocabularies_need_fewer_tokens() -> None:
    scales = [plan.tokens_for(size) for size in (100, 8_000, 32_000, 50_000, 128_000, 10**6)]
    assert scales == sorted(scales, reverse=True)
    assert scales[1] == 1.0


def test_an_invalid_config_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot build a causal language model"):
        plan.plan({"model_type": "not-a-model"}, {}, plan.DEVICES["l4"])
    with pytest.raises(BadInputError, match=r"config\.json"):
        plan.read_config(str(tmp_path))


def test_the_command_prints_an_estimate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_8B))
    assert main(["plan", str(tmp_path), "--device", "a100", "--tasks", "bbh", "--limit", "10"]) == 0
    out = capsys.readouterr().out
    assert "8.03 B parameters" in out
    assert "A100" in out
