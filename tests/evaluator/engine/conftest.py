"""A tiny model on disk and requests about it, as lm-eval makes them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evaluator.box.tiny_model import make_llama


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Models this small gain nothing from several threads, and lose much where tests run side by side."""
    if "torch" in sys.modules:  # the trie's tests do without
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a tiny random Llama with its tokenizer."""
    return make_llama(tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def stock(llama: Path) -> Any:
    """lm-eval's own `hf` on the tiny model."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(str(llama), device="cpu", dtype="float32", batch_size=4)


@pytest.fixture
def prefix_tree(llama: Path) -> Callable[..., Any]:
    """`prefix_tree(verify=2)` → the engine on the tiny model."""
    from lm_eval.api.registry import get_model

    import evaluator.engine.model  # noqa: F401  (its decorator makes it known to lm-eval)
    from evaluator import engine

    def make(**arguments: Any) -> Any:
        given = {"pretrained": str(llama), "device": "cpu", "dtype": "float32", **arguments}
        return get_model(engine.MODEL_NAME)(**given)

    return make


def ask(kind: str, arguments: Sequence[tuple[Any, ...]], task: str = "made_up") -> list[Any]:
    """lm-eval requests: two to a document."""
    from lm_eval.api.instance import Instance

    return [Instance(kind, {}, call, i % 2, metadata=(task, i // 2, 1)) for i, call in enumerate(arguments)]  # type: ignore[arg-type]


SHOTS = "Question: what jumps over the lazy dog?\n(A) the fox\n(B) the cow\nAnswer: A\n\n" * 3
QUESTIONS = ["Is water wet?", "Is fire cold?", "What is true? \n", "Which fox is quick?\nThe brown one?"]
PAIRS = [
    (f"{SHOTS}Question: {question}\nAnswer:", option)
    for question in QUESTIONS
    for option in (" yes", " no", " the quick brown fox", " the quick brown dog")
]
