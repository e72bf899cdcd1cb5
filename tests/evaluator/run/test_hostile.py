"""Strangers' models: refused with a reason before anything of them runs; what runs can reach nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from evaluator.box import download
from evaluator.box.tiny_model import make_llama
from evaluator.job import RESULTS
from evaluator.run import sandbox
from evaluator.settings import ChildLimits
from src.core.model.checks import ModelLimits, Repository, examine, facts
from src.core.model.source import About, FolderModel
from src.core.records import Request
from tests.evaluator.run.hostile import CANARY, HOSTILE, STRAY, Hostile

OPEN = About()
REQUEST = Request(model="evil/model", precision="float32")


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_llama(tmp_path_factory.mktemp("good") / "model")


@pytest.fixture(autouse=True)
def quiet_canary() -> None:
    CANARY.unlink(missing_ok=True)


def spoilt(hostile: Hostile, good: Path, to: Path) -> Path:
    shutil.copytree(good, to)
    hostile.spoil(to)
    return to


def test_the_good_model_passes_every_check(good: Path) -> None:
    repository = Repository(FolderModel("org/good", "a" * 40, good, OPEN), "float32")
    checks = examine(repository)
    assert {check.key: check.state for check in checks if check.state != "passed"} == {}
    assert len(checks) == 12
    known = facts(repository)
    assert known.params_b == pytest.approx(sum(known.dtypes.values()) / 1e9)
    assert known.chat_template == "tokenizer_config.json"
    assert known.architectures == "LlamaForCausalLM"


def test_there_are_at_least_forty_hostile_models() -> None:
    assert len(HOSTILE) >= 40
    assert len({hostile.name for hostile in HOSTILE}) == len(HOSTILE)


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda hostile: hostile.name.replace(" ", "-"))
def test_a_hostile_model_is_refused_with_a_reason(hostile: Hostile, good: Path, tmp_path: Path) -> None:
    folder = spoilt(hostile, good, tmp_path / "model")
    checks = examine(Repository(FolderModel("evil/model", "a" * 40, folder, OPEN), "float32"))
    reasons = [check.sentence for check in checks if check.state == "refused"]
    assert reasons
    assert any(hostile.says in reason for reason in reasons), reasons
    assert all(len(reason) < 400 and reason.rstrip().endswith((".", "?")) for reason in reasons)

    # the evaluator refuses it as well, whatever the page let through, and nothing of it is left on the box
    with pytest.raises(download.NotReadyError) as refusal:
        download.adopt(folder, REQUEST, tmp_path / "models", ModelLimits())
    assert refusal.value.failure.code == "refused"
    assert not list((tmp_path / "models").glob("*/*"))
    assert not CANARY.exists()


@pytest.mark.parametrize("name", STRAY)
def test_code_that_no_setting_asks_for_is_never_brought_to_the_box(name: str, good: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(good, tmp_path / "model")
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"raise SystemExit")
    download.adopt(folder, REQUEST, tmp_path / "models", ModelLimits())
    assert not list((tmp_path / "models").rglob(Path(name).name))


LORA = {
    "peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "org/base", "r": 8, "lora_alpha": 16,
    "target_modules": ["q_proj", "v_proj"], "megatron_config": None, "megatron_core": "megatron.core",
    "layer_replication": None, "loftq_config": {}, "rank_pattern": {}, "auto_mapping": None,
}  # fmt: skip
TRANSFORMERS = {"base_model_class": "LlamaForCausalLM", "parent_library": "transformers.models.llama.modeling_llama"}


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"auto_mapping": TRANSFORMERS | {"parent_library": "evil"}}, "imports"),
        ({"auto_mapping": "evil"}, "imports"),
        ({"megatron_config": {"hidden_size": 8}, "megatron_core": "evil"}, "loads code by name"),
        ({"megatron_core": "evil"}, "loads code by name"),
        ({"layer_replication": [[0, 10**9]]}, "do not hold"),
        ({"corda_config": {"cov_file": "/etc/passwd"}}, "reads files"),
        ({"r": 10**12}, "is believed"),
        ({"r": "8"}, "is believed"),
        ({"target_modules": "(.*a)*$"}, "for ever"),
        ({"target_modules": ".*" * 12 + "x"}, "for ever"),
        ({"rank_pattern": {"(a+)+": 8}}, "for ever"),
        ({"peft_type": "EVIL"}, "not taken"),
        ({"auto_map": {"AutoModel": "evil.Model"}}, "auto_map"),
    ],
)
def test_a_hostile_adapter_is_refused_with_a_reason(good: Path, tmp_path: Path, changed: dict, says: str) -> None:
    folder = _adapter(good, tmp_path, LORA | changed)
    asked = REQUEST.model_copy(update={"weight_type": "Adapter", "base_model": "org/base"})
    with pytest.raises(download.NotReadyError) as refusal:
        download.adopt(folder, asked, tmp_path / "models", ModelLimits())
    assert says in refusal.value.failure.message


@pytest.mark.parametrize(
    "changed", [{}, {"auto_mapping": TRANSFORMERS}, {"target_modules": r".*\.(q_proj|v_proj)$", "r": 256}]
)
def test_an_honest_adapter_is_taken(good: Path, tmp_path: Path, changed: dict) -> None:
    asked = REQUEST.model_copy(update={"weight_type": "Adapter", "base_model": "org/base"})
    download.adopt(_adapter(good, tmp_path, LORA | changed), asked, tmp_path / "models", ModelLimits())


def _adapter(good: Path, tmp_path: Path, config: dict) -> Path:
    folder = shutil.copytree(good, tmp_path / "adapter", ignore=shutil.ignore_patterns("config.json", "tokenizer*"))
    (folder / "model.safetensors").unlink()
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    factors = {f"{layer}.lora_A.weight": np.zeros((8, 64), "f4"), f"{layer}.lora_B.weight": np.zeros((64, 8), "f4")}
    save_file(factors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.slow
@pytest.mark.torch
def test_no_hostile_model_runs_code_even_when_opened_past_every_check(good: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    hungry = {"a template of powers", "a template that counts"}  # burn memory in one step that nothing interrupts
    for i, hostile in enumerate(each for each in HOSTILE if each.name not in hungry):
        spoilt(hostile, good, run / "hostile" / f"{i:02d}")
    shutil.copytree(good, run / "hostile" / "good")
    limits = ChildLimits(seconds=800, memory_bytes=8 * 2**30)
    failure = sandbox.run_child(run, tmp_path, limits, module="tests.evaluator.run.open_hostile")
    assert failure is None, failure
    opened = json.loads((run / RESULTS).read_text())
    assert opened["good AutoModelForCausalLM"] == "opened"
    assert len(opened) == 3 * (len(HOSTILE) - len(hungry) + 1)
    assert not CANARY.exists()


def test_only_an_allow_list_of_files_is_taken(good: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(good, tmp_path / "model")
    for name in ("pytorch_model.bin", "notes.md", "training_args.bin", "model.gguf", "image.png", "onnx/model.onnx"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"x")
    config = json.loads((folder / "config.json").read_text())
    old = {"_name_or_path": "someone/else", "_attn_implementation_autoset": True}
    (folder / "config.json").write_text(json.dumps(config | old))

    _, weights = download.adopt(folder, REQUEST, tmp_path / "models", ModelLimits())
    assert {path.name for path in weights.folder.iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
        download.COMPLETE,
    }  # fmt: skip
    # what old releases wrote and a loader might obey is gone, the rest is as it was
    assert json.loads((weights.folder / "config.json").read_text()) == config


def test_a_model_that_changed_during_the_download_is_checked_as_it_arrived(good: Path, tmp_path: Path) -> None:
    first, _ = download.adopt(good, REQUEST, tmp_path / "models", ModelLimits())
    folder = shutil.copytree(good, tmp_path / "model")
    (folder / "generation_config.json").write_text(json.dumps({"temperature": 0.5}))
    second, _ = download.adopt(folder, REQUEST, tmp_path / "models", ModelLimits())
    assert first.revision != second.revision
    assert download.content_hash(folder) == second.revision


def test_a_readme_added_to_a_local_model_is_no_other_model(good: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(good, tmp_path / "model")
    (folder / "README.md").write_text("# A card\n")
    assert download.content_hash(folder) == download.content_hash(good)
    (folder / "model.safetensors").write_bytes(b"other weights")
    assert download.content_hash(folder) != download.content_hash(good)
