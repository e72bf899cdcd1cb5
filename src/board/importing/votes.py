"""Votes between pairs of models, fitted to ratings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from src.board.importing.files import Imported
from src.core import suites
from src.core.frames.frame import read_table
from src.core.frames.preferences import from_votes
from src.core.published import publish
from src.core.store import Store


def import_votes(files: Sequence[Path | str], store: Store, suite: str | None = None) -> Imported:
    """Fit a rating to the votes of all tables together and replace the store's ratings.

    Ratings compare the models that were voted on together, so earlier ones are never mixed in. Raises BadInputError.
    """
    known = suites.load(suite or "votes")
    frame = from_votes(pd.concat([read_table(path) for path in files], ignore_index=True), known)
    rows = publish(frame, store, keep=False)
    return Imported({known.name: rows}, {known.name: len(frame)}, 0, frame.attrs["notes"])
