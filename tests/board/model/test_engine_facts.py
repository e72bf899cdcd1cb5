"""What a model's page says of the engine that answered."""

from __future__ import annotations

from src.board.model.engine_facts import engine_facts

CONFIG = {
    "engine": {
        "engine": "prefix-tree",
        "engine_version": "1",
        "scoring": "packed",
        "scoring_reason": "within 3.8e-06 of stock on the self-check",
        "generation": "stock",
        "generation_reason": "ALiBi measures distance in the row",
        "dtype": "bfloat16",
        "softmax_dtype": "float32",
        "quantization": None,
        "device": "NVIDIA H100",
        "verification": {
            "documents": 16, "requests": 64, "largest_difference": 4.2e-6, "greedy_changed": 0, "texts_changed": 1,
        },
        "versions": {"lm_eval": "0.4.13", "torch": "2.13.0"},
    }
}  # fmt: skip


def test_a_run_tells_how_it_was_answered_and_checked() -> None:
    assert dict(engine_facts(CONFIG)) == {
        "Engine": "prefix-tree 1: packed, texts the stock way",
        "Likelihoods": "packed (within 3.8e-06 of stock on the self-check)",
        "Generation": "stock (ALiBi measures distance in the row)",
        "Numbers": "weights in bfloat16, softmax in float32, on NVIDIA H100",
        "Answered again by stock": (
            "16 documents, largest difference 4.2e-06 nats, 0 greedy marks changed, 1 texts changed"
        ),
        "Packages": "lm_eval 0.4.13, torch 2.13.0",
    }


def test_runs_of_other_harnesses_tell_nothing_of_an_engine() -> None:
    assert list(engine_facts({"model": "hf"})) == []
    assert list(engine_facts({"engine": None})) == []
