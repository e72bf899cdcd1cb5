"""Families: by the base model, then the model's own name, then the architecture."""

from __future__ import annotations

import pandas as pd
import pytest

from src.core.frames.cells import TEXT
from src.core.frames.frame import from_contents, read_table
from src.core.model.families import families, family


@pytest.mark.parametrize(
    ("model", "base", "architecture", "expected"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", None, "LlamaForCausalLM", "Llama 3"),
        ("NousResearch/Hermes-X", "meta-llama/Meta-Llama-3-8B", "LlamaForCausalLM", "Llama 3"),
        ("org/MyModel", "Qwen/Qwen2.5-7B", "Qwen2ForCausalLM", "Qwen 2.5"),
        ("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", None, "Qwen2ForCausalLM", "Qwen 2.5"),
        ("deepseek-ai/DeepSeek-R1-Distill-Llama-8B", None, "LlamaForCausalLM", "Llama 3"),
        ("google/gemma-2-9b", None, "Gemma2ForCausalLM", "Gemma 2"),
        ("google/gemma-2b", None, "GemmaForCausalLM", "Gemma 1"),
        ("mistralai/Mixtral-8x7B-v0.1", None, "MixtralForCausalLM", "Mixtral"),
        ("EleutherAI/pythia-410m", None, "GPTNeoXForCausalLM", "Pythia"),
        ("openai-community/gpt2", None, "GPT2LMHeadModel", "GPT-2"),
        ("org/strange", None, "MistralForCausalLM", "Mistral 7B"),
        ("org/strange", None, "LlamaForCausalLM", "Llama-like"),
        ("org/strange", None, "MistralForCausalLM;QuietForCausalLM", "Mistral 7B"),
        ("org/strange", None, None, None),
        ("llama-anon/petra", None, None, None),  # organisations do not count
    ],
)
def test_families(model, base, architecture, expected):
    assert family(model, base, architecture) == expected


def test_a_shape_tells_what_a_name_does_not():
    assert family("org/bh-49", architecture="LlamaForCausalLM", params_b=8.03) == "Llama 3"
    assert family("org/ultiima", architecture="Qwen2ForCausalLM", params_b=14.77) == "Qwen 2.5"
    assert family("org/bh-49", architecture="LlamaForCausalLM", params_b=5.5) == "Llama-like"


def test_a_family_is_inherited_through_generations():
    rows = [("org/pythia-x", None), ("org/child", "org/pythia-x"), ("org/grandchild", "org/child"), ("org/other", None)]
    frame = pd.DataFrame(rows, columns=["model", "base_model"], dtype=TEXT)
    frame = frame.assign(architecture=pd.Series([None] * 4, dtype=TEXT), params_b=float("nan"))
    assert families(frame).fillna("unknown").tolist() == ["Pythia", "Pythia", "Pythia", "unknown"]


def test_nearly_every_row_of_the_real_board_has_a_family(shared):
    frame = from_contents(read_table(shared("data/contents/v2_2025-02-08_contents_3827.parquet")))
    assert frame["family"].isna().sum() < 40
    assert (frame["family"] == "Llama-like").sum() < 200
    assert frame["family"].value_counts().head(4).index.tolist() == ["Llama 3", "Qwen 2.5", "Mistral 7B", "Qwen 2"]
