"""Weights are loaded whole or not at all: what transformers and PEFT say they miss, and what the form says of it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from evaluator.box import download
from evaluator.box.download import NotReadyError, Weights
from evaluator.box.tiny_model import make_llama
from evaluator.child.loading import UnfitWeightsError, checked_loading
from src.core.model.checks import ModelLimits, Repository
from src.core.model.fit.known import known, model_types
from src.core.model.fit.weight_names import fit_weights
from src.core.model.source import FolderModel
from src.core.records import Request
from tests.core.model.test_cases import copy, front, one_layer_more, renamed, tensors, without
from tests.evaluator.lora import make_lora

pytestmark = pytest.mark.torch
LIMITS = ModelLimits(gated_allowed=True)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_llama(tmp_path_factory.mktemp("model") / "good")


def load(folder: Path) -> tuple[Any, list[str]]:
    from transformers import AutoModelForCausalLM

    with checked_loading() as unused:
        return AutoModelForCausalLM.from_pretrained(folder), unused


def scores(folder: Path) -> Any:
    """Return the logits of a few tokens."""
    import torch

    model, _ = load(folder)
    with torch.inference_mode():
        return model(torch.tensor([[0, 5, 9, 7]])).logits.numpy()


def bring(folder: Path, models: Path) -> Path:
    """Return what an evaluator makes of a folder before it loads it."""
    return download.adopt(folder, Request(model="org/m", precision="float32"), models, LIMITS)[1].folder


SPOILS: dict[str, tuple[Callable[[Path], None], str]] = {
    "w03": (without("lm_head.weight"), "lm_head.weight is missing"),
    "w04": (without("model.layers.1.mlp.down_proj.weight"), "model.layers.1.mlp.down_proj.weight is missing"),
    "w01 and nobody took it off": (front("module."), "are missing"),
    "another shape": (
        tensors(lambda data: data | {"model.norm.weight": np.ones(8, np.float32)}),
        "model.norm.weight is [8] instead of [32]",
    ),
}


@pytest.mark.parametrize("spoil", SPOILS)
def test_transformers_is_asked_what_it_did_not_find(spoil: str, sound: Path, tmp_path: Path) -> None:
    SPOILS[spoil][0](copy(sound, tmp_path / "m"))
    with pytest.raises(UnfitWeightsError) as caught:
        load(tmp_path / "m")
    assert SPOILS[spoil][1] in str(caught.value)


def test_w05_surplus_tensors_are_named(sound: Path, tmp_path: Path) -> None:
    tensors(one_layer_more)(copy(sound, tmp_path / "m"))
    _, unused = load(tmp_path / "m")
    assert len(unused) == 9
    assert unused[0] == "model.layers.2.input_layernorm.weight"


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "policy."])
def test_w01_w02_a_prefix_is_taken_off_before_any_backend_loads(prefix: str, sound: Path, tmp_path: Path) -> None:
    front(prefix)(copy(sound, tmp_path / "m"))
    before = (tmp_path / "m" / "model.safetensors").read_bytes()
    folder = bring(tmp_path / "m", tmp_path / "models")
    assert np.array_equal(scores(folder), scores(sound))
    assert f"`{prefix}`" in Weights(folder).notes[0]
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == before  # the submitter's own file is left alone


def test_an_adapter_whose_tensors_find_no_place_is_refused(sound: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    lora = make_lora(tmp_path / "lora")
    model, _ = load(sound)
    with checked_loading() as unused:
        PeftModel.from_pretrained(model, str(lora))
    assert unused == []
    renamed("layers.1.self_attn", "layers.1.attention")(lora)
    with checked_loading(), pytest.raises(UnfitWeightsError, match=r"layers\.1\.self_attn\.q_proj\.lora_A"):
        PeftModel.from_pretrained(load(sound)[0], str(lora))


def test_loaders_are_put_back_as_they_were(sound: Path) -> None:
    from transformers import PreTrainedModel

    before = vars(PreTrainedModel)["from_pretrained"].__func__
    load(sound)
    assert vars(PreTrainedModel)["from_pretrained"].__func__ is before


CORRUPTIONS = 40


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])
def test_none_of_40_corruptions_is_loaded_and_all_of_40_harmless_variations_are(
    sound: Path, tmp_path: Path, seed: int
) -> None:
    """Through the evaluator's own steps: its checks, its tidying, and its loader."""
    rng = random.Random(seed)
    names = sorted(load_file(sound / "model.safetensors"))
    wanted = scores(sound)
    loaded, differing = [], []
    for at in range(CORRUPTIONS):
        bad, good = copy(sound, tmp_path / f"bad{at}"), copy(sound, tmp_path / f"good{at}")
        what, spoil = rng.choice(corruptions(rng, names))
        spoil(bad)
        try:
            scores(bring(bad, tmp_path / "models"))
            loaded.append(what)
        except (NotReadyError, UnfitWeightsError):
            pass
        what, vary = rng.choice(variations(rng, names))
        vary(good)
        if not np.array_equal(scores(bring(good, tmp_path / "models")), wanted):
            differing.append(what)
    assert (loaded, differing) == ([], [])


