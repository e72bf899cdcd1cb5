"""With any generation_config.json, texts are those of stock, or stock makes them and the report says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from evaluator.box.tiny_model import make_llama
from evaluator.engine.generating import trial
from evaluator.engine.generating.settings import UnsupportedError, fitted, prepare, settings_of, without_defaults
from evaluator.engine.report import NotFiniteError
from tests.evaluator.engine.conftest import ask

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore::UserWarning")]

CASES: dict[str, dict[str, Any]] = {
    "g01": {"num_beams": 2},
    "g02": {"min_new_tokens": 9},
    "g03": {"min_length": 60},
    "g04": {"max_new_tokens": 3},
    "g05": {"encoder_repetition_penalty": 1.7},
    "g06": {"num_beams": 3, "length_penalty": 3.0},
    "g07": {"bad_words_ids": [[280], [281, 282], [1]]},
    "g08": {"exponential_decay_length_penalty": [2, 1.5]},
    "g09": {"begin_suppress_tokens": [1, 270, 271, 272]},
    "g10": {"repetition_penalty": 1.6},
    "g11": {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "top_k": 20},
    "g12": {"cache_implementation": "static"},
    "g13": {"use_cache": False},
    "g14": {"prompt_lookup_num_tokens": 3},
    "g15": {"forced_eos_token_id": 1},
    "g16": {"watermarking_config": {"bias": 2.5, "hashing_key": 15485863, "seeding_scheme": "lefthash"}},
    "g17": {"guidance_scale": 1.5},
    "g18": {"sequence_bias": [[[280], -4.0], [[290], 3.0]]},
    "g19": {"renormalize_logits": True, "no_repeat_ngram_size": 2},
    "g20": {"do_sample": False, "temperature": 0.3, "top_p": 0.5},
    "g21": {"eos_token_id": [1, 280, 290, 300]},
}
"""The cases of public reports, by their ids."""

VALUES: dict[str, tuple[Any, Any]] = {
    "max_length": (5, 40), "max_new_tokens": (2, 30), "min_length": (3, 60), "min_new_tokens": (4, 8),
    "early_stopping": (True, "never"), "max_time": (1000.0, 2000.0), "stop_strings": ("e", ["th", "."]),
    "do_sample": (True, False), "num_beams": (1, 2), "use_mtp": (False, True), "use_cache": (False, True),
    "cache_implementation": ("dynamic", "offloaded"), "cache_config": ({}, {"nbits": 4}), "max_cache_len": (64, 512),
    "temperature": (0.0, 0.7), "top_k": (3, 50), "top_p": (0.2, 0.9), "min_p": (0.05, 0.5), "top_h": (0.1, 0.9),
    "typical_p": (0.3, 0.9), "epsilon_cutoff": (3e-4, 0.1), "eta_cutoff": (3e-4, 0.1),
    "repetition_penalty": (1.3, 0.8), "encoder_repetition_penalty": (1.4, 0.7), "length_penalty": (0.5, 2.0),
    "no_repeat_ngram_size": (1, 3), "bad_words_ids": ([[280]], [[281, 282], [300]]),
    "renormalize_logits": (True, False), "forced_bos_token_id": (0, 300), "forced_eos_token_id": (1, [1, 300]),
    "remove_invalid_values": (True, False), "exponential_decay_length_penalty": ((1, 1.2), (3, 2.0)),
    "suppress_tokens": ([1, 280], [290, 291, 292]), "begin_suppress_tokens": ([1], [280, 281, 300]),
    "sequence_bias": ([[[280], 5.0]], [[[281, 282], -5.0]]), "token_healing": (False, True),
    "guidance_scale": (1.0, 1.5), "watermarking_config": ({"bias": 2.0}, {"greenlist_ratio": 0.5}),
    "num_return_sequences": (1, 2), "output_attentions": (False, True), "output_hidden_states": (False, True),
    "output_scores": (False, True), "output_logits": (False, True), "return_dict_in_generate": (False, True),
    "pad_token_id": (0, 300), "bos_token_id": (0, 300), "eos_token_id": (1, [1, 300, 290]),
    "encoder_no_repeat_ngram_size": (1, 3), "decoder_start_token_id": (0, 300), "is_assistant": (False, True),
    "num_assistant_tokens": (2, 8), "num_assistant_tokens_schedule": ("constant", "heuristic"),
    "assistant_confidence_threshold": (0.0, 0.6), "prompt_lookup_num_tokens": (2, 5),
    "max_matching_ngram_size": (1, 3), "assistant_early_exit": (1, 2), "assistant_lookbehind": (5, 10),
    "target_lookbehind": (5, 10), "assistant_ensemble_weight": (0.2, 0.8), "speculation_type": ("ngram", "draft"),
    "compile_config": (None, {}), "disable_compile": (True, False), "continuous_batching_config": (None, {}),
    "low_memory": (False, True), "penalty_alpha": (0.0, 0.6), "dola_layers": ("low", [0]),
    "diversity_penalty": (0.0, 0.5), "num_beam_groups": (1, 2), "constraints": (None, []),
    "force_words_ids": (None, [[280]]), "prefill_chunk_size": (4, 16), "_from_model_config": (True, False),
    "transformers_version": ("4.30.0", "5.0.0"),
}  # fmt: skip
"""Two values of each of transformers' fields."""

