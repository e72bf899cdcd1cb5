"""Published models whose weights did not fit: their headers are read again, and they are put back into the queue."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from src.board.audit import AuditFinding, finding
from src.board.queue.submission import Look
from src.core.errors import BoardError
from src.core.frames.frame import to_contents, write_parquet
from src.core.model.checks import Repository
from src.core.published import published
from src.core.queue import Queue, request_key
from src.core.records import Request
from src.core.store import Store
from src.core.suites import Suite
from src.core.table_paths import contents_path


@dataclass(frozen=True)
class UnfitRow:
    """A published row whose weights did not fit, or could not be looked at (`is_unread`), and why."""

    row: str
    reason: str
    is_unread: bool = False

    def finding(self) -> AuditFinding:
        """Return it as the audit reports it."""
        return finding("unread" if self.is_unread else "weights", [self.row], f"{self.row}: {self.reason}")


def unfit_rows(frame: pd.DataFrame, store: Store, look: Look) -> Iterator[UnfitRow]:
    """Read the headers of every row's weights at its commit; yield the rows whose weights do not fit."""
    for row in frame.to_dict("records"):
        model, revision = str(row["model"]), row["revision"]
        weight_type = str(row["weight_type"]) if pd.notna(row.get("weight_type")) else "Original"
        if pd.isna(revision):
            yield UnfitRow(str(row["id"]), "its commit is not known.", is_unread=True)
            continue
        try:
            repository = Repository(look(model, str(revision)), weight_type=weight_type)
            fit = repository.fit
        except BoardError as error:
            yield UnfitRow(str(row["id"]), str(error), is_unread=True)
            continue
        if fit is None:
            continue
        if fit.copies:
            yield UnfitRow(str(row["id"]), f"the weights hold more than one model ({', '.join(fit.copies)}).")
        elif fit.missing:
            more = f" and {len(fit.missing) - 1:,} more" if len(fit.missing) > 1 else ""
            yield UnfitRow(str(row["id"]), f"`{fit.missing[0]}`{more} missing.")
        elif fit.renamed and not _was_noted(row, store):
            yield UnfitRow(str(row["id"]), f"its tensors' names begin `{fit.prefix}`, which was not taken off.")


def _was_noted(row: Mapping[str, object], store: Store) -> bool:
    """Return whether the run of a row took the prefix off: its result says so."""
    path = row.get("result_path")
    if not isinstance(path, str):
        return False
    try:
        config = json.loads(store.read(path)).get("config")
    except (BoardError, ValueError, AttributeError):
        return False
    notes = config.get("notes") if isinstance(config, dict) else None
    return any("is taken off" in str(note) for note in notes or ())


def requeue(rows: list[str], suite: Suite, store: Store, queue: Queue, by: str) -> list[Request]:
    """Put the models of these rows back into the queue and take the rows off the table; return the new requests.

    A result of theirs no longer counts, whatever becomes of the new request.
    """
    path = contents_path(suite.name)
    head, frame = published(store, path)
    if frame is None:
        return []
    taken = frame[frame["id"].isin(rows)]
    state = queue.snapshot()
    submitted = []
    for row in taken.to_dict("records"):
        request = _request(row, suite, by)
        while (key := request_key(request)) in state:
            known = state[key].request
            request = known.model_copy(update={"again": request.again + 1, "notes": (), "sender": known.sender or by})
        queue.submit(request)
        submitted.append(request)
    left = frame[~frame["id"].isin(rows)]
    left.attrs.update(frame.attrs)
    owner = store.name.removeprefix("hub:") if store.name.startswith("hub:") else "open-llm-leaderboard"
    store.replace({path: write_parquet(to_contents(left, suite.name, owner))}, head, f"Put {len(taken)} rows back")
    return submitted


def _request(row: Mapping[str, object], suite: Suite, by: str) -> Request:
    known = {name: value for name, value in row.items() if not isinstance(value, float) and pd.notna(value)}
    params = row.get("params_b")
    return Request(
        model=str(row["model"]),
        revision=str(row["revision"]),
        precision=str(known.get("precision", "bfloat16")),
        weight_type=str(known.get("weight_type", "Original")),  # type: ignore[arg-type]  # validated by the record
        base_model=str(known["base_model"]) if known.get("weight_type") in ("Adapter", "Delta") else None,
        use_chat_template=bool(known["chat_template"]) if "chat_template" in known else None,
        params=float(params) if isinstance(params, float) and pd.notna(params) else None,
        architectures=str(known["architecture"]) if "architecture" in known else None,
        suite=suite.name,
        suite_version=suite.version,
        sender=by,
    )
