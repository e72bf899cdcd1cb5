"""Models of kinds that people have, from their files to a result, in the child: what the form takes must run."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluator.__main__ import main
from evaluator.box.tiny_model import TEMPLATE, make_llama
from src.core.store import LocalStore
from tests.core.model.test_cases import no_template
from tests.evaluator.lora import make_lora
from tests.evaluator.made_items import make

pytestmark = [pytest.mark.torch, pytest.mark.slow]
TASK = "leaderboard_musr_murder_mysteries"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = tmp_path_factory.mktemp("real")
    make(workspace / "benchmarks", ["musr"], most=2)
    return workspace


@pytest.fixture
def once(workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Evaluate a folder as `once` does and return its result."""
    monkeypatch.setattr("evaluator.commands.box_trial.require", lambda settings, _: settings)
    monkeypatch.setattr("evaluator.commands.engine_status.look", lambda _: None)

    def run(folder: Path, *flags: str) -> dict[str, Any]:
        store = tmp_path / "board"
        words = [str(folder), "--name", "org/m", "--precision", "float32", "--store", str(store), "--tasks", TASK,
                 "--limit", "2", "--offline", "--workspace", str(workspace), *flags]  # fmt: skip
        assert main(["once", *words]) == 0
        (path,) = [entry.path for entry in LocalStore(store).list("results/org/m")]
        return dict(json.loads(LocalStore(store).read(path)))

    return run


def test_t04_an_adapter_runs_with_its_own_tokenizer_and_template(once: Callable[..., Any], tmp_path: Path) -> None:
    base = make_llama(tmp_path / "base")
    no_template(base)
    lora = make_lora(tmp_path / "lora", "org/other")
    for path in base.glob("tokenizer*"):
        shutil.copy(path, lora)
    (lora / "chat_template.jinja").write_text(TEMPLATE + "{# the adapter's #}")
    result = once(lora, "--base", str(base), "--chat-template")
    assert "the adapter's" in result["chat_template"]
    # t05: it was made for another base, which the row says
    assert result["config"]["notes"] == [
        "The adapter was made for `org/other`, not for `base`. It is applied as submitted."
    ]


def test_x06_a_tokenizer_of_tekken_alone_runs(once: Callable[..., Any], tmp_path: Path) -> None:
    folder = make_llama(tmp_path / "m")
    size = json.loads((folder / "config.json").read_text())["vocab_size"]
    for path in folder.glob("tokenizer*"):
        path.unlink()
    specials = ["<unk>", "<s>", "</s>"]
    words = [bytes([at]) for at in range(256)] + [b"th", b"the", b" t"]
    table = {
        "config": {"pattern": r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s+", "version": "v3",
                   "default_vocab_size": len(words) + 3, "default_num_special_tokens": 3},
        "vocab": [{"rank": at, "token_bytes": base64.b64encode(word).decode()} for at, word in enumerate(words)],
        "special_tokens": [{"rank": at, "token_str": word} for at, word in enumerate(specials)],
    }  # fmt: skip
    assert len(words) + 3 <= size
    (folder / "tekken.json").write_text(json.dumps(table))
    result = once(folder)
    assert (result["tokenizer_bos_token"], result["tokenizer_eos_token"]) == (["<s>", "1"], ["</s>", "2"])


def test_x07_gemma_3_runs_as_transformers_loads_it(once: Callable[..., Any], tmp_path: Path) -> None:
    import torch
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration

    torch.manual_seed(0)
    text = {"vocab_size": 384, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 8,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 2048}  # fmt: skip
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
              "image_size": 28, "patch_size": 14}  # fmt: skip
    config = Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4)
    folder = tmp_path / "gemma"
    Gemma3ForConditionalGeneration(config).save_pretrained(folder)
    for path in make_llama(tmp_path / "llama").glob("tokenizer*"):
        shutil.copy(path, folder)
    result = once(folder)
    assert "notes" not in result["config"]
    assert "unused_tensors" not in result["config"]
    assert result["config"]["engine"]["scoring"] in ("packed", "rows", "stock")
