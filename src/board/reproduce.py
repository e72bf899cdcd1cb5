"""The command that runs a row of the board again, with the stock harness."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from src.core.suites import Suite


def reproduce(suite: Suite, facts: Mapping[str, Any]) -> str:
    """The stock harness's command line for this run, safe to paste into a shell; several lines where shots differ.

    Empty for a suite whose tasks no harness runs.
    """
    model, base, revision = facts["model"], facts["base_model"], facts["revision"]
    args = {
        "Adapter": f"pretrained={base or 'BASE_MODEL'},peft={model}",
        "Delta": f"pretrained={base or 'BASE_MODEL'},delta={model}",
    }.get(facts["weight_type"] or "", f"pretrained={model}" + (f",revision={revision}" if revision else ""))
    args += {"8bit": ",load_in_8bit=True", "4bit": ",load_in_4bit=True", "GPTQ": ""}.get(
        facts["precision"] or "", f",dtype={facts['precision'] or 'auto'}"
    )
    chat = " --apply_chat_template --fewshot_as_multiturn" if facts["chat_template"] else ""
    return "\n".join(
        f"lm_eval --model hf --model_args {shlex.quote(args)} --tasks {tasks}"
        + ("" if shots is None else f" --num_fewshot {shots}")
        + f"{chat} --batch_size auto --output_path results"
        for tasks, shots in _tasks(suite)
    )


GROUPS: Mapping[str, tuple[tuple[str, int | None], ...]] = {
    "open-llm-v2": (("leaderboard", None),),  # the group brings its own shots
    "open-llm-v1": (
        ("arc_challenge", 25),
        ("hellaswag", 10),
        ("mmlu", 5),
        ("truthfulqa_mc2", 0),
        ("winogrande", 5),
        ("gsm8k", 5),
    ),
}
"""What the harness calls a suite's tasks together, and the shots it must be told."""


def _tasks(suite: Suite) -> tuple[tuple[str, int | None], ...]:
    if suite.name in GROUPS:
        return GROUPS[suite.name]
    shots = sorted({task.shots for task in suite.tasks})
    return tuple((",".join(task.name for task in suite.tasks if task.shots == n), n) for n in shots)
