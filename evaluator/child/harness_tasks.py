"""The harness's task files: which folders hold a task, and what its file says without loading its items."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lm_eval
from lm_eval.tasks import TaskManager
from lm_eval.tasks._index import Kind
from lm_eval.tasks._yaml_loader import load_yaml

from evaluator.child.result_file import OTHER_SEED
from evaluator.task_facts import HarnessFacts, TaskFacts

ROOT = Path(lm_eval.__file__).parent / "tasks"
FORMATS = {"json", "csv", "parquet", "text", "arrow"}
"""Loaders of files, which are no datasets on the Hub."""
DEFAULT_METRICS = {
    "multiple_choice": ("acc", "acc_norm"),
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    "generate_until": ("exact_match",),
}


def manager(folders: Iterable[str], own: Path | None = None) -> TaskManager:
    """Return a manager of some of the harness's folders and the board's own: reading all of them takes many seconds."""
    # a later folder replaces tasks of an earlier one, but of two in the whole tree the first counts
    paths = [ROOT / folder for folder in sorted(folders, reverse=True)]
    return TaskManager(include_defaults=False, include_path=paths + ([own] if own else []))


def load(
    names: Iterable[str], folders: Iterable[str], own: Path | None = None, beside: Path | None = None, shots: int = 0
) -> Any:
    """Return tasks with their items, as the harness evaluates them, with `shots` few-shot examples.

    `beside`: the folder in which files of items are looked for, else the working directory.
    """
    tasks = manager(folders or locate(names), own)
    with _inside(beside):
        loaded = tasks.load(list(names))
    for task in loaded["tasks"].values():
        if task.get_config("num_fewshot") != 0 or task.get_config("num_fewshot") is None:
            task.set_config(key="num_fewshot", value=shots)
        task.set_fewshot_seed(seed=OTHER_SEED)
    return loaded


@contextmanager
def _inside(folder: Path | None) -> Iterator[None]:
    """Work in `folder` while items are loaded: those of the board's own tasks may lie beside their task file."""
    before = Path.cwd()
    if folder is not None:
        os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def locate(names: Iterable[str]) -> list[str]:
    """Return the harness's folders whose files define a task, group or tag of these names."""
    words = "|".join(re.escape(name) for name in dict.fromkeys(names))
    if not words:
        return []
    defines = re.compile(
        rf"""^[ \t-]*(?:task|group|tag)[ \t]*:[ \t]*["']?(?:{words})["']?[ \t]*\r?$""".encode(), re.MULTILINE
    )
    listed = re.compile(rf"""^tag:[ \t]*\r?\n(?:[ \t]*-.*\n)*?[ \t]*-[ \t]*["']?(?:{words})["']?[ \t]*\r?$""".encode(),
                        re.MULTILINE)  # fmt: skip
    folders: dict[str, None] = {}
    for path in ROOT.rglob("*.yaml"):
        text = path.read_bytes()
        if defines.search(text) or (b"tag:" in text and listed.search(text)):
            folders[path.relative_to(ROOT).parts[0]] = None
    return list(folders)


def describe(names: Iterable[str], own: Path | None = None) -> HarnessFacts:
    """Return what the task files say of tasks, groups and tags."""
    wanted = list(dict.fromkeys(names))
    folders = set(locate(wanted))
    while True:
        index = manager(folders, own).task_index
        missing = {child for name in wanted for child in _leaves(name, index) if child not in index}
        more = set(locate(missing)) - folders if missing else set()
        if not missing:
            break
        if not more:  # a tag may come from an included file: read the whole tree
            index = TaskManager(include_path=own).task_index
            break
        folders |= more
    tasks: dict[str, TaskFacts] = {}
    groups: dict[str, tuple[str, ...]] = {}
    problems: dict[str, str] = {}
    titles: dict[str, str] = {}
    for name in wanted:
        leaves = list(dict.fromkeys(_leaves(name, index)))
        unknown = [leaf for leaf in leaves if leaf not in index]
        if unknown:
            problems[name] = f"the harness {lm_eval.__version__} has no task {unknown[0]}."
            continue
        if index[name].kind in (Kind.GROUP, Kind.TAG):
            groups[name] = tuple(leaves)
            if isinstance(index[name].cfg, dict) and isinstance(title := index[name].cfg.get("group_alias"), str):
                titles[name] = title
        for leaf in leaves:
            tasks[leaf] = tasks.get(leaf) or _facts(index[leaf], own)
    return HarnessFacts(tasks, groups, problems, titles)


def _leaves(name: str, index: Any) -> Iterator[str]:
    """Yield the tasks of a task, group or tag; names that the index does not have as they are."""
    entry = index.get(name)
    if entry is None or entry.kind in (Kind.TASK, Kind.PY_TASK):
        yield name
    elif entry.kind == Kind.TAG:
        yield from sorted(entry.tags)
    else:
        yield from _members(entry.cfg.get("task"), index)


def _members(listed: Any, index: Any) -> Iterator[str]:
    for child in listed if isinstance(listed, list) else [listed]:
        if isinstance(child, str):
            yield from _leaves(child, index)
        elif isinstance(child, dict) and "group" in child:
            yield from _leaves(child["group"], index) if child["group"] in index else _members(child.get("task"), index)
        elif isinstance(child, dict):
            yield from _leaves(str(child.get("task")), index)