TEXTS = [f"{start} {middle}" for start in ("The quick", "Question: what is", "(A) yes (B)", "Answer:")
         for middle in ("brown fox", "true? Answer:", "over the lazy dog. The quick brown fox jumps")]  # fmt: skip


@pytest.fixture(scope="module")
def models(llama: Path) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(llama).eval(), AutoTokenizer.from_pretrained(llama)


def texts(kind: str, models: tuple[Any, Any], settings: dict[str, Any]) -> tuple[Any, Any]:
    """Return the texts of one kind of model under these settings, or the name of its error; and its report."""
    from lm_eval.models.huggingface import HFLM

    from evaluator.engine.model import PrefixTree

    model, tokenizer = models
    model.generation_config = GenerationConfig.from_dict({"bos_token_id": 0, "eos_token_id": 1} | settings)
    more = {"engine": "packed"} if kind == "ours" else {}
    lm: Any = (PrefixTree if kind == "ours" else HFLM)(pretrained=model, tokenizer=tokenizer, batch_size=1, **more)
    asked = {"until": [], "do_sample": False, "temperature": 0.0, "max_gen_toks": 10}
    try:
        output = lm.generate_until(ask("generate_until", [(text, dict(asked)) for text in TEXTS]), disable_tqdm=True)
    except Exception as error:
        output = type(error).__name__
    return output, getattr(lm, "report", None)


def agrees(models: tuple[Any, Any], settings: dict[str, Any]) -> str:
    """Require the same texts, or the same error; return how ours made them."""
    theirs, _ = texts("stock", models, settings)
    ours, report = texts("ours", models, settings)
    assert ours == theirs, (settings, report.generation, report.generation_reason)
    if isinstance(ours, list):
        assert report.generation == "stock" or "identical to stock" in report.generation_reason
    return str(report.generation)


HANDED_OVER = {"g01", "g06", "g14", "g16", "g17"}


@pytest.mark.parametrize("case", CASES)
def test_g01_to_g21_texts_are_those_of_stock(case: str, models: tuple[Any, Any]) -> None:
    way = agrees(models, CASES[case])
    assert way == ("stock" if case in HANDED_OVER else "rolling")


@pytest.mark.slow
def test_every_field_of_generation_config_is_as_stock_or_handed_to_stock(models: tuple[Any, Any]) -> None:
    fields = set(GenerationConfig().to_dict())
    assert fields <= set(VALUES), "a new release has more fields: give each two values"
    wrong, ways = [], {}
    for field in sorted(fields):
        for value in VALUES[field]:
            try:
                GenerationConfig.from_dict({field: value})
            except Exception:  # transformers refuses the file itself, so nothing loads
                continue
            try:
                ways[field, str(value)] = agrees(models, {field: value})
            except AssertionError as error:
                wrong.append(str(error)[:400])
    assert not wrong
    assert sum(way == "rolling" for way in ways.values()) > len(ways) / 2


def test_the_reason_is_in_the_report(models: tuple[Any, Any]) -> None:
    _, report = texts("ours", models, CASES["g01"])
    assert report.generation_reason == "the model's generation settings ask for beam search"
    _, report = texts("ours", models, CASES["g10"])
    assert "with RepetitionPenaltyLogitsProcessor" in report.generation_reason
    assert "identical to stock" in report.generation_reason


