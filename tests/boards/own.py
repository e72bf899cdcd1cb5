"""A board of its own: another name, looks and suites than the public one, in a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from src.board.live.snapshot import Board
from src.core.frames.frame import from_contents, to_contents, write_parquet
from src.core.store import LocalStore
from src.core.suites import load, provide

NAME = "Baltic Language Board"
LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="13" fill="#b5651d"/></svg>'
)
CONFIG = f"""
name = "{NAME}"
description = "How well open models read and write Latvian, Lithuanian and Estonian."
url = "https://boards.example/baltic"
authors = "Ozola, Anna and Kask, Mari"
logo = "logo.svg"
accent = "#b5651d"
suite = "latvian"
operators = ["alice", "bob"]

[[links]]
title = "Paper"
url = "https://boards.example/paper"

[announcement]
text = "Estonian joined in March."
"""
ABOUT = "# Three languages\n\nMade by **volunteers**. <script>alert(1)</script> [bad](javascript:alert(1))\n"
LANGUAGES = {"latvian": "Latvian", "lithuanian": "Lithuanian", "estonian": "Estonian"}
MODELS = tuple(f"org{n % 4}/model-{n}" for n in range(24))


def suite(name: str, title: str, benchmarks: int = 3) -> str:
    """A suite as its file has it."""
    head = f'name = "{name}"\ntitle = "{title}"\nhelp = "Reading in {title}."\n'
    parts = [
        f'[[benchmark]]\nkey = "{key}"\ntitle = "{words}"\nhelp = "{words} in {title}."\nmetrics = ["acc"]\n'
        f'tasks = [{{ name = "{name}_{key}", items = 500, options = 4 }}]\n'
        for key, words in (("reading", "Reading"), ("grammar", "Grammar"), ("culture", "Culture"))[:benchmarks]
    ]
    return head + "\n".join(parts)


def make(folder: Path, config: str = CONFIG) -> LocalStore:
    """Return the store of a board with three suites of 24 rows each."""
    store = LocalStore(folder)
    files = {f"board/suites/{name}.toml": suite(name, title).encode() for name, title in LANGUAGES.items()}
    files |= {"board/board.toml": config.encode(), "board/about.md": ABOUT.encode(), "board/logo.svg": LOGO.encode()}
    store.replace(dict(files), None)
    provide({path.removeprefix("board/"): data.decode() for path, data in files.items() if "suites/" in path})
    head = None
    for seed, name in enumerate(LANGUAGES):
        known = load(name)
        table = write_parquet(to_contents(from_contents(_table(known, seed), known), known, None))
        head = store.replace({f"contents/{name}/train-00000-of-00001.parquet": table}, head)
    return store


def synced(store: LocalStore) -> Board:
    """Return a board that has read its store once."""
    board = Board(store, local=True)
    board.sync()
    assert board.state.problem is None
    return board


def written(store: LocalStore) -> list[dict[str, Any]]:
    """Return the moderation entries in a store, by file name."""
    return [json.loads(store.read(entry.path)) for entry in store.list("board/moderation")]


def _table(known: Any, seed: int) -> Any:
    import pandas as pd

    rng = np.random.default_rng(seed)
    columns = {each.column: np.round(40 + 45 * rng.random(len(MODELS)), 2) for each in known.benchmarks}
    return pd.DataFrame(
        {
            "fullname": MODELS,
            "Precision": "bfloat16",
            "Model sha": [f"{n:040x}" for n in range(len(MODELS))],
            "Type": "🟢 pretrained",
            "#Params (B)": [1.0 + n for n in range(len(MODELS))],
            "Hub License": "apache-2.0",
            "Submission Date": "2025-02-01",
            **columns,
        }
    )
