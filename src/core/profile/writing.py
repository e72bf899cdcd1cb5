"""Write the dataset `board` of a new board."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from src.core import suites
from src.core.errors import BadInputError, NotFoundError
from src.core.profile.config import parse
from src.core.profile.reading import ABOUT, CONFIG, DATASET
from src.core.store import LocalStore


@dataclass(frozen=True)
class NewBoard:
    """The answers that make a board. `suites`: names, or paths of .toml files."""

    name: str
    description: str
    suites: tuple[str, ...]
    operators: tuple[str, ...]


def write(folder: Path, board: NewBoard) -> Iterator[Path]:
    """Write the files and yield where they are. Raise BadInputError for answers that make no board."""
    store = LocalStore(folder)
    try:
        if store.list(DATASET):
            raise BadInputError(f"{folder}/{DATASET} holds a board already. Edit its board.toml.")
        head = store.head(DATASET)
    except NotFoundError:
        head = None
    files: dict[str, bytes] = {}
    names, own = [], 0
    for each in board.suites:
        suite = suites.load(each)
        names.append(suite.name)
        if each.endswith(".toml"):
            files[f"{DATASET}/suites/{suite.name}.toml"] = Path(each).read_bytes()
            own += 1
    shipped = [name for name in names if f"{DATASET}/suites/{name}.toml" not in files]
    config = _config(board, names, shipped).encode()
    parse(config)
    files[f"{DATASET}/{CONFIG}"] = config
    files[f"{DATASET}/{ABOUT}"] = ABOUT_TEXT.format(name=board.name, description=board.description).encode()
    files[f"{DATASET}/tasks/README.md"] = TASKS_TEXT.encode()
    store.replace(dict(files), head, "A new board")
    yield from (folder / path for path in files)


def _config(board: NewBoard, names: list[str], shipped: list[str]) -> str:
    def text(value: object) -> str:
        return json.dumps(value, ensure_ascii=False)  # strings and lists of them are the same in TOML

    lines = [f"name = {text(board.name)}"]
    if board.description:
        lines.append(f"description = {text(board.description)}")
    lines.append(f"suite = {text(names[0])}")
    if len(shipped) > 1 or (shipped and shipped != names[:1]):
        lines.append(f"suites = {text(shipped)}")
    lines.append(f"operators = {text(list(board.operators))}")
    return "\n".join(lines) + "\n" + MORE


MORE = """
# url = "https://huggingface.co/spaces/OWNER/NAME"   # where this board is found: cards and citations name it
# authors = "Nowak, Anna and Kim, Minji"
# logo = "logo.svg"                                   # a file beside this one; .svg, .png, .jpg or .webp
# accent = "#1a6fd0"
# columns = ["average", "params_b"]                   # what a newcomer sees besides rank and model

# [[links]]
# title = "Paper"
# url = "https://example.org"

# [announcement]
# text = "Submissions close in June."
# until = 2026-06-30

# [submissions]
# open = true
# rules = "Models with open training data only."
# largest = 70          # billions of parameters in bfloat16
# per_user = 5          # models per week
# per_organisation = 20
"""
ABOUT_TEXT = """# About {name}

{description}

This text is `about.md` beside `board.toml`, in Markdown.
"""
TASKS_TEXT = "Task files of lm-eval (YAML) that this board's suites name and the harness does not have.\n"