def _facts(entry: Any, own: Path | None) -> TaskFacts:
    path: Path = entry.yaml_path
    inside = path.is_relative_to(ROOT)
    config: dict[str, Any] = dict(entry.cfg)
    if entry.kind == Kind.PY_TASK:
        config = _of_class(path) | {key: value for key, value in config.items() if key != "class"}
    kwargs = {key: value for key, value in (config.get("dataset_kwargs") or {}).items() if key != "trust_remote_code"}
    dataset, problem = config.get("dataset_path"), None
    if config.get("custom_dataset"):
        dataset, problem = None, "its items are made by a program of its own"
    elif not isinstance(dataset, str):
        dataset, problem = None, "its file names no dataset"
    else:
        problem = _problem_with_data(dataset, kwargs, None if inside else own)
    splits = {name: config[f"{name}_split"] for name in ("test", "validation", "training", "fewshot")
              if isinstance(config.get(f"{name}_split"), str)}  # fmt: skip
    metadata = config.get("metadata") if isinstance(config.get("metadata"), dict) else {}
    return TaskFacts(
        name=entry.name,
        folder=path.relative_to(ROOT).parts[0] if inside else "",
        dataset=dataset,
        config=None if config.get("dataset_name") is None else str(config["dataset_name"]),
        kwargs=_plain(kwargs),
        splits=splits,
        output_type=str(config.get("output_type") or "generate_until"),
        metrics=_metrics(config),
        shots=config.get("num_fewshot"),
        generation=_plain(config.get("generation_kwargs") or {}),
        repeats=int(config.get("repeats") or 1),
        runs_code=config.get("unsafe_code", False) is not False,
        helpers=entry.kind == Kind.PY_TASK or b"!function" in path.read_bytes(),
        version=_number((metadata or {}).get("version")),
        problem=problem,
        title=str(config["task_alias"]) if config.get("task_alias") else None,
        options=_options(config),
    )


def _options(config: dict[str, Any]) -> int | None:
    """Return how many options a task file lists: as a list, or as a template that is one; None if the items say."""
    listed = config.get("doc_to_choice")
    if config.get("output_type") != "multiple_choice" or not isinstance(listed, list | str):
        return None
    if isinstance(listed, str):
        try:
            parsed = ast.parse(listed.strip().removeprefix("{{").removesuffix("}}").strip(), mode="eval").body
        except (SyntaxError, ValueError):
            return None
        return len(parsed.elts) if isinstance(parsed, ast.List) else None
    return len(listed)


def _problem_with_data(dataset: str, kwargs: dict[str, Any], own: Path | None) -> str | None:
    """Return why items are not to be had: only datasets of the Hub, and files beside a task of the board's own."""
    files = list(_texts(kwargs.get("data_files"))) + list(_texts(kwargs.get("data_dir")))
    if any("://" in name for name in (dataset, *files)):
        return "its items come from an address of the web; only datasets on the Hub are fetched"
    if dataset in FORMATS:
        if own is None:
            return "its items are files that no dataset on the Hub holds"
        outside = [name for name in files if not (own / name).resolve().is_relative_to(own.resolve())]
        return f"its items in {outside[0]} lie outside the board's tasks" if outside else None
    if not re.fullmatch(r"[\w][\w.-]*(?:/[\w][\w.-]*)?", dataset) or ".." in dataset or dataset.endswith(".py"):
        return f"{dataset} is no name of a dataset on the Hub"
    if any(name.startswith("/") or ".." in name.split("/") for name in files):
        return "its data files lie outside its dataset"
    return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _metrics(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    from lm_eval.api import registry

    filters = [str(each.get("name")) for each in config.get("filter_list") or () if isinstance(each, dict)] or ["none"]
    given = config.get("metric_list") or [
        {"metric": metric} for metric in DEFAULT_METRICS.get(str(config.get("output_type")), ())
    ]
    found = {}
    for one in given:
        name = str(one["metric"]).rsplit(".", 1)[-1] if "/" in str(one["metric"]) else str(one["metric"])
        higher = one.get("higher_is_better", registry.higher_is_better_registry.get(name, True))
        aggregation = one.get("aggregation") or _usual_aggregation(name)
        if not isinstance(aggregation, str) or "/" in aggregation:
            aggregation = "custom"
        for filter_ in filters:
            found[f"{name},{filter_}"] = {"higher_is_better": bool(higher), "aggregation": aggregation}
    return found


def _usual_aggregation(metric: str) -> str:
    from lm_eval.api import registry

    usual = registry.metric_agg_registry.get(metric)
    return getattr(usual, "__name__", "mean") if usual else "mean"


def _of_class(path: Path) -> dict[str, Any]:
    """Return the settings of a task that is a Python class, as far as the class itself has them."""
    made = load_yaml(path, resolve_func=True)["class"]
    bare = object.__new__(made)
    metrics: list[dict[str, Any]] = []
    try:
        aggregations, directions = made.aggregation(bare), made.higher_is_better(bare)
        metrics = [{"metric": name, "aggregation": getattr(how, "__name__", "custom").replace("<lambda>", "custom"),
                    "higher_is_better": directions.get(name, True)} for name, how in aggregations.items()]  # fmt: skip
    except Exception:  # a class may need its items to answer; its metrics are then known from a result alone
        metrics = []
    return {
        "dataset_path": getattr(made, "DATASET_PATH", None),
        "dataset_name": getattr(made, "DATASET_NAME", None),
        "output_type": getattr(made, "OUTPUT_TYPE", None),
        "metric_list": metrics,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
