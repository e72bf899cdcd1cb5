"""Model names come from strangers: what a name may be, and the paths and repository names made of one."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime

from src.core.errors import BadInput

LONGEST_REPO = 96  # what the Hub takes

_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)[-:](\d\d)[-:](\d\d)(?:\.(\d{1,6}))?")


def is_model_name(text: object) -> bool:
    """Whether `text` could name a repository on the Hub: `org/name`, or one part alone as `gpt2` has."""
    if not isinstance(text, str) or text.count("/") > 1 or "--" in text or ".." in text:
        return False
    return all(_PART.fullmatch(part) and not part.endswith(".git") for part in text.split("/"))


def check_model_name(text: object) -> str:
    """`text`, if it is a model name. Raises BadInput, before it can become part of a path."""
    if not is_model_name(text):
        raise BadInput(
            f"{_shown(text)} cannot be a model's name: it is `organisation/name`, "
            "of letters, digits, `-`, `_` and `.`, each part at most 96 long."
        )
    return str(text)


def result_path(model: str, when: datetime) -> str:
    """Where the result of a run that ended at `when` lies in a store. Raises BadInput for a name that is none."""
    stamp = when.astimezone(UTC).strftime("%Y-%m-%dT%H-%M-%S.%f")
    return f"results/{check_model_name(model)}/results_{stamp}.json"


def details_dataset(model: str) -> str:
    """The dataset of a model's samples, `{org}__{model}-details`.

    A short hash keeps apart what that form alone would not: `a__b/c` and `a/b__c`, or names over 96 characters.
    """
    plain = check_model_name(model).replace("/", "__") + "-details"
    if "__" not in model and len(plain) <= LONGEST_REPO:
        return plain
    mark = hashlib.sha256(model.encode()).hexdigest()[:8]
    return f"{plain[: LONGEST_REPO - len('-details') - 9].removesuffix('-details')}-{mark}-details"


def model_of_path(path: str) -> str | None:
    """The model a result file's path speaks of: `…/{org}/{model}/results_*.json` or `…/{org}__{model}/…`."""
    folders = path.replace("\\", "/").split("/")[:-1]
    if folders and "__" in folders[-1]:
        joined = folders[-1].removesuffix("-details").replace("__", "/", 1)
        return joined if is_model_name(joined) else None
    # below a store's `results/` only: two folders of somebody's disk are no model
    if "results" in folders:
        below = folders[len(folders) - folders[::-1].index("results") :]
        joined = "/".join(below)
        return joined if 1 <= len(below) <= 2 and is_model_name(joined) else None
    return None


def time_of_path(path: str) -> datetime | None:
    """The time in a file's name, `results_2024-06-19T03-56-15.142347.json`, as UTC."""
    found = _STAMP.search(path.replace("\\", "/").rsplit("/", 1)[-1])
    if not found:
        return None
    day, hour, minute, second, fraction = found.groups()
    try:
        return datetime.fromisoformat(f"{day}T{hour}:{minute}:{second}.{(fraction or '0'):0<6}+00:00")
    except ValueError:
        return None


def _shown(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= 80 else shown[:77] + "…'"
