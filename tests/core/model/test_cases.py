"""Models as people submit them, made on the spot: the form takes each, notes something, or says what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from evaluator.box.tiny_model import make_llama
from src.board.queue.submission import Rules, SubmissionForm, SubmissionService
from src.core.model.checks import Check
from src.core.model.source import About, FolderModel
from src.core.queue import Queue
from src.core.store import LocalStore
from src.core.suites import load
from src.settings import Settings
from tests.evaluator.lora import make_lora

MATRIX = "model.layers.1.mlp.down_proj.weight"
Tensors = dict[str, np.ndarray]


def tensors(change: Callable[[Tensors], Tensors]) -> Callable[[Path], None]:
    """Spoil the weights."""

    def spoil(folder: Path) -> None:
        path = next(folder.glob("*model.safetensors"))
        data = load_file(path)
        path.unlink()  # a copy may be linked
        save_file(change(data), path, metadata={"format": "pt"})

    return spoil


def front(prefix: str) -> Callable[[Path], None]:
    return tensors(lambda data: {prefix + name: value for name, value in data.items()})


def without(*names: str) -> Callable[[Path], None]:
    return tensors(lambda data: {name: value for name, value in data.items() if name not in names})


def renamed(old: str, new: str) -> Callable[[Path], None]:
    return tensors(lambda data: {name.replace(old, new): value for name, value in data.items()})


def config(**keys: Any) -> Callable[[Path], None]:
    """Set keys of config.json; None as text `...` takes one out."""

    def spoil(folder: Path) -> None:
        path = folder / "config.json"
        table = json.loads(path.read_text()) | keys
        path.write_text(json.dumps({key: value for key, value in table.items() if value is not ...}))

    return spoil


def also(*steps: Callable[[Path], None]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for step in steps:
            step(folder)

    return spoil


def write(name: str, text: str = "") -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_text(text)

    return spoil


def no_metadata(folder: Path) -> None:
    data = load_file(folder / "model.safetensors")
    save_file(data, folder / "model.safetensors")


def one_layer_more(data: Tensors) -> Tensors:
    return data | {name.replace("layers.1", "layers.2"): value for name, value in data.items() if "layers.1" in name}


def tokenizer(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        table = json.loads((folder / "tokenizer.json").read_text())
        change(table)
        (folder / "tokenizer.json").write_text(json.dumps(table))

    return spoil


def one_token_more(table: dict[str, Any]) -> None:
    table["added_tokens"].append({"id": len(table["model"]["vocab"]), "content": "<pad>", "special": True})


def appends_eos(table: dict[str, Any]) -> None:
    end = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    table["post_processor"] = {
        "type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}, end], "pair": [],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}},
    }  # fmt: skip


def padded(data: Tensors) -> Tensors:
    more = {"model.embed_tokens.weight", "lm_head.weight"}
    return {name: np.pad(value, ((0, 64), (0, 0))) if name in more else value for name, value in data.items()}


def inside_a_multimodal_one(kind: str, text: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / "config.json"
        inner = json.loads(path.read_text()) | {"model_type": text}
        inner.pop("architectures")
        outer = {"architectures": [f"{kind.title()}ForConditionalGeneration"], "model_type": kind, "text_config": inner}
        path.write_text(json.dumps(outer))
        front("language_model.")(folder)
        tensors(lambda data: data | {"vision_tower.patch.weight": np.zeros((2, 2), np.float32)})(folder)

    return spoil


def template_as_list(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    table = json.loads(path.read_text())
    named = [{"name": name, "template": table["chat_template"]} for name in ("default", "tool_use")]
    path.write_text(json.dumps(table | {"chat_template": named}))


def no_template(folder: Path) -> None:
    path = folder / "tokenizer_config.json"
    table = json.loads(path.read_text())
    del table["chat_template"]
    path.write_text(json.dumps(table))


def only(name: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        for path in folder.glob("tokenizer*"):
            path.unlink()
        (folder / name).write_text("{}")

    return spoil


def quantised(**keys: Any) -> Callable[[Path], None]:
    return config(quantization_config=keys)


NOTHING: dict[str, Any] = {}
REFUSED, NOTED, TAKEN = "refused", "noted", "passed"
BNB = {"quant_method": "bitsandbytes", "load_in_8bit": True, "load_in_4bit": False, "_load_in_8bit": True,
       "_load_in_4bit": False}  # fmt: skip
PRIVATE = {"_commit_hash": None, "_name_or_path": None, "_model_name_or_path": "x.gguf", "_flash_attn_2_enabled": True,
           "_attn_implementation": "sdpa"}  # fmt: skip

# case → (what is done to a sound model, fields of the form, check, its state, words of its sentence)
CASES: dict[str, tuple[Callable[[Path], None], dict[str, Any], str, str, str]] = {
    "w01 module": (front("module."), NOTHING, "fit", NOTED, "begin `module.`; that is taken off"),
    "w02 _orig_mod": (front("_orig_mod."), NOTHING, "fit", NOTED, "begin `_orig_mod.`"),
    "w02 both": (front("module._orig_mod."), NOTHING, "fit", NOTED, "begin `module._orig_mod.`"),
    "w02 each layer compiled": (renamed(".self_attn", "._orig_mod.self_attn"), NOTHING, "fit", NOTED, "`_orig_mod.`"),
    "w02 FSDP": (front("_fsdp_wrapped_module."), NOTHING, "fit", NOTED, "_fsdp_wrapped_module"),
    "w02 a trainer's own": (front("policy.net."), NOTHING, "fit", NOTED, "begin `policy.net.`"),
    "w02 model doubled": (renamed("model.", "model.model."), NOTHING, "fit", TAKEN, ""),
    "w02 base model": (renamed("model.", ""), NOTHING, "fit", TAKEN, ""),
    "w02 two models": (
        tensors(lambda d: {f"{who}.{k}": v for who in ("student", "teacher") for k, v in d.items()}),
        NOTHING, "fit", REFUSED, "more than one model (`student.`, `teacher.`)",
    ),
    "w03": (without("lm_head.weight"), NOTHING, "fit", REFUSED, "`lm_head.weight` is missing"),
    "w03 tied": (also(without("lm_head.weight"), config(tie_word_embeddings=True)), NOTHING, "fit", TAKEN, ""),
    "w04": (without(MATRIX), NOTHING, "fit", REFUSED, f"`{MATRIX}` is missing"),
    "w04 a norm": (without("model.norm.weight"), NOTHING, "fit", REFUSED, "`model.norm.weight` is missing"),
    "w04 embeddings": (without("model.embed_tokens.weight"), NOTHING, "fit", REFUSED, "`model.embed_tokens.weight`"),
    "w04 no bias where the config has one": (config(mlp_bias=True), NOTHING, "fit", REFUSED, "mlp.down_proj.bias"),
    "w04 names of another library": (renamed("self_attn", "attention"), NOTHING, "fit", REFUSED, "self_attn.k_proj"),
    "w04 fewer layers than the config has": (config(num_hidden_layers=3), NOTHING, "fit", REFUSED, "model.layers.2."),
    "w05": (tensors(one_layer_more), NOTHING, "fit", NOTED, "9 tensors have no place in the model and are not used"),
    "w06": (no_metadata, NOTHING, "fit", TAKEN, ""),
    "w07": (also(tensors(padded), lambda f: config(vocab_size=json.loads((f / "config.json").read_text())["vocab_size"]
            + 64)(f)), NOTHING, "tokenizer", TAKEN, ""),
    "w08": (tokenizer(one_token_more), NOTHING, "tokenizer", REFUSED, "but the embeddings have only"),
    "b02": (tokenizer(appends_eos), NOTHING, "tokenizer", NOTED, "appends </s> to every text"),
    "b02 by setting": (write("tokenizer_config.json", '{"add_eos_token": true, "eos_token": "</s>"}'), NOTHING,
                       "tokenizer", NOTED, "appends </s>"),
    "t01": (write("chat_template.jinja", "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}"),
            NOTHING, "template", TAKEN, ""),
    "t02": (template_as_list, NOTHING, "template", TAKEN, "tokenizer_config.json"),
    "t03": (no_template, {"use_chat_template": True}, "template", REFUSED, "was asked for, but there is none"),
    "t03 not asked for": (no_template, NOTHING, "template", NOTED, "plain text"),
    "t06": (write("chat_template.jinja", "{{ strftime_now('%Y') }}"), NOTHING, "template", TAKEN, ""),
    "c01": (config(max_position_embeddings=1024), NOTHING, "context", REFUSED,
            "has 1,024 tokens, but an answer of IFEval"),
    "c02 tokenizer of 1e30": (also(config(max_position_embeddings=...),
                              write("tokenizer_config.json", '{"model_max_length": 1e30}')), NOTHING, "fit", TAKEN, ""),
    "c02 tokenizer of 2048": (config(max_position_embeddings=...), NOTHING, "fit", TAKEN, ""),
    "q01": (quantised(**BNB), {"precision": "8bit"}, "config", TAKEN, ""),
    "q01 older": (quantised(load_in_4bit=True, bnb_4bit_quant_type="nf4"), {"precision": "4bit"},
                  "architecture", TAKEN, ""),
    "q02": (config(**PRIVATE), NOTHING, "config", TAKEN, ""),
    "q02 a key of one model type": (config(_sliding_window_pattern=6), NOTHING, "config", TAKEN, ""),
    "q02 a key of nobody's": (config(_run_this="x"), NOTHING, "config", REFUSED, "`_run_this`"),
    "q02 a kernel by name": (config(_attn_implementation="org/kernel"), NOTHING, "config", REFUSED, "by name"),
    "q03 GPTQ": (quantised(quant_method="gptq", bits=4), {"precision": "float32"}, "architecture", REFUSED,
                 "Choose GPTQ"),
    "q03 fp8": (quantised(quant_method="fp8"), {"precision": "4bit"}, "architecture", REFUSED, "Choose 8bit"),
    "q03 AWQ": (quantised(quant_method="awq", bits=4), {"precision": "GPTQ"}, "architecture", REFUSED, "Choose 4bit"),
    "q03 not packed": (lambda _: None, {"precision": "GPTQ"}, "architecture", REFUSED, "not packed"),
    "q03 compressed": (quantised(quant_method="compressed-tensors", config_groups={"g": {"input_activations":
                       {"num_bits": 8}, "weights": {"num_bits": 4}}}), {"precision": "8bit"}, "architecture", REFUSED,
                       "Choose 4bit"),
    "q04": (quantised(quant_method="modelopt"), {"precision": "8bit"}, "architecture", REFUSED,
            "'modelopt' are not taken"),
    **{f"q05 {method}": (quantised(quant_method=method, **more), {"precision": label}, "architecture", TAKEN, "")
       for method, more, label in (
           ("torchao", {"quant_type": "int4_weight_only"}, "4bit"), ("auto-round", {"bits": 4}, "4bit"),
           ("hqq", {"quant_config": {"weight_quant_params": {"nbits": 4}}}, "4bit"), ("nvfp4", {}, "4bit"),
           ("quanto", {"weights": "int8"}, "8bit"), ("bitnet", {}, "4bit"), ("mxfp4", {}, "4bit"))},
    "x05": (lambda f: (f / "model.safetensors").rename(f / "model.gguf") and None, NOTHING, "weights", REFUSED,
            "only GGUF files (model.gguf)"),
    "x06": (only("tekken.json"), NOTHING, "tokenizer", TAKEN, "Found"),
    "x07 Gemma 3's kind": (inside_a_multimodal_one("mistral3", "llama"), NOTHING, "architecture", TAKEN,
                           "its text model (llama) is evaluated"),
    "x07 and its names": (inside_a_multimodal_one("llava", "llama"), NOTHING, "fit", NOTED, "`language_model.`"),
    "x08 no text model": (config(model_type="whisper"), NOTHING, "architecture", REFUSED, "are not taken"),
    "x09 .py": (write("convert.py"), NOTHING, "code", NOTED, "convert.py will not be downloaded or run"),
    "x09 .sh": (write("run.sh"), NOTHING, "code", NOTED, "run.sh"),
    "x09 .ipynb": (write("demo.ipynb"), NOTHING, "code", NOTED, "demo.ipynb"),
    "x09 .gguf": (write("q4.gguf"), NOTHING, "weights", TAKEN, "one file"),
    "x09 asked for": (also(write("modeling.py"), config(auto_map={"AutoModelForCausalLM": "modeling.M"})), NOTHING,
                      "config", REFUSED, "loads code from the repository"),
    "x11 classifier": (config(architectures=["LlamaForSequenceClassification"]), NOTHING, "architecture", REFUSED,
                       "classifies or encodes"),
    "x11 reward model": (config(architectures=["InternLM2ForRewardModel"]), NOTHING, "architecture", REFUSED,
                         "classifies"),
    "x11 headless": (config(architectures=["LlamaModel"]), NOTHING, "architecture", REFUSED, "no head to generate"),
    "x11 encoder": (config(model_type="bert", architectures=["BertForMaskedLM"]), NOTHING, "architecture", REFUSED,
                    "are not taken"),
    "x11 a class of a finetuner": (config(architectures=["MyLlamaForCausalLM"]), NOTHING, "architecture", TAKEN, ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_llama(tmp_path_factory.mktemp("model") / "good")


def examine(tmp_path: Path, form: SubmissionForm, rules: Rules | None = None, **abouts: About) -> tuple[Check, ...]:
    """Return the checks of a form about models in `tmp_path/<name>`."""

    def look(model: str, revision: str) -> FolderModel:
        name = model.partition("/")[2]
        return FolderModel(model, "a" * 40, tmp_path / name, abouts.get(name, About()))

    desk = SubmissionService(Queue(LocalStore(tmp_path / "board")), rules, look)
    return desk.examine(form, "alice", load("open-llm-v2")).checks


def copy(sound: Path, to: Path) -> Path:
    to.mkdir()
    for path in sound.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    return to


@pytest.mark.parametrize("case", CASES)
def test_the_form_answers_each_kind_of_model(case: str, sound: Path, tmp_path: Path) -> None:
    spoil, fields, key, state, words = CASES[case]
    spoil(copy(sound, tmp_path / "m"))
    checks = examine(tmp_path, SubmissionForm("org/m", **{"precision": "float32"} | fields))
    (check,) = [check for check in checks if check.key == key]
    assert (check.state, words in check.sentence) == (state, True), check
    others = {each.key: each.sentence for each in checks if each.state == "refused"}
    if state != REFUSED and not case.startswith(("q0", "x06")):  # those have weights or tokenizers in name only
        assert not others


OWN = "{{ messages }} of the adapter"


@pytest.mark.parametrize(
    ("files", "made_for", "meant", "wanted"),
    [
        ({}, "org/good", False, {"template": "tokenizer_config.json of the base model", "base": "made for `org/good`"}),
        ({}, "/home/me/good", False, {"base": "made for /home/me/good"}),
        ({}, "org/other", False, {"base": "made for `org/other`, not for `org/good`"}),
        ({}, "org/other", True, {"base": "It is applied as submitted"}),
        ({"chat_template.jinja": OWN, "tokenizer.json": "{}"}, "org/good", False, {"template": "chat_template.jinja."}),
        ({"chat_template.jinja": OWN}, "org/good", False, {"template": "of the base model"}),
    ],
    ids=["t04 base's", "t05 a folder", "t05 another", "t05 meant", "t04 own", "t04 a template without a tokenizer"],
)
def test_an_adapter_is_judged_with_its_base(
    files: dict[str, str], made_for: str, meant: bool, wanted: dict[str, str], sound: Path, tmp_path: Path
) -> None:
    copy(sound, tmp_path / "good")
    lora = make_lora(tmp_path / "lora", made_for)
    for name, text in files.items():
        (lora / name).write_text(text)
    form = SubmissionForm("org/lora", "", "float32", "Adapter", "org/good", is_base_meant=meant)
    checks = {check.key: check for check in examine(tmp_path, form)}
    for key, words in wanted.items():
        assert words in checks[key].sentence
    assert (checks["base"].state == "refused") == (made_for == "org/other" and not meant)


def test_an_adapter_whose_tensors_are_not_below_its_model_is_refused(sound: Path, tmp_path: Path) -> None:
    copy(sound, tmp_path / "good")
    renamed("base_model.model.", "")(make_lora(tmp_path / "lora"))
    form = SubmissionForm("org/lora", "", "float32", "Adapter", "org/good")
    (check,) = [check for check in examine(tmp_path, form) if check.key == "fit"]
    assert (check.state, "lora_A.weight" in check.sentence) == ("refused", True)


def test_x10_a_board_may_allow_gated_models(sound: Path, tmp_path: Path) -> None:
    copy(sound, tmp_path / "m")
    form = SubmissionForm("org/m", precision="float32")
    for allowed in (True, False):
        rules = Rules.of(Settings(allow_gated_models=allowed))
        (check,) = [check for check in examine(tmp_path, form, rules, m=About(gated=True)) if check.key == "access"]
        assert check.state == ("passed" if allowed else "refused")
