"""Lays the benchmarks out on disk under the names their tasks ask for, so that the harness needs no network.

The harness's working directory holds one folder a dataset (`SaylorTwift/bbh/README.md` and its data files); `datasets`
takes such a folder for the Hub dataset of that name. Folders come from the Hub once (`fetch`), or from plain files
at hand (`lay_out`).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from src.core.errors import BadInput


@dataclass(frozen=True)
class Source:
    """Where the items of one benchmark come from, and which of the harness's task folders ask for them."""

    dataset: str  # the Hub dataset that the task files name
    tasks: str  # the harness's own folder of task files, below `lm_eval/tasks`
    group: str | None = None  # the harness's name for the tasks together
    together: bool = False  # its tasks share a stream of random numbers, or a generation batch: run in one go
    gated: bool = False  # its authors ask that the questions never stand in plain text anywhere else
    punkt: bool = False  # scoring needs NLTK's sentence splitter


SOURCES = {
    "ifeval": Source("wis-k/instruction-following-eval", "leaderboard", punkt=True),
    "bbh": Source("SaylorTwift/bbh", "leaderboard", "leaderboard_bbh"),
    "math": Source("DigitalLearningGmbH/MATH-lighteval", "leaderboard", "leaderboard_math_hard", together=True),
    "gpqa": Source("Idavidrein/gpqa", "leaderboard", "leaderboard_gpqa", together=True, gated=True),
    "musr": Source("TAUR-Lab/MuSR", "leaderboard", "leaderboard_musr"),
    "mmlu_pro": Source("TIGER-Lab/MMLU-Pro", "leaderboard"),
    "arc": Source("allenai/ai2_arc", "arc"),
    "hellaswag": Source("Rowan/hellaswag", "hellaswag"),
    "mmlu": Source("cais/mmlu", "mmlu", "mmlu"),
    "truthfulqa": Source("truthfulqa/truthful_qa", "truthfulqa"),
    "winogrande": Source("allenai/winogrande", "winogrande"),
    "gsm8k": Source("openai/gsm8k", "gsm8k"),
}

Layout = Mapping[str, Mapping[str, Iterable[str]]]
"""config → split → the data files of it, relative to the folder the data comes from."""

MATH_CONFIGS = (
    "algebra", "counting_and_probability", "geometry", "intermediate_algebra", "number_theory", "prealgebra",
    "precalculus",
)  # fmt: skip


def present(root: Path, benchmark: str) -> bool:
    """Whether the items of a benchmark lie below `root`."""
    folder = root / SOURCES[benchmark].dataset
    return (folder / "README.md").exists() or any(folder.glob("**/*.parquet")) or any(folder.glob("**/*.jsonl*"))


def missing(root: Path, benchmarks: Iterable[str]) -> list[str]:
    """Those of `benchmarks` whose items are not below `root`."""
    return [benchmark for benchmark in benchmarks if not present(root, benchmark)]


def fetch(root: Path, benchmarks: Iterable[str], token: str | None = None) -> None:
    """Download the datasets that are not below `root` yet. Raises BadInput where the Hub does not give one."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    for benchmark in missing(root, benchmarks):
        dataset = SOURCES[benchmark].dataset
        folder = root / dataset
        try:
            snapshot_download(dataset, repo_type="dataset", local_dir=folder, token=token or False)
        except (HfHubHTTPError, OSError) as error:
            raise BadInput(
                f"The items of {benchmark} (dataset {dataset}) could not be downloaded: {error}. "
                f"Accept its terms on the Hub and set HF_TOKEN, or put the dataset into {folder}."
            ) from error
        shutil.rmtree(folder / ".cache", ignore_errors=True)


def lay_out(root: Path, benchmark: str, source: Path, layout: Layout) -> Path:
    """Make the folder of a benchmark below `root` from data files of `source`, and return it."""
    folder = root / SOURCES[benchmark].dataset
    folder.mkdir(parents=True, exist_ok=True)
    configs = []
    for config, splits in layout.items():
        data_files = []
        for split, names in splits.items():
            paths = []
            for name in names:
                to = folder / name
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / name, to)
                paths.append(name)
            data_files.append({"split": split, "path": paths})
        configs.append({"config_name": config, "data_files": data_files})
    header = yaml.safe_dump({"configs": configs}, sort_keys=False)
    (folder / "README.md").write_text(f"---\n{header}---\n", encoding="utf-8")
    return folder


def lay_out_folder(root: Path, source: Path) -> list[str]:
    """Lay out every benchmark that a folder of plain `jsonl.gz` files holds; returns their names.

    `source` has one folder a benchmark: `bbh/<subtask>.jsonl.gz`, `musr*/<subset>.jsonl.gz`, `math*/test.jsonl.gz`,
    `ifeval/train.jsonl.gz`, `mmlu_pro/{test,validation*}.jsonl.gz`, `gpqa*/train.jsonl.gz`,
    `gsm8k/{train,test}.jsonl.gz`.
    """
    done = []
    for benchmark, layout_of in PLAIN.items():
        folder = next(iter(sorted(source.glob(f"{benchmark}*"))), None)
        if folder is not None and folder.is_dir() and any(folder.glob("*.jsonl.gz")):
            lay_out(root, benchmark, folder, layout_of(folder))
            done.append(benchmark)
    return done


def _each_file_a_config(folder: Path) -> Layout:
    return {path.name.removesuffix(".jsonl.gz"): {"test": [path.name]} for path in sorted(folder.glob("*.jsonl.gz"))}


def _each_file_a_split(folder: Path) -> Layout:
    files = {path.name.removesuffix(".jsonl.gz"): path.name for path in sorted(folder.glob("*.jsonl.gz"))}
    return {"default": {split.split("_first")[0]: [name] for split, name in files.items()}}


def _math(_: Path) -> Layout:
    return {config: {"train": ["test.jsonl.gz"], "test": ["test.jsonl.gz"]} for config in MATH_CONFIGS}


def _gpqa(_: Path) -> Layout:
    return {config: {"train": ["train.jsonl.gz"]} for config in ("gpqa_diamond", "gpqa_extended", "gpqa_main")}


def _gsm8k(_: Path) -> Layout:
    return {"main": {"train": ["train.jsonl.gz"], "test": ["test.jsonl.gz"]}}


PLAIN = {
    "ifeval": _each_file_a_split,
    "bbh": _each_file_a_config,
    "math": _math,
    "gpqa": _gpqa,
    "musr": _each_file_a_split,
    "mmlu_pro": _each_file_a_split,
    "gsm8k": _gsm8k,
}
