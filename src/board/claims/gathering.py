"""Claims fetched from the models' repositories and kept in the published table, beside the rows they are about."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pandas as pd

from src.board.claims.reading import FOLDER, MakerClaim, maker_claims
from src.core.errors import DeniedError, NotFoundError
from src.core.frames.contents import CLAIMED
from src.core.model.source import ModelSource
from src.core.published import revise
from src.core.store import Store
from src.core.suites import Suite

MOST_BYTES = 1_000_000  # of a card or a file of results
MOST_FILES = 50

Claims = dict[str, dict[str, MakerClaim]]
"""Model → benchmark → claim."""


def gather(
    suite: Suite, models: Iterable[str], open_model: Callable[[str], ModelSource]
) -> Iterator[tuple[str, dict[str, MakerClaim] | None]]:
    """Yield each model with its claims, None if its repository cannot be read. Raises other StoreErrors."""
    for model in models:
        try:
            source = open_model(model)
            paths = [
                path for path in sorted(source.files) if path.startswith(FOLDER) and path.endswith((".yaml", ".yml"))
            ]
            texts = {path: _text(source, path) for path in paths[:MOST_FILES]}
            card = _text(source, "README.md") if "README.md" in source.files else ""
        except (NotFoundError, DeniedError):
            yield model, None
            continue
        yield model, maker_claims(suite, card, texts)


def keep(claims: Claims, suite: Suite, store: Store, is_whole: bool) -> None:
    """Put claims into a suite's published table. Raises NotFoundError if there is none."""

    def changed(known: pd.DataFrame | None) -> pd.DataFrame:
        if known is None:
            raise NotFoundError(f"{store.name} has no table of {suite.title} any more.")
        return apply(known, suite, claims, is_whole)

    revise(suite.name, changed, store)


def apply(frame: pd.DataFrame, suite: Suite, claims: Claims, is_whole: bool = True) -> pd.DataFrame:
    """Return the frame with these claims; if they are the whole of what a model claims, others of it are withdrawn."""
    changed = frame.copy()
    touched = frame["model"].isin(list(claims))
    for benchmark in suite.benchmarks:
        values = {model: of[benchmark.key] for model, of in claims.items() if benchmark.key in of}
        columns = [f"{benchmark.key}{end}" for end in CLAIMED]
        if not values and columns[0] not in frame:
            continue
        for column, read in zip(columns, (lambda claim: claim.value, lambda claim: claim.note), strict=True):
            new = frame["model"].map({model: read(claim) for model, claim in values.items()})
            old = frame[column] if column in frame else pd.Series(index=frame.index, dtype=new.dtype)
            changed[column] = new.where(touched if is_whole else new.notna(), old)
    changed.attrs = dict(frame.attrs)
    return changed


def _text(source: ModelSource, path: str) -> str:
    return source.read(path, 0, MOST_BYTES).decode("utf-8", "replace")
