"""A model's details dataset: the answers of its runs, and the card that lists them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml

from src.core.errors import ConflictError, NotFoundError
from src.core.items.details import write_twin
from src.core.names import details_dataset, details_folder
from src.core.redact import redact_bytes
from src.core.store import Rev, Store

TRIES = 8
STAMP = "%Y-%m-%dT%H-%M-%S.%f"
TEXTS = {"doc", "target", "arguments", "resps"}
"""Fields of a sample line that show a question or an answer."""
FILE = re.compile(r"(?:samples_(?P<task>.+)|results)_(?P<stamp>\d{4}-\d\d-\d\dT[\d-]+\.\d+)\.jsonl?")


def withhold(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return the publishable part of a gated benchmark's sample line: hashes, numbers and scores, no question text."""
    return {key: value for key, value in line.items() if key not in TEXTS}


def sample_files(
    task: str, when: datetime, lines: Iterable[Mapping[str, Any]], metrics: Sequence[str], gated: bool
) -> dict[str, bytes]:
    """Return the two files of a task's answers: JSON lines for other tools, and the twin that pages open at any row."""
    kept = list(lines)
    name = f"samples_{task}_{when.astimezone(UTC).strftime(STAMP)}"
    text = "".join(json.dumps(withhold(line) if gated else line, ensure_ascii=False) + "\n" for line in kept)
    twin = io.BytesIO()
    write_twin(kept, metrics, twin, gated)
    return {f"{name}.jsonl": redact_bytes(text.encode()), f"{name}.parquet": twin.getvalue()}


def put_details(store: Store, model: str, when: datetime, files: Mapping[str, bytes]) -> None:
    """Commit all files together with the README that lists them and the files of earlier runs."""
    dataset, folder = details_dataset(model), details_folder(model)
    placed: dict[str, bytes | None] = {f"{dataset}/{folder}/{name}": data for name, data in files.items()}
    for attempt in range(TRIES):
        head = _head(store, dataset)
        there = {entry.path for entry in store.list(dataset, head)} if head is not None else set()
        if placed.keys() <= there:
            return
        names = sorted(
            path.rsplit("/", 1)[1] for path in there | placed.keys() if path.startswith(f"{dataset}/{folder}/")
        )
        owner = store.name.removeprefix("hub:")
        readme = write_readme(model, f"{owner}/{dataset}", names)
        try:
            store.replace(placed | {f"{dataset}/README.md": readme.encode()}, head, f"Answers of {model}, {when:%F}")
            return
        except ConflictError:
            if attempt == TRIES - 1:  # other precisions of the same model keep being published
                raise


def _head(store: Store, dataset: str) -> Rev | None:
    try:
        return store.head(dataset)
    except NotFoundError:
        return None


def write_readme(model: str, dataset: str, names: list[str]) -> str:
    """Return the card of a details dataset (`owner/name`): a config per task, a split per run, and `latest`."""
    prefix = details_folder(model)
    configs: dict[str, dict[str, str]] = {}  # config → stamp → file
    for name in names:
        match = FILE.fullmatch(name)
        if match:
            config = re.sub(r"[^\w-]", "_", match["task"] or "results")
            configs.setdefault(f"{prefix}__{config}", {})[match["stamp"]] = name
    header = {
        "pretty_name": f"Evaluation run of {model}",
        "configs": [
            {
                "config_name": config,
                "data_files": [
                    # complete paths: a pattern needs folders in a server's listing, which some servers omit
                    *({"split": _split(stamp), "path": [f"{prefix}/{runs[stamp]}"]} for stamp in sorted(runs)),
                    {"split": "latest", "path": [f"{prefix}/{runs[max(runs)]}"]},
                ],
            }
            for config, runs in sorted(configs.items())
        ],
    }
    runs = sorted({stamp for stamps in configs.values() for stamp in stamps})
    first = next((config for config in sorted(configs) if not config.endswith("__results")), f"{prefix}__results")
    return (
        f"---\n{yaml.safe_dump(header, sort_keys=False, allow_unicode=True)}---\n\n"
        f"# Dataset Card for Evaluation run of {model}\n\n"
        f"Every answer that [{model}](https://huggingface.co/{model}) gave: one configuration for each task, one split "
        f"for each of its {len(runs)} run(s), named by its time; `latest` is the newest. `{prefix}__results` holds the "
        "aggregated results. Questions of gated benchmarks are left out: only hashes and scores are kept.\n\n"
        "```python\nfrom datasets import load_dataset\n\n"
        f'answers = load_dataset("{dataset}", "{first}", split="latest")\n```\n'
    )


def _split(stamp: str) -> str:
    return re.sub(r"[^\w.]", "_", stamp)