def corruptions(rng: random.Random, names: list[str]) -> list[tuple[str, Callable[[Path], None]]]:
    one, other = rng.sample(names, 2)
    return [
        (f"without {one}", without(one)),
        (f"without {one} and {other}", without(one, other)),
        (f"{one} under another name", renamed(one, f"{one}.old")),
        (f"{one} with a row more", tensors(lambda d: d | {one: np.concatenate([d[one], d[one][:1]])})),
        (f"{one} of one dimension more", tensors(lambda d: d | {one: d[one][None]})),
        ("a layer more in the settings", settings(num_hidden_layers=3)),
        ("another width", settings(hidden_size=rng.choice([16, 64]))),
        ("another inner width", settings(intermediate_size=rng.choice([32, 96]))),
        ("another number of heads", settings(num_key_value_heads=rng.choice([1, 4]))),
        ("another vocabulary", settings(vocab_size=rng.choice([300, 500]))),
        ("biases that are not there", settings(**{rng.choice(["attention_bias", "mlp_bias"]): True})),
        ("another type", settings(model_type=rng.choice(["qwen2", "gpt2", "mixtral", "bert", "mine"]))),
        ("a head of its own", settings(architectures=["LlamaForSequenceClassification"])),
        ("names of another library", renamed("self_attn", "attn")),
        ("two models", tensors(lambda d: {f"{who}.{k}": v for who in "ab" for k, v in d.items()})),
        ("half a file", lambda f: (f / "model.safetensors").write_bytes(b"\0" * 9) and None),
        ("layers counted from one", renamed("layers.", "layers.1")),
    ]  # fmt: skip


def variations(rng: random.Random, names: list[str]) -> list[tuple[str, Callable[[Path], None]]]:
    prefix = rng.choice(["module.", "_orig_mod.", "model.", "module._orig_mod.", "actor.", "base_model.model."])
    order = rng.sample(names, len(names))
    return [
        (f"names begin {prefix}", front(prefix)),
        ("each layer compiled", renamed(".self_attn", "._orig_mod.self_attn")),
        ("checkpointed activations", renamed("layers.1", "layers.1._checkpoint_wrapped_module")),
        ("another order", tensors(lambda d: {name: d[name] for name in order})),
        ("a layer more in the weights", tensors(one_layer_more)),
        ("old buffers", tensors(lambda d: d | {f"model.layers.{n}.self_attn.rotary_emb.inv_freq": np.ones(4, np.float32)
                                              for n in range(2)})),
        ("a value head beside", tensors(lambda d: d | {"v_head.weight": np.ones((1, 32), np.float32)})),
        ("without the base model's prefix", renamed("model.", "")),
        ("private keys", settings(_commit_hash=None, _name_or_path="x", _attn_implementation="sdpa")),
        ("code beside", lambda f: (f / rng.choice(["x.py", "x.sh", "x.ipynb"])).write_text("") and None),
        ("in two shards", shard),
        ("no metadata", lambda f: save_file(load_file(f / "model.safetensors"), f / "model.safetensors")),
    ]  # fmt: skip


def settings(**keys: Any) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | keys))

    return spoil


def shard(folder: Path) -> None:
    data = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    where = {name: f"model-0000{1 + at % 2}-of-00002.safetensors" for at, name in enumerate(sorted(data))}
    for file in set(where.values()):
        save_file({name: data[name] for name in data if where[name] == file}, folder / file, metadata={"format": "pt"})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))


