"""Where imported results go in a store: runs of one model and one time each keep a path of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from src.board.importing.reader import FoundResult
from src.core.errors import NotFoundError
from src.core.names import result_path
from src.core.store import Store
from src.core.store.files import blob_id

STEP = timedelta(microseconds=1)


def placed(found: Iterable[FoundResult], store: Store) -> Mapping[str, FoundResult]:
    """Return each result by its path in `store`; another file of the same time moves on by a microsecond.

    A file that is in the store already keeps its path, so importing it again changes nothing.
    """
    try:
        taken = {entry.path: entry.oid for entry in store.list("results")}
    except NotFoundError:
        taken = {}
    paths: dict[str, FoundResult] = {}
    for each in found:
        when, oid = each.when, blob_id(each.data)
        while taken.get(path := result_path(each.result.model, when), oid) != oid:
            when += STEP
        taken[path] = oid
        paths[path] = replace(each, when=when)
    return paths
