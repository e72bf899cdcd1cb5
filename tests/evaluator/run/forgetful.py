"""A child in which no Llama takes a cache under any name that one could know; run by the engine's tests."""

from __future__ import annotations

import os
import runpy
from typing import Any

INSTEAD_OF = {
    "selftest.json": "evaluator.child.engine_selftest",
    "ask.json": "evaluator.child.asking",
    "job.json": "evaluator.child.harness",
}


def swap_the_name() -> None:
    """Let every Llama ignore a cache, whatever the keyword it comes under."""
    from transformers import LlamaForCausalLM

    forward = LlamaForCausalLM.forward

    def swapped(self: Any, input_ids: Any = None, **given: Any) -> Any:
        for name in ("cache", "past_key_values", "cache_params"):
            given.pop(name, None)
        return forward(self, input_ids, **given)

    LlamaForCausalLM.forward = swapped  # type: ignore[method-assign]


if __name__ == "__main__":
    import sys

    module = next(module for name, module in INSTEAD_OF.items() if os.path.exists(os.path.join(sys.argv[1], name)))
    if module != INSTEAD_OF["ask.json"]:
        swap_the_name()
    runpy.run_module(module, run_name="__main__", alter_sys=True)
