"""What lm-eval's models and transformers' quantisers can do on this machine, found by trying each."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable
from typing import Any


def backend_class(name: str) -> type:
    """Return the class of a backend; raise LookupError, ImportError or ValueError with a sentence if it cannot run."""
    from lm_eval.api.registry import get_model, model_registry

    known = [str(key) for key in model_registry]
    if name not in known:
        raise LookupError(
            f"--backend {name}: lm-eval has no such model.{_nearest(name, known)} It has {', '.join(sorted(known))}."
        )
    model: type = get_model(name)  # imports the library of the backend
    if any(parent.__name__ == "TemplateAPI" for parent in model.__mro__):
        import tenacity  # noqa: F401  (without it lm-eval fails at the first request)

        raise ValueError(f"--backend {name} asks a server, but a model runs in a sandbox without network.")
    return model


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f" Did you mean {near[0]}?" if near else ""


def unknown_arguments(model: type, name: str, arguments: Iterable[str]) -> list[str]:
    """Return a sentence about each backend argument that no constructor of the backend names."""
    known = sorted({each for one in model.__mro__ if "__init__" in vars(one) for each in _parameters(one)})
    return [
        f"--backend-args: {name} has no argument {argument}.{_nearest(argument, known)}"
        for argument in arguments
        if argument not in known
    ]


def _parameters(of: Any) -> list[str]:
    return [name for name in inspect.signature(of.__init__).parameters if name not in ("self", "args", "kwargs")]


def unsupported() -> dict[str, str]:
    """Return the quantisation methods that transformers cannot load here → the reason, found by asking each."""
    from transformers import BitsAndBytesConfig
    from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING, AUTO_QUANTIZER_MAPPING

    configs: dict[str, Any] = {
        "bitsandbytes_4bit": lambda: BitsAndBytesConfig(load_in_4bit=True),
        "bitsandbytes_8bit": lambda: BitsAndBytesConfig(load_in_8bit=True),
        "gptq": lambda: AUTO_QUANTIZATION_CONFIG_MAPPING["gptq"](bits=4),
    }
    reasons = {}
    for method, quantizer in AUTO_QUANTIZER_MAPPING.items():
        try:
            config = configs.get(method, AUTO_QUANTIZATION_CONFIG_MAPPING.get(method, dict))()
            quantizer(config, pre_quantized=not method.startswith("bitsandbytes")).validate_environment(device_map=None)
        except (ImportError, NotImplementedError, RuntimeError) as error:  # no library, or no GPU
            reasons[method] = " ".join(str(error).split())[:200]
        except Exception:  # its configuration needs arguments: nothing is known about it
            continue
    return reasons
