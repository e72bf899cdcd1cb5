"""The command that runs a row of the board again, with the stock harness."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from src.core.suites import Suite


def reproduce(suite: Suite, facts: Mapping[str, Any]) -> str:
    """Return the stock harness's command line for this run, safe to paste into a shell.

    Several lines if shots differ.

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


def _tasks(suite: Suite) -> tuple[tuple[str, int | None], ...]:
    """Return the harness's names of all tasks of a suite, and the shots they must be given."""
    if suite.group:
        return ((suite.group, None),)  # the group brings its own shots
    named = [
        (task.name if benchmark.shots is None else benchmark.group or task.name, task.shots)
        for benchmark in suite.benchmarks
        for task in benchmark.tasks
    ]
    shots = sorted({n for _, n in named})
    return tuple((",".join(dict.fromkeys(name for name, own in named if own == n)), n) for n in shots)
