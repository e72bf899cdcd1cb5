"""The v2 suite offline: `shared/benchmarks` under the names that lm-eval's task files load, and a small model."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

MATH = (
    "algebra",
    "counting_and_probability",
    "geometry",
    "intermediate_algebra",
    "number_theory",
    "prealgebra",
    "precalculus",
)
CHOICES = ("leaderboard_bbh", "leaderboard_gpqa", "leaderboard_musr", "leaderboard_mmlu_pro")


def write_datasets(source: Path, folder: Path) -> Path:
    """Lay out `source` (shared/benchmarks) as local datasets under `folder`, which becomes the working directory."""
    bbh = {path.name.removesuffix(".jsonl.gz"): {"test": path} for path in sorted((source / "bbh").glob("*.gz"))}
    _dataset(folder / "SaylorTwift/bbh", bbh)
    musr = {path.name.removesuffix(".jsonl.gz"): path for path in sorted((source / "musr_sample").glob("*.gz"))}
    _dataset(folder / "TAUR-Lab/MuSR", {"default": musr})
    mmlu = {"test": source / "mmlu_pro/test.jsonl.gz", "validation": source / "mmlu_pro/validation_first5.jsonl.gz"}
    _dataset(folder / "TIGER-Lab/MMLU-Pro", {"default": mmlu})
    gpqa = source / "gpqa_standin/train.jsonl.gz"
    _dataset(folder / "Idavidrein/gpqa", {f"gpqa_{name}": {"train": gpqa} for name in ("diamond", "extended", "main")})
    _dataset(folder / "wis-k/instruction-following-eval", {"default": {"train": source / "ifeval/train.jsonl.gz"}})
    math = source / "math_standin/test.jsonl.gz"
    _dataset(folder / "DigitalLearningGmbH/MATH-lighteval", {name: {"train": math, "test": math} for name in MATH})
    return folder


@contextmanager
def offline(folder: Path) -> Iterator[None]:
    """Load datasets from `folder` alone, with a cache of their own."""
    import datasets

    before, cache = Path.cwd(), datasets.config.HF_DATASETS_CACHE
    progress = datasets.is_progress_bar_enabled()
    os.chdir(folder)
    datasets.config.HF_DATASETS_CACHE = folder / "cache"
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        os.chdir(before)
        datasets.config.HF_DATASETS_CACHE = cache
        if progress:
            datasets.enable_progress_bars()


def task_manager() -> Any:
    """lm-eval's leaderboard tasks alone, which load 300 times faster than all of them."""
    import lm_eval
    from lm_eval.tasks import TaskManager

    return TaskManager(include_defaults=False, include_path=str(Path(lm_eval.__file__).parent / "tasks/leaderboard"))


def build_requests(tasks: Sequence[str], limit: int | None = None) -> dict[str, list[Any]]:
    """lm-eval's own requests by task, as `simple_evaluate` would hand them to a model; call within `offline`."""
    import random

    random.seed(0)
    found: dict[str, list[Any]] = {}
    for name, task in task_manager().load(list(tasks))["tasks"].items():
        if task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=0)
        task.set_fewshot_seed(seed=1234)
        task.build_all_requests(limit=limit, rank=0, world_size=1)
        found[name] = task.instances
    return found


def train_tokenizer(source: Path, vocabulary: int = 8000, pieces: int = 3000) -> Any:
    """Return a byte-level BPE tokenizer trained on questions of the benchmarks."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [row["question"] for row in _rows(source / "mmlu_pro/test.jsonl.gz")[:pieces]]
    texts += [row["input"] for row in _rows(source / "bbh/ruin_names.jsonl.gz")]
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", model_max_length=8192
    )


def small_llama(vocabulary: int, length: int = 8192, **settings: Any) -> Any:
    """Return a random Llama, in evaluation mode; small unless `settings` say otherwise."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = LlamaConfig(
        **{**shape, "vocab_size": vocabulary, "max_position_embeddings": length, **settings},
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config).eval()


def _dataset(folder: Path, configs: dict[str, dict[str, Path]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["---", "configs:"]
    for config, splits in configs.items():
        lines += [f"- config_name: {config}", "  data_files:"]
        for split, source in splits.items():
            name = f"{config}-{split}.jsonl.gz"
            if not (folder / name).exists():
                (folder / name).symlink_to(source.resolve())
            lines += [f"  - split: {split}", f"    path: {name}"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]), encoding="utf-8")


def _rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
