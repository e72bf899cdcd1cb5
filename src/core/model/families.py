"""Which family a model belongs to: its lineage as far as names, shape and architecture tell.

1. The base model's name, then the model's own, is searched for the words of `BY_NAME`; the first found wins, so the
   more exact words stand first. A derived model lands with its base: a "Hermes" made from Llama 3.1 is "Llama 3".
2. Else the base model's family, if the base is itself a row of the table, through all generations.
3. Else architecture and size together (`BY_SHAPE`): a Llama of 8.03 B has Llama 3's vocabulary, whatever it is called.
4. Else the architecture alone (`BY_ARCHITECTURE`), which knows the series but not always the generation: so many use
   `LlamaForCausalLM` that it says only "Llama-like". Else the bare word in the name (`BY_WORD`). Else unknown.
A family is a guess for finding and grouping models; nothing is scored or ranked by it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from src.core.frames.cells import TEXT, each

# pattern (matched against the lower-cased name, "." and "_" read as "-") → family
BY_NAME = (
    (r"deepseek-r1-distill-llama", "Llama 3"),
    (r"deepseek-r1-distill-qwen|deepseek-r1-distill", "Qwen 2.5"),
    (r"qwen-?3", "Qwen 3"),
    (r"qwen-?2-?5|qwq|marco-o1", "Qwen 2.5"),
    (r"qwen-?2", "Qwen 2"),
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

# (architecture, billions of parameters to two decimals) of the series' own models, which derived ones keep
BY_SHAPE = {
    ("llamaforcausallm", 1.24): "Llama 3",
    ("llamaforcausallm", 3.21): "Llama 3",
    ("llamaforcausallm", 8.03): "Llama 3",
    ("llamaforcausallm", 70.55): "Llama 3",
    ("llamaforcausallm", 6.06): "Yi",
    ("llamaforcausallm", 8.83): "Yi",
    ("llamaforcausallm", 34.39): "Yi",
    ("llamaforcausallm", 7.46): "Falcon 3",
    ("llamaforcausallm", 10.31): "Falcon 3",
    ("llamaforcausallm", 10.73): "SOLAR",
    ("llamaforcausallm", 14.66): "Phi 4",
    ("llamaforcausallm", 0.14): "SmolLM",
    ("llamaforcausallm", 0.36): "SmolLM",
    ("llamaforcausallm", 1.71): "SmolLM",
    ("llamaforcausallm", 1.1): "TinyLlama",
    ("qwen2forcausallm", 3.09): "Qwen 2.5",
    ("qwen2forcausallm", 14.77): "Qwen 2.5",
    ("qwen2forcausallm", 32.76): "Qwen 2.5",
    ("mistralforcausallm", 12.25): "Mistral Nemo",
    ("mistralforcausallm", 22.25): "Mistral Small",
    ("mistralforcausallm", 23.57): "Mistral Small",
    ("phi3forcausallm", 14.66): "Phi 4",
}

BY_WORD = ((r"qwen", "Qwen"), (r"llama", "Llama-like"))

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


def family(
    model: str | None, base_model: str | None = None, architecture: str | None = None, params_b: float | None = None
) -> str | None:
    """Return the family of one model, or None."""
    row = {"model": [model], "base_model": [base_model], "architecture": [architecture]}
    found = families(pd.DataFrame(row, dtype=TEXT).assign(params_b=pd.Series([params_b], dtype="float64"))).iloc[0]
    return None if pd.isna(found) else str(found)


def families(frame: pd.DataFrame) -> pd.Series:
    """Return the family of every row; the frame has `model`, `base_model`, `architecture` and `params_b`."""
    found = each(frame["base_model"], _by_name).fillna(each(frame["model"], _by_name))
    for _ in range(GENERATIONS):
        known = found.dropna()
        of_model = known.set_axis(frame.loc[known.index, "model"])
        inherited = frame["base_model"].map(of_model[~of_model.index.duplicated()]).astype(TEXT)
        if not (found.isna() & inherited.notna()).any():
            break
        found = found.fillna(inherited)
    architecture = each(frame["architecture"], lambda name: name.split(";", maxsplit=1)[0].lower())
    shapes = pd.MultiIndex.from_arrays([architecture, frame["params_b"].round(2)])
    by_shape = pd.Series(shapes.map(BY_SHAPE), index=frame.index).astype(TEXT)
    by_architecture = each(architecture, BY_ARCHITECTURE.get)
    found = found.fillna(by_shape).fillna(by_architecture)
    return found.fillna(each(frame.loc[found.isna(), "model"], _by_word)).astype(TEXT)


GENERATIONS = 10
_PATTERNS = tuple((re.compile(pattern), name) for pattern, name in BY_NAME)
_WORDS = tuple((re.compile(pattern), name) for pattern, name in BY_WORD)


def _by_name(name: str, patterns: Sequence[tuple[re.Pattern[str], str]] = _PATTERNS) -> str | None:
    # the organisation says less than the name, and misleads ("llama-anon/petra")
    plain = name.rsplit("/", 1)[-1].lower().replace(".", "-").replace("_", "-")
    return next((family for pattern, family in patterns if pattern.search(plain)), None)


def _by_word(name: str) -> str | None:
    return _by_name(name, _WORDS)
