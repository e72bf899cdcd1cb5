"""Ask transformers and PEFT what they found in the weights: what they miss, they fill with random numbers and go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

SHOWN = 5


class UnfitWeightsError(ValueError):
    """Raised if tensors that the model needs are missing from its weights, or have another shape."""


@contextmanager
def checked_loading() -> Iterator[list[str]]:
    """Refuse weights that do not fit while models are loaded; yields the names of tensors that have no use.

    transformers' and PEFT's own loaders are asked, so this holds for every backend that loads through them.
    """
    from peft import PeftModel
    from transformers import PreTrainedModel

    unused: list[str] = []
    load = PreTrainedModel.__dict__["from_pretrained"].__func__
    adapt = PeftModel.load_adapter

    def from_pretrained(cls: Any, *given: Any, **options: Any) -> Any:
        wants_info = options.pop("output_loading_info", False)
        # a mismatch is refused below, with its name
        options |= {"output_loading_info": True, "ignore_mismatched_sizes": True}
        try:
            model, info = load(cls, *given, **options)
        except RuntimeError as error:
            if "conversion of the weights" not in str(error):
                raise
            raise UnfitWeightsError(
                "transformers cannot convert the weights; its report in the log names them."
            ) from error
        _refuse(info)
        unused.extend(sorted(map(str, info.get("unexpected_keys", ()))))
        return (model, info) if wants_info else model

    def load_adapter(self: Any, *given: Any, **options: Any) -> Any:
        result = adapt(self, *given, **options)
        _refuse({"missing_keys": [name for name in result.missing_keys if "lora_embedding" not in name]})
        unused.extend(sorted(map(str, result.unexpected_keys)))
        return result

    def put(loader: Any, adapter_loader: Any) -> None:
        PreTrainedModel.from_pretrained = classmethod(loader)  # type: ignore[method-assign, assignment]
        PeftModel.load_adapter = adapter_loader  # type: ignore[method-assign]

    put(from_pretrained, load_adapter)
    try:
        yield unused
    finally:
        put(load, adapt)


def _refuse(info: Mapping[str, Any]) -> None:
    problems = []
    if missing := sorted(map(str, info.get("missing_keys", ()))):
        problems.append(f"{_names(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    if mismatched := sorted(info.get("mismatched_keys", ()), key=str):
        shapes = [f"{name} is {list(stored)} instead of {list(wanted)}" for name, stored, wanted in mismatched]
        problems.append(_names(shapes))
    if problems:
        raise UnfitWeightsError(f"The weights do not fit config.json: {'; '.join(problems)}.")


def _names(names: Iterable[str]) -> str:
    some = list(names)
    return ", ".join(some[:SHOWN]) + (f" and {len(some) - SHOWN:,} more" if len(some) > SHOWN else "")