def test_settings_are_tried_on_a_small_vocabulary_too(models: tuple[Any, Any]) -> None:
    """The float32 twin of a 16-bit model has fewer tokens than a setting may name."""
    model, _ = models
    config = GenerationConfig(
        eos_token_id=[128_001, 128_009], bad_words_ids=[[99_000, 3]], sequence_bias=[[[50_000], -2.0]],
        suppress_tokens=[70_000], min_new_tokens=2, repetition_penalty=1.2,
    )  # fmt: skip
    model.generation_config = fitted(config, 300)
    assert model.generation_config.eos_token_id == [128_001 % 300, 128_009 % 300]
    prepared = prepare(model, [5, 6, 7], 4)
    assert len(prepared.processors) == 6  # `min_new_tokens` is two of them
    assert trial.choose(model, torch.device("cpu"), "packed")[0] == "rolling"


def test_an_unknown_failure_of_private_steps_hands_over_to_stock(
    models: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = models
    model.generation_config = GenerationConfig(eos_token_id=1)
    monkeypatch.setattr(type(model), "_prepare_generated_length", lambda *_, **__: 1 / 0)
    with pytest.raises(UnsupportedError, match="ZeroDivisionError"):
        prepare(model, [1, 2], 3)
    assert trial.choose(model, torch.device("cpu"), "packed")[0] == "stock"


def test_without_its_defaults_a_model_keeps_its_tokens_only() -> None:
    config = GenerationConfig(eos_token_id=[1, 2], pad_token_id=0, repetition_penalty=1.2, max_new_tokens=3)
    assert settings_of(config) == {"repetition_penalty": 1.2, "max_new_tokens": 3}
    plain = without_defaults(config)
    assert settings_of(plain) == {}
    assert (plain.eos_token_id, plain.pad_token_id) == ([1, 2], 0)


@pytest.mark.parametrize("way", ["auto", "stock"])
def test_n02_nan_ends_a_run_before_its_texts(way: str, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    from evaluator.engine.model import PrefixTree

    folder = make_llama(tmp_path / "nan")
    weights = load_file(folder / "model.safetensors")
    weights["model.layers.1.mlp.up_proj.weight"][0, 0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    lm = PrefixTree(str(folder), device="cpu", dtype="float32", generation=way)
    with pytest.raises(NotFiniteError, match="NaN while generating"):
        lm.generate_until(ask("generate_until", [("The quick", {"until": [], "max_gen_toks": 4})]))


def test_n02_nan_that_only_some_texts_meet_names_the_task(models: tuple[Any, Any]) -> None:
    from evaluator.engine.model import PrefixTree

    model, tokenizer = models
    model.generation_config = GenerationConfig(bos_token_id=0, eos_token_id=1)
    token = tokenizer("fox", add_special_tokens=False)["input_ids"][0]
    embedding = model.get_input_embeddings().weight
    before = embedding[token].clone()
    lm = PrefixTree(pretrained=model, tokenizer=tokenizer, batch_size=1)
    with torch.no_grad():
        embedding[token] = float("nan")
    try:
        with pytest.raises(NotFiniteError, match="in made_up, one of the items 1"):
            lm.generate_until(ask("generate_until", [(text, {"until": [], "max_gen_toks": 4})
                                                     for text in ("Answer:", "Answer:", "fox", "fox")]))  # fmt: skip
    finally:
        with torch.no_grad():
            embedding[token] = before


def test_the_choice_of_the_suite_is_in_a_models_description(models: tuple[Any, Any]) -> None:
    from evaluator.engine.model import PrefixTree

    model, tokenizer = models
    model.generation_config = GenerationConfig(eos_token_id=1, repetition_penalty=1.5)
    lm = PrefixTree(pretrained=model, tokenizer=tokenizer, generation_defaults="none")
    assert lm.report.generation_settings == {}
    assert lm.report.generation_defaults == "none"
    model.generation_config = GenerationConfig(eos_token_id=1, repetition_penalty=1.5)
    lm = PrefixTree(pretrained=model, tokenizer=tokenizer)
    assert json.loads(json.dumps(lm.get_model_info()["engine"]["generation_settings"])) == {"repetition_penalty": 1.5}


def test_t06_a_dated_template_reads_the_suites_day(models: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import date

    from transformers.utils import chat_template_utils

    from evaluator.engine import chat_date

    monkeypatch.setattr(chat_template_utils, "datetime", chat_template_utils.datetime)  # put back afterwards
    tokenizer = models[1]
    chat_date.fix(date(2024, 7, 26))
    template = "{{ strftime_now('%d %b %Y') }} {{ messages[0].content }}"
    asked = [{"role": "user", "content": "Hello"}]
    assert tokenizer.apply_chat_template(asked, chat_template=template, tokenize=False) == "26 Jul 2024 Hello"
