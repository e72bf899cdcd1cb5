"""Checks of a model against what it is submitted with: the base model that is named, and the suite."""

from __future__ import annotations

from collections.abc import Iterable

from src.core.model.checks import Check
from src.core.model.fit.known import text_config
from src.core.model.repository import Repository
from src.core.suites import Benchmark, Suite

LENGTHS = ("n_positions", "max_position_embeddings", "n_ctx")  # as the harness reads them
NO_LENGTH = 10**9  # tokenizers that have no maximum say a larger number


def check_base(repository: Repository, named: str, is_meant: bool) -> list[Check]:
    """Return a check if an adapter says that it was made for another base model than the one named."""
    made_for = repository.config.get("base_model_name_or_path") if repository.weight_type == "Adapter" else None
    title = "Made for this base"
    if not isinstance(made_for, str) or not made_for.strip():
        return []
    name = made_for.strip().rstrip("/")
    if name.lower() == named.lower():
        return [Check("base", title, "passed", f"The adapter was made for `{named}`.")]
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    # of a folder on its author's machine only the last part says anything
    if not _is_repository(name) and last.lower() == named.rsplit("/", 1)[-1].lower():
        return [Check("base", title, "passed", f"The adapter was made for {name[:120]}.")]
    sentence = f"The adapter was made for `{name[:120]}`, not for `{named}`."
    if is_meant:
        return [Check("base", title, "noted", f"{sentence} It is applied as submitted.")]
    return [
        Check("base", title, "refused", f"{sentence} Name that base model, or say that the other one is meant."),
    ]


def _is_repository(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/", "~"))


def context_length(repository: Repository) -> int | None:
    """Return the longest text that a run gives a model, in tokens; None if its files do not say."""
    table = text_config(repository.config)
    output = [table.get(key) for key in LENGTHS]
    output.append(repository.side_files.get("tokenizer_config.json", {}).get("model_max_length"))
    return next((length for length in output if isinstance(length, int) and 0 < length < NO_LENGTH), None)


def check_context(repository: Repository, suite: Suite, benchmarks: Iterable[Benchmark] | None = None) -> list[Check]:
    """Return a check if the model's context has no room for the answers of a benchmark, which the harness refuses.

    `benchmarks`: those to run; None: all of the suite.
    """
    longest = context_length(repository)
    too_long = [
        (benchmark.answer_tokens, benchmark.title)
        for benchmark in (suite.benchmarks if benchmarks is None else benchmarks)
        if longest is not None and benchmark.answer_tokens is not None and benchmark.answer_tokens >= longest
    ]
    if not too_long:
        return []
    tokens, title = max(too_long)
    return [
        Check(
            "context", "Context", "refused",
            f"The model's context has {longest:,} tokens, but an answer of {title} may take {tokens:,}: {suite.title} "
            "cannot be run on it. Submit a model with a longer context.",
        )
    ]  # fmt: skip
