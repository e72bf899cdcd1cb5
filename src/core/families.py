"""Which family a model belongs to: its lineage as far as names and architectures tell.

1. The base model's name, then the model's own name, is searched for the words of `BY_NAME`; the first found wins, so
   the more exact words stand first. A derived model lands with its base: a "Hermes" made from Llama 3.1 is "Llama 3".
2. Else the architecture decides (`BY_ARCHITECTURE`), which knows the series but not always its generation: plain
   `LlamaForCausalLM` is used by so many that it says only "Llama-like".
3. Else unknown.
A family is a guess for finding and grouping models; nothing is scored or ranked by it.
"""

from __future__ import annotations

import re

import pandas as pd

from src.core.cells import TEXT, each

# pattern (matched against the lower-cased name, "." and "_" read as "-") → family
BY_NAME = (
    (r"deepseek-r1-distill-llama", "Llama 3"),
    (r"deepseek-r1-distill-qwen|deepseek-r1-distill", "Qwen 2.5"),
    (r"qwen-?3", "Qwen 3"),
    (r"qwen-?2-?5|qwq|marco-o1", "Qwen 2.5"),
    (r"qwen-?2", "Qwen 2"),
    (r"qwen", "Qwen"),
    (r"llama-?4", "Llama 4"),
    (r"llama-?3|llama3|l3-[0-9]|hermes-?3", "Llama 3"),
    (r"tiny-?llama", "TinyLlama"),
    (r"open-?llama", "OpenLLaMA"),
    (r"llama-?2|vicuna-.*v1-5|code-?llama|l2-[0-9]", "Llama 2"),
    (r"llama-?1|^llama-[0-9]+b|huggyllama|decapoda|alpaca|guanaco|wizard-?vicuna|vicuna", "Llama 1"),
    (r"mixtral", "Mixtral"),
    (r"mistral-?nemo|nemo-[0-9]*-?(base|instruct)|nemomix|lyra|magnum.*12b", "Mistral Nemo"),
    (r"mistral-?small", "Mistral Small"),
    (r"mistral|zephyr|neural-?chat|openchat|starling|openhermes-2-5", "Mistral 7B"),
    (r"recurrent-?gemma", "RecurrentGemma"),
    (r"gemma-?3", "Gemma 3"),
    (r"gemma-?2(?!b)", "Gemma 2"),
    (r"gemma", "Gemma 1"),
    (r"phi-?4", "Phi 4"),
    (r"phi-?3", "Phi 3"),
    (r"phi-?2|phi-?1|(^|[/-])phi", "Phi 1–2"),
    (r"(^|[/-])yi-|(^|[/-])yi$", "Yi"),
    (r"solar", "SOLAR"),
    (r"falcon-?3", "Falcon 3"),
    (r"falcon-?mamba", "Falcon Mamba"),
    (r"falcon", "Falcon"),
    (r"granite", "Granite"),
    (r"internlm", "InternLM"),
    (r"deepseek", "DeepSeek"),
    (r"command-?r|c4ai|aya", "Command R"),
    (r"olmo", "OLMo"),
    (r"smol-?lm", "SmolLM"),
    (r"stable-?lm", "StableLM"),
    (r"exaone", "EXAONE"),
    (r"nemotron", "Nemotron"),
    (r"dbrx", "DBRX"),
    (r"pythia", "Pythia"),
    (r"gpt-?neox|gpt-?j|gpt-?neo", "GPT-Neo/J/NeoX"),
    (r"gpt-?2", "GPT-2"),
    (r"bloom", "BLOOM"),
    (r"(^|[/-])opt-[0-9]", "OPT"),
    (r"(^|[/-])mpt-[0-9]", "MPT"),
    (r"rwkv", "RWKV"),
    (r"star-?coder", "StarCoder"),
    (r"flan-?t5|(^|[/-])m?t5", "T5"),
)

BY_ARCHITECTURE = {
    "llamaforcausallm": "Llama-like",
    "mistralforcausallm": "Mistral 7B",
    "mixtralforcausallm": "Mixtral",
    "qwen2forcausallm": "Qwen 2",
    "qwen2moeforcausallm": "Qwen 2",
    "qwen3forcausallm": "Qwen 3",
    "gemmaforcausallm": "Gemma 1",
    "gemma2forcausallm": "Gemma 2",
    "gemma3forcausallm": "Gemma 3",
    "phiforcausallm": "Phi 1–2",
    "phi3forcausallm": "Phi 3",
    "phi3smallforcausallm": "Phi 3",
    "gptneoxforcausallm": "GPT-Neo/J/NeoX",
    "gptjforcausallm": "GPT-Neo/J/NeoX",
    "gptneoforcausallm": "GPT-Neo/J/NeoX",
    "gpt2lmheadmodel": "GPT-2",
    "graniteforcausallm": "Granite",
    "granitemoeforcausallm": "Granite",
    "cohereforcausallm": "Command R",
    "cohere2forcausallm": "Command R",
    "stablelmforcausallm": "StableLM",
    "internlm2forcausallm": "InternLM",
    "bloomforcausallm": "BLOOM",
    "falconforcausallm": "Falcon",
    "falconmambaforcausallm": "Falcon Mamba",
    "optforcausallm": "OPT",
    "mptforcausallm": "MPT",
    "olmoforcausallm": "OLMo",
    "olmo2forcausallm": "OLMo",
    "olmoeforcausallm": "OLMo",
    "exaoneforcausallm": "EXAONE",
    "nemotronforcausallm": "Nemotron",
    "deepseekforcausallm": "DeepSeek",
    "recurrentgemmaforcausallm": "RecurrentGemma",
    "t5forconditionalgeneration": "T5",
    "mt5forconditionalgeneration": "T5",
    "rwkvforcausallm": "RWKV",
    "starcoder2forcausallm": "StarCoder",
    "dbrxforcausallm": "DBRX",
    "solarforcausallm": "SOLAR",
}


def family(model: str | None, base_model: str | None = None, architecture: str | None = None) -> str | None:
    """The family of one model, or None."""
    frame = pd.DataFrame({"model": [model], "base_model": [base_model], "architecture": [architecture]}, dtype=TEXT)
    found = families(frame).iloc[0]
    return None if pd.isna(found) else str(found)


def families(frame: pd.DataFrame) -> pd.Series:
    """The family of every row of a frame with the columns `model`, `base_model` and `architecture`."""
    by_name = each(frame["base_model"], _by_name).fillna(each(frame["model"], _by_name))
    return by_name.fillna(each(frame["architecture"], _by_architecture))


_PATTERNS = tuple((re.compile(pattern), name) for pattern, name in BY_NAME)


def _by_name(name: str) -> str | None:
    # the organisation says less than the name, and misleads ("meta-llama/…" would do, "llama-anon/…" would not)
    plain = name.rsplit("/", 1)[-1].lower().replace(".", "-").replace("_", "-")
    return next((family for pattern, family in _PATTERNS if pattern.search(plain)), None)


def _by_architecture(architecture: str) -> str | None:
    return BY_ARCHITECTURE.get(architecture.split(";", maxsplit=1)[0].lower())
