"""Files of a store: the paths they may have, and the names that git and the Hub give their bytes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from src.core.errors import BadInputError

DATASET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}")
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")


def is_hand_edited(path: str) -> bool:
    """Return whether a file is one that operators change in a folder with an editor: no damage if it differs."""
    return path.startswith("board/") and not path.startswith("board/moderation/")


def blob_id(data: bytes) -> str:
    """Return the name git gives these bytes; both stores use it, so a file keeps its oid when a board moves."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def blob_id_of_file(path: Path, size: int) -> str:
    """Return the name git gives the bytes of a file of `size` bytes. Raises OSError."""
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sha256(data: bytes) -> str:
    """Return how the Hub names large files."""
    return hashlib.sha256(data).hexdigest()


def split_path(path: str) -> tuple[str, str]:
    """(dataset, path within it; "" for the dataset itself).

    Raises BadInputError for a path that could leave its place.
    """
    dataset, _, rest = path.strip("/").partition("/")
    if not DATASET.fullmatch(dataset) or ".." in dataset:
        raise BadInputError(f"'{dataset}' is no name of a dataset: use letters, digits, '-', '_' and '.', at most 96.")
    for part in rest.split("/") if rest else ():
        if part in {"", ".", "..", ".git"} or len(part.encode()) > 255 or FORBIDDEN.search(part):
            raise BadInputError(f"'{path}' is no path in a store: '{part}' is not a plain file name.")
    return dataset, rest


def one_dataset(files: Mapping[str, bytes] | Mapping[str, bytes | None]) -> tuple[str, list[tuple[str, bytes | None]]]:
    """Return the dataset of a commit, and its files by path within the dataset.

    Raises BadInputError if it spans two or holds nothing.
    """
    split = [(*split_path(path), data) for path, data in files.items()]
    datasets = {dataset for dataset, _, _ in split}
    if len(datasets) != 1 or any(not rest for _, rest, _ in split):
        raise BadInputError(f"A commit writes files of one dataset; these are of {sorted(datasets) or 'none'}.")
    return datasets.pop(), sorted((rest, data) for _, rest, data in split)
