"""The published tables of a store: where they are, and how new rows join the rows that are there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import pandas as pd

from src.core import suites
from src.core.errors import BadInputError, ConflictError, CorruptError, NotFoundError
from src.core.frames.frame import (
    from_contents,
    from_records,
    read_table,
    to_contents,
    write_parquet,
)
from src.core.frames.merging import merged
from src.core.names import folder_of, is_model_name
from src.core.records import Request, Result
from src.core.recovery import Recovery, suites_of_history
from src.core.store import Store
from src.core.store.salvage import set_aside
from src.core.table_paths import contents_path, suite_of_path

log = logging.getLogger(__name__)

TRIES = 5  # attempts while other writers publish too


def frames_of(
    models: Iterable[str], store: Store, names: Iterable[str] | None = None, requests: Iterable[Request] = ()
) -> list[pd.DataFrame]:
    """Return one frame per suite that any of `models` ran, from all their results in `store`, for `publish`.

    All runs of a model are read, since earlier ones complete later ones. `requests`, and request files of the old
    layout, add what harnesses do not know.
    """
    results, known = [], list(requests)
    for model in sorted(set(models)):
        for path in _listed(store, f"results/{folder_of(model)}", "results_"):
            try:
                results.append(Result.read(store.read(path), path))
            except CorruptError as error:  # the other runs of the model count
                log.warning("%s", error)
        if not is_model_name(model):
            continue
        organisation, _, name = model.rpartition("/")
        files = _listed(store, f"requests/{organisation}".rstrip("/"), f"{name}_eval_request_")
        known += [Request.read(store.read(path)) for path in files]
    built = (from_records(results, known, name) for name in names or suites.names())
    return [frame for frame in built if len(frame)]


def publish(frame: pd.DataFrame, store: Store, keep: bool = True) -> int:
    """Merge `frame` into its suite's published table (without `keep`: replace it) and return the number of rows."""

    def joined(known: pd.DataFrame | None) -> pd.DataFrame:
        return frame if known is None else merged([known, frame])

    return revise(frame.attrs["suite"], joined, store, keep)


def revise(suite: str, change: Callable[[pd.DataFrame | None], pd.DataFrame], store: Store, keep: bool = True) -> int:
    """Replace a suite's published table by what `change` makes of it and return the number of rows.

    `change` is called again if another process published meanwhile; without `keep` it always gets None.
    """
    path = contents_path(suite)
    owner = store.name.removeprefix("hub:") if store.name.startswith("hub:") else None
    for attempt in range(TRIES):
        head, known = whole_table(store, suite) if keep else (_head(store), None)
        whole = change(known)
        try:
            store.replace({path: write_parquet(to_contents(whole, suite, owner))}, head, f"Publish {suite}")
            return len(whole)
        except ConflictError:
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


def published(store: Store, path: str) -> tuple[str | None, pd.DataFrame | None]:
    """Return the head of the store's contents and the frame at `path`, each None if it does not exist yet."""
    try:
        head = store.head("contents")
    except NotFoundError:
        return None, None
    try:
        return head, from_contents(read_table(store.read(path, head), path), suite_of_path(path))
    except NotFoundError:
        return head, None


def whole_table(store: Store, suite: str) -> tuple[str | None, pd.DataFrame | None]:
    """Return the head of the store's contents and every row of a suite that new rows may join.

    If the published table is damaged or missing, these are the rows that the store's other files hold. The damaged
    file is set aside first, since the next publication takes its place.
    """
    path = contents_path(suite)
    try:
        head, frame = published(store, path)
    except (BadInputError, CorruptError) as error:
        log.warning("The table of %s is built again: %s", suite, error)
        set_aside(store, path)
        return _head(store), Recovery(store).frame(suite)[0]
    if frame is None and suite in suites_of_history(store):
        return head, Recovery(store).frame(suite)[0]
    return head, frame


def _head(store: Store) -> str | None:
    try:
        return store.head("contents")
    except NotFoundError:
        return None


def _listed(store: Store, folder: str, start: str) -> list[str]:
    """Return the paths of a folder's .json files whose names begin with `start`."""
    try:
        paths = [entry.path for entry in store.list(folder)]
    except NotFoundError:
        return []
    return [path for path in paths if path.startswith(f"{folder}/{start}") and path.endswith(".json")]
