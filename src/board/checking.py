"""What is wrong with a board's own files, and what its operators may not expect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import yaml

from src.board.accent import DARK, LIGHT, accent
from src.board.table.columns import columns
from src.core import suites
from src.core.errors import BadInputError, NotFoundError
from src.core.profile.reading import ABOUT, CONFIG, DATASET, Profile, ProfileReader
from src.core.store import Store


class BoardFinding(NamedTuple):
    """Something about a board's own files. `is_fault`: it does not count as it stands."""

    is_fault: bool
    text: str


def check(store: Store) -> list[BoardFinding]:
    """Return every finding, faults first. Raise StoreError."""
    profile = ProfileReader(store).read()
    faults = [BoardFinding(True, text) for text in profile.problems.values()]
    faults += [BoardFinding(True, text) for text in (*_names(profile), *_tasks(store, profile))]
    hints = [BoardFinding(False, text) for text in (*_looks(profile), *_missing(profile), *_moderation(profile))]
    return [*faults, *hints]


def _names(profile: Profile) -> Iterator[str]:
    """Yield suites and columns that nothing has."""
    named = [("suite", profile.config.suite)] if profile.config.suite else []
    named += [("suites", name) for name in profile.config.suites]
    for key, name in named:
        if name not in suites.names():
            yield f"{DATASET}/{CONFIG}: `{key}` names '{name}'; there are {', '.join(suites.names())}."
    known = {column.key for name in profile.suite_names or suites.names()[:1] for column in columns(suites.load(name))}
    for key in profile.config.columns:
        if key not in known:
            yield f"{DATASET}/{CONFIG}: `columns` names '{key}', which no suite of the board has."


def _tasks(store: Store, profile: Profile) -> Iterator[str]:
    """Yield task files that are no YAML mapping."""
    try:
        entries = store.list(f"{DATASET}/tasks")
    except NotFoundError:
        return
    for entry in entries:
        if not entry.path.endswith((".yaml", ".yml")):
            continue
        try:
            data = yaml.load(store.read(entry.path), _TaskLoader)
        except (BadInputError, yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
            yield f"{entry.path}: it is no YAML: {error}."
            continue
        if not isinstance(data, dict):
            yield f"{entry.path}: a task is a mapping of keys, not {type(data).__name__}."
        elif not {"task", "group", "tag", "include"} & data.keys():
            yield f"{entry.path}: it has no key `task`."


def _looks(profile: Profile) -> Iterator[str]:
    if profile.config.accent:
        for theme, ground in (("light", LIGHT), ("dark", DARK)):
            made = accent(profile.config.accent, ground)
            if made.is_moved:
                yield (
                    f"The accent {profile.config.accent} cannot be read as text in the {theme} theme; "
                    f"{made.text.hex} is used there."
                )


def _missing(profile: Profile) -> Iterator[str]:
    if CONFIG not in profile.files:
        yield f"There is no {DATASET}/{CONFIG}: the board has no name of its own. `python app.py new` writes one."
        return
    if not profile.config.operators:
        yield "No operators are named: nobody can moderate on the page."
    if profile.config.url is None:
        yield "No `url` is given: cards and citations cannot link to the board (a Space fills it in by itself)."
    if ABOUT not in profile.files:
        yield f"There is no {DATASET}/{ABOUT}: the About page shows the suites only."


def _moderation(profile: Profile) -> Iterator[str]:
    known = set(profile.config.operators)
    strangers = sorted({each.by for each in profile.moderation.active} - known)
    if strangers and known:
        yield f"Decisions that count are by people who are no operators in board.toml now: {', '.join(strangers)}."


class _TaskLoader(yaml.SafeLoader):
    """Reads lm-eval's tags (`!function`) as text; nothing is run."""


_TaskLoader.add_multi_constructor("!", lambda loader, suffix, node: f"!{suffix}")
