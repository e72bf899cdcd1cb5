"""Estimates from a config.json."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from evaluator.__main__ import main
from evaluator.box.tiny_model import make_llama
from evaluator.plan import devices
from evaluator.plan.estimate import Load, Plan, estimate, tokens_for
from evaluator.plan.loads import WORK, items_of
from evaluator.plan.shape import read_config, shape_of
from src.core import suites
from src.core.errors import BadInputError
from tests.evaluator.standins import put

pytestmark = pytest.mark.torch

LLAMA_8B = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
}  # fmt: skip
MIXTRAL = {**LLAMA_8B, "model_type": "mixtral", "vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2}


def planned(config: dict[str, Any], items: dict[str, int], machine: str | devices.Device) -> Plan:
    device = devices.device(machine) if isinstance(machine, str) else machine
    return estimate(shape_of(config), {task: Load(n, WORK[task]) for task, n in items.items()}, device)


def test_parameters_are_the_published_ones() -> None:
    shape = shape_of(LLAMA_8B)
    assert shape.parameters == 8_030_261_248
    assert shape.active == pytest.approx(8.03e9 - 2 * 128256 * 4096, rel=1e-3)


def test_only_chosen_experts_are_active() -> None:
    shape = shape_of(MIXTRAL)
    assert shape.parameters == pytest.approx(46.7e9, rel=0.01)
    assert shape.active == pytest.approx(12.9e9 - 2 * 32000 * 4096, rel=0.02)


def test_the_whole_suite_has_counted_work() -> None:
    items = items_of(suites.load())
    found = planned(LLAMA_8B, items, "h100")
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
    one, many = (
        planned(config, items, replace(devices.device("h100"), dollars_an_hour=2.5)) for config in (LLAMA_8B, large)
    )
    assert many.gpus > 1
    assert many.dollars is not None
    assert one.dollars is not None
    assert many.dollars > 5 * one.dollars


def test_nothing_is_claimed_of_a_suite_without_a_counted_task() -> None:
    found = estimate(shape_of(LLAMA_8B), {}, devices.device("l4"), unknown={"unheard_of": "no items"})
    assert found.unknown == {"unheard_of": "no items"}
    assert (found.tokens, found.seconds, found.dollars) == (None, None, None)


def test_an_unknown_price_is_not_guessed() -> None:
    device = devices.Device("mine", 1e12, 1e11, 1e10)
    assert planned(LLAMA_8B, {"leaderboard_ifeval": 541}, device).dollars is None


def test_larger_vocabularies_need_fewer_tokens() -> None:
    scales = [tokens_for(size) for size in (100, 8_000, 32_000, 50_000, 128_000, 10**6)]
    assert scales == sorted(scales, reverse=True)
    assert scales[1] == 1.0


def test_an_invalid_config_is_refused_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="cannot build a causal language model"):
        shape_of({"model_type": "not-a-model"})
    with pytest.raises(BadInputError, match=r"config\.json"):
        read_config(str(tmp_path))


def test_the_command_prints_an_estimate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_8B))
    assert main(["plan", str(tmp_path), "--device", "a100", "--tasks", "bbh", "--limit", "10"]) == 0
    out = capsys.readouterr().out
    assert "8.03 B parameters" in out
    assert "A100" in out
    assert "cost     unknown: give --price" in out
    assert "a100-large      1 card(s)" in out


def test_a_machine_of_hugging_face_has_its_price_and_its_number_of_cards() -> None:
    one, four = (planned(LLAMA_8B, {"leaderboard_mmlu_pro": 12032}, name) for name in ("a100-large", "a100x4"))
    assert one.fits
    assert four.dollars == pytest.approx(4 * (one.dollars or 0))
    small = planned(MIXTRAL, {"leaderboard_mmlu_pro": 12032}, "t4-small")
    assert not small.fits
    assert small.dollars is None


def test_the_machine_at_hand_is_one_of_them() -> None:
    here = devices.device("here")
    assert here.name.startswith("this ")
    assert here.flops > 0
    with pytest.raises(BadInputError, match="choose here, or one of t4"):
        devices.device("abacus")


FOREIGN = """name = "mine"
title = "Mine"
[[benchmark]]
key = "reading"
title = "Reading"
metrics = ["acc"]
tasks = ["eus_reading", "eus_trivia"]
"""


def test_tokens_of_any_suite_are_counted_from_its_items_and_missing_ones_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite, workspace = tmp_path / "mine.toml", tmp_path / "box"
    suite.write_text(FOREIGN)
    model = make_llama(tmp_path / "model")
    quiz = [{"question": f"Zein {i}?", "candidates": ["a", "b"], "answer": 0, "context": "Testu."} for i in range(7)]
    put(workspace / "benchmarks", "HiTZ/EusReading", "default", {"test": quiz})
    command = ["plan", str(model), "--suite", str(suite), "--workspace", str(workspace), "--device", "l4x1"]
    assert main([*command, "--json"]) == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert found["unknown"].keys() == {"eus_trivia"}
    assert "the items of eus_trivia are not here (HiTZ/EusTrivia)" in found["unknown"]["eus_trivia"]
    assert "counting the tokens of 2 task(s) …" in shown.err
    # by hand: a byte-level vocabulary of 384 entries, the prompts of eus_reading
    tokenizer = Tokenizer.from_file(str(model / "tokenizer.json"))
    prompts = {
        tuple(tokenizer.encode(text, add_special_tokens=False).ids)
        for each in quiz
        for text in [f"Pasartea: Testu.\n\nGaldera: {each['question']}\nA: a\nB: b\nErantzuna:"]
    }
    prefixes = {prompt[:n] for prompt in prompts for n in range(1, len(prompt) + 1)}
    assert found["tokens"] == pytest.approx(
        len(prefixes), abs=7 * 2 + 1
    )  # and the token of " A", which predicts nothing
    assert main(command) == 0
    assert "unknown: the items of eus_trivia are not here" in capsys.readouterr().out
