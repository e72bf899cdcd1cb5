"""Settings → the board: which store, which sample, which copy."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huggingface_hub import get_token

from src.board.live.history import History
from src.board.live.maintenance import Maintenance
from src.board.live.snapshot import Board
from src.core.errors import NotFoundError
from src.core.store import LocalStore, Store, open_store
from src.core.store.inspection import Inspection
from src.settings import PUBLIC, ROOT, Settings

SAMPLE = ROOT / "assets" / "sample"
SAMPLE_TIME = datetime(2025, 3, 1, 20, 45, tzinfo=UTC)
"""The moment at which the sample stands still: the leases of its queue run, and its boxes work."""
LOG = ".board"  # of a store that somebody opened on the code's own folder
LOCAL_POLL = 5.0  # seconds; asking a folder costs nothing


def open_board(settings: Settings) -> Board:
    """Return the board that `settings` name, not started. Raises NotFoundError for a folder that does not exist."""
    name = settings.store or PUBLIC
    called = settings.name if "name" in settings.model_fields_set else None
    if name.startswith("hub:"):
        sample = open_sample(settings.cache) if settings.store is None else None
        store = open_store(name)
        writes = _writing(store) if settings.store and get_token() else {}
        return Board(store, settings.cache, sample=sample, poll=settings.poll, name=called, **writes)
    if not Path(name).expanduser().is_dir():
        raise NotFoundError(
            f"There is no folder {name}. Make a board there with `python app.py new {name}` or "
            f"`python app.py import FILE --store {name}`, or name an owner on the Hub: `--store hub:OWNER`."
        )
    store = LocalStore(name)
    poll = min(settings.poll, LOCAL_POLL)
    return Board(store, local=True, poll=poll, inspect=Inspection(store), name=called, **_writing(store))


def read_once(settings: Settings) -> Board:
    """Return the board that `settings` name as it is now, for a command: its store is read and not written to."""
    opened = open_board(settings)
    board = Board(opened.store, local=True, name=opened.name)
    board.sync()
    return board


def _writing(store: Store) -> dict[str, Any]:
    """Return what a board does that may write to its store: look after it, and keep a table a day."""
    return {"maintenance": Maintenance(store), "keep_day": History(store).keep}


def open_sample(cache: Path) -> Store | None:
    """Return the made-up board that comes with the code, or None if it was left out of a copy of it.

    A store keeps a log beside its files, and the code's own folder may be read-only: so a copy is opened, made once.
    """
    if not SAMPLE.is_dir():
        return None
    files = sorted(path for path in SAMPLE.rglob("*") if path.is_file() and LOG not in path.parts)
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.relative_to(SAMPLE).as_posix().encode() + b"\0" + path.read_bytes())
    here = cache / f"sample-{digest.hexdigest()[:12]}"
    if not here.is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(dir=cache))
        shutil.copytree(SAMPLE, making, dirs_exist_ok=True, ignore=shutil.ignore_patterns(LOG))
        try:
            making.rename(here)  # whole or not at all, also if two boards start together
        except OSError:
            shutil.rmtree(making)
    return LocalStore(here, clock=lambda: SAMPLE_TIME)
