"""Datasets of the tasks on disk, under the names that the task files use, so that the harness needs no network.

The harness's working directory holds one folder per dataset (`SaylorTwift/bbh/README.md` and its data files); the
library `datasets` loads such a folder in place of the Hub dataset of that name. It also decides which files a
configuration consists of; only those are downloaded, at one commit, which every result names.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from evaluator.task_facts import TaskFacts
from src.core.errors import BadInputError

REVISIONS = ".revisions"  # below the root: dataset → the commit and the configurations that were downloaded
FORMATS = {"json", "csv", "parquet", "text", "arrow"}
"""Loaders of files beside a task of the board's own."""

Layout = Mapping[str, Mapping[str, Iterable[str]]]
"""config → split → its data files, relative to the folder the data comes from."""


def is_present(root: Path, task: TaskFacts) -> bool:
    """Return whether the items of a task are stored under `root`."""
    if task.dataset is None or task.dataset in FORMATS:
        return True  # made by the task, or beside it: `TaskFacts.problem` says if not
    folder = root / task.dataset
    configs = _record(root, task.dataset).get("configs")
    if configs is not None and str(task.config) not in configs:
        return False
    return (folder / "README.md").exists() or any(
        path.suffix in (".parquet", ".jsonl", ".json", ".csv", ".gz", ".zst") for path in folder.glob("**/*.*")
    )


def missing(root: Path, tasks: Iterable[TaskFacts]) -> dict[str, str]:
    """Return dataset → one of its tasks, for the datasets whose items are not stored under `root`."""
    return {str(task.dataset): task.name for task in tasks if not is_present(root, task)}


def revisions(root: Path, tasks: Iterable[TaskFacts]) -> dict[str, str | None]:
    """Return dataset → the commit that was downloaded; None if its folder was put there by hand."""
    names = dict.fromkeys(task.dataset for task in tasks if task.dataset and task.dataset not in FORMATS)
    return {name: _record(root, name).get("revision") for name in names}


def fetch(root: Path, tasks: Iterable[TaskFacts], token: str | None = None) -> None:
    """Download the datasets that are not yet under `root`. Raise BadInputError if a download fails."""
    for task in tasks:
        if task.problem is None and not is_present(root, task):
            _fetch(root, task, token)


def _fetch(root: Path, task: TaskFacts, token: str | None) -> None:
    import datasets
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    name = str(task.dataset)
    record = _record(root, name)
    folder = root / name
    try:
        about = HfApi(token=token or False).dataset_info(name, revision=record.get("revision"))
        builder = datasets.load_dataset_builder(
            name,
            task.config,
            revision=about.sha,
            token=token or False,
            cache_dir=str(root / ".builders"),
            **task.kwargs,
        )
        files = sorted({path for path in map(_inside, _files(builder)) if path})
        patterns = ["README.md", *files] if files else None
        snapshot_download(
            name, repo_type="dataset", revision=about.sha, local_dir=folder, token=token or False,
            allow_patterns=patterns, ignore_patterns=["*.py"],
        )  # fmt: skip
    except (HfHubHTTPError, OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise BadInputError(
            f"The items of {task.name} (dataset {name}) could not be downloaded: {error}. If it is gated, accept its "
            f"terms on the Hub and set HF_TOKEN; or put the dataset into {folder}."
        ) from error
    finally:
        shutil.rmtree(root / ".builders", ignore_errors=True)
        shutil.rmtree(folder / ".cache", ignore_errors=True)
    configs = sorted({*record.get("configs", ()), str(task.config)})
    kept = root / REVISIONS / f"{name}.json"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({"revision": about.sha, "configs": configs}), encoding="utf-8")


def _files(builder: Any) -> list[str]:
    given = builder.config.data_files or {}
    return [str(path) for paths in given.values() for path in paths]


def _inside(address: str) -> str | None:
    """Return a data file's path in its repository: `hf://datasets/owner/name@revision/path`."""
    match = re.fullmatch(r"hf://datasets/[^@]+@[^/]+/(.+)", address)
    return match[1] if match else None


def _record(root: Path, dataset: str) -> dict[str, Any]:
    try:
        return dict(json.loads((root / REVISIONS / f"{dataset}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def lay_out(root: Path, dataset: str, source: Path, layout: Layout) -> Path:
    """Create the folder of a dataset under `root` from data files of `source`, and return it."""
    folder = root / dataset
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
