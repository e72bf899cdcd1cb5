"""Model names come from strangers: what a name may be, and the paths and repository names made of one."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import UTC, datetime
from urllib.parse import unquote

from src.core.errors import BadInputError

LONGEST_REPO = 96  # what the Hub takes
LONGEST_NAME = 200

_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)[-:](\d\d)[-:](\d\d)(?:\.(\d{1,6}))?")


def is_model_name(text: object) -> bool:
    """Return whether `text` could name a repository on the Hub: `org/name`, or one part alone as `gpt2` has."""
    if not isinstance(text, str) or text.count("/") > 1 or "--" in text or ".." in text:
        return False
    return all(_PART.fullmatch(part) and not part.endswith(".git") for part in text.split("/"))


def check_model_name(text: object) -> str:
    """`text`, if it is a model name. Raises BadInputError, before it can become part of a path."""
    if not is_model_name(text):
        raise BadInputError(
            f"{_shown(text)} cannot be a model's name: it is `organisation/name`, "
            "of letters, digits, `-`, `_` and `.`, each part at most 96 long."
        )
    return str(text)


ENDPOINT = "endpoint:"
"""Begins the name of a model that a server of the operator's answers for; such a name is no repository."""


def endpoint_of(model: object) -> str | None:
    """Return NAME of `endpoint:NAME`; None for every other name."""
    name = model.removeprefix(ENDPOINT) if isinstance(model, str) and model.startswith(ENDPOINT) else ""
    return name if "/" not in name and is_model_name(name) else None


def check_subject(text: object) -> str:
    """`text`, if a request may be about it: a model's name or `endpoint:NAME`. Raises BadInputError."""
    return str(text) if endpoint_of(text) else check_model_name(text)


def is_row_name(text: object) -> bool:
    """Return whether `text` can name a row: any line of printable text, such as `org/x:free` or a local path."""
    return isinstance(text, str) and 0 < len(text) <= LONGEST_NAME and text.isprintable() and text == text.strip()


def is_local_path(text: str) -> bool:
    """Return whether a model was named by its place on somebody's disk."""
    return text.startswith(("/", "./", "../", "~", "\\")) or re.match(r"[A-Za-z]:[\\/]", text) is not None


def folder_of(model: str) -> str:
    """Return a model's folder in a store; `model_of_folder` reverses it.

    A repository's name is its folder. Of other names letters, digits, `-`, `_` and `.` stay, other characters become
    `%XX`, and the first `/` splits the folder in two.
    Raises BadInputError if `model` names no row, or is too long for a file system.
    """
    if is_model_name(model):
        return model
    if not is_row_name(model):
        raise BadInputError(
            f"{_shown(model)} cannot be a model's name: it must be one line of text, at most {LONGEST_NAME} characters."
        )
    first, _, rest = model.partition("/")
    folder = "/".join(_encoded(part) for part in ((first, rest) if first and rest else (model,)))
    if any(len(part.encode()) > 200 for part in folder.split("/")):
        raise BadInputError(f"{_shown(model)} is too long a name for a folder; give a shorter one with --model.")
    return folder


def model_of_folder(folder: str) -> str:
    """Return the name that `folder_of` made `folder` of."""
    return unquote(folder)


def result_path(model: str, when: datetime) -> str:
    """Return where the result of a run that ended at `when` lies in a store.

    Raises BadInputError if `model` names no row.
    """
    stamp = when.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
    return f"results/{folder_of(model)}/results_{stamp}.json"


def details_folder(model: str) -> str:
    """Return the folder of a model's samples inside its details dataset."""
    return folder_of(model).replace("/", "__")


def details_dataset(model: str) -> str:
    """Return the dataset of a model's samples, `{org}__{model}-details`.

    A short hash keeps apart what that form alone would not: `a__b/c` and `a/b__c`, names over 96 characters, and names
    with characters that no dataset may have.
    """
    joined = folder_of(model).replace("/", "__")
    plain = joined + "-details"
    is_plain = is_model_name(model)
    if is_plain and "__" not in model and len(plain) <= LONGEST_REPO:
        return plain
    if not is_plain:
        plain = (re.sub(r"[^A-Za-z0-9_]+", "-", model.replace("/", "__")).strip("-") or "model") + "-details"
    mark = hashlib.sha256(model.encode()).hexdigest()[:8]
    return f"{plain[: LONGEST_REPO - len('-details') - 9].removesuffix('-details')}-{mark}-details"


def model_of_path(path: str) -> str | None:
    """Return the model a result file's path speaks of: `…/{org}/{model}/results_*.json` or `…/{org}__{model}/…`."""
    folders = path.replace("\\", "/").split("/")[:-1]
    below: list[str] = []
    if "results" in folders:  # of a store only: two folders of somebody's disk are no model
        below = folders[len(folders) - folders[::-1].index("results") :]
    folder = "/".join(below)
    stored = model_of_folder(folder)
    if not is_model_name(stored) and is_row_name(stored) and folder_of(stored) == folder:
        return stored
    if folders and "__" in folders[-1]:
        joined = folders[-1].removesuffix("-details").replace("__", "/", 1)
        return joined if is_model_name(joined) else None
    return stored if 1 <= len(below) <= 2 and is_model_name(stored) else None


def time_of_path(path: str) -> datetime | None:
    """Return the time in a file's name, `results_2024-06-19T03-56-15.142347.json`, as UTC."""
    found = _STAMP.search(path.replace("\\", "/").rsplit("/", 1)[-1])
    if not found:
        return None
    day, hour, minute, second, fraction = found.groups()
    try:
        return datetime.fromisoformat(f"{day}T{hour}:{minute}:{second}.{(fraction or '0'):0<6}+00:00")
    except ValueError:
        return None


def _encoded(part: str) -> str:
    """Return one part of a name as a file name: no separators, no leading or trailing dot, no decomposed letters."""
    return "".join(
        character
        if character in "-_"
        or (character == "." and 0 < at < len(part) - 1)
        or (character.isalnum() and unicodedata.normalize("NFC", character) == character)
        else "".join(f"%{byte:02X}" for byte in character.encode())
        for at, character in enumerate(part)
    )


def _shown(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 80 else shown[:77] + "…'"