def test_a_sharded_model_loses_its_prefix_in_every_shard_and_in_the_index(sound: Path, tmp_path: Path) -> None:
    folder = copy(sound, tmp_path / "m")
    front("module.")(folder)
    shard(folder)
    brought = bring(folder, tmp_path / "models")
    assert np.array_equal(scores(brought), scores(sound))
    assert "lm_head.weight" in json.loads((brought / "model.safetensors.index.json").read_text())["weight_map"]


def test_x07_x08_the_text_model_of_a_multimodal_one_runs(sound: Path, tmp_path: Path) -> None:
    """Mistral 3 is no text model to transformers, so what surrounds its text model is left out."""
    import torch
    from transformers import Mistral3Config, Mistral3ForConditionalGeneration, MistralConfig, PixtralVisionConfig

    torch.manual_seed(0)
    text = MistralConfig(vocab_size=384, hidden_size=32, intermediate_size=64, num_hidden_layers=2, head_dim=8,
                         num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048)  # fmt: skip
    vision = PixtralVisionConfig(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
                                 image_size=28, patch_size=14)  # fmt: skip
    whole = Mistral3ForConditionalGeneration(Mistral3Config(text_config=text, vision_config=vision)).eval()
    folder = tmp_path / "m"
    whole.save_pretrained(folder)
    for path in sound.glob("tokenizer*"):
        (folder / path.name).write_bytes(path.read_bytes())
    brought = bring(folder, tmp_path / "models")
    with torch.inference_mode():
        expected = whole(torch.tensor([[0, 5, 9, 7]])).logits.numpy()
    assert np.allclose(scores(brought), expected, atol=1e-5)
    assert json.loads((brought / "config.json").read_text())["model_type"] == "mistral"


def test_the_file_of_model_types_is_that_of_the_installed_transformers() -> None:
    import transformers

    from tools.model_types import describe, private_keys

    assert known()["transformers"] == transformers.__version__
    assert known()["private_keys"] == sorted(private_keys())
    for name in ("llama", "gpt2", "mixtral"):
        assert model_types()[name] == json.loads(json.dumps(describe(name)))


@pytest.mark.slow
def test_every_type_of_the_file_is_described_as_transformers_builds_it() -> None:
    from tools.model_types import PATH, collect

    data, _ = collect()
    assert json.loads(json.dumps(data)) == json.loads(PATH.read_text(encoding="utf-8"))


@pytest.mark.slow
def test_every_name_that_transformers_saves_has_its_place_and_is_missed_if_it_is_gone() -> None:
    """For the families of the zoo, with small configurations that are not the default ones."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    from transformers.core_model_loading import revert_weight_conversion

    from tests.evaluator.engine.zoo import COMMON, FAMILIES

    wrong = []
    for family, (_, more) in FAMILIES.items():
        config = AutoConfig.for_model(family, **{**COMMON, **more})
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
        tied = set(getattr(model, "all_tied_weights_keys", None) or ())
        table = json.loads(config.to_json_string())
        for names in (revert_weight_conversion(model, model.state_dict()), model.state_dict()):
            stored = [name for name in names if name not in tied]
            fit = fit_weights(table, stored)
            if fit is None:
                continue
            wrong += [f"{family}: {fit}"] if fit.missing or fit.surplus or fit.renamed else []
            gone = {name: fit_weights(table, [each for each in stored if each != name]) for name in stored}
            # a norm that only rwkv's first layer has is left to transformers
            wrong += [f"{family} without {name}" for name, fit in gone.items()
                      if not (fit and fit.missing) and "blocks.0.pre_ln" not in name]  # fmt: skip
    assert wrong == []


def test_a_folder_that_is_judged_and_brought_is_judged_alike_again(sound: Path, tmp_path: Path) -> None:
    front("module.")(copy(sound, tmp_path / "m"))
    folder = bring(tmp_path / "m", tmp_path / "models")
    assert Repository(FolderModel("org/m", "", folder)).fit == fit_weights(
        json.loads((sound / "config.json").read_text()), sorted(load_file(sound / "model.safetensors"))
    )
