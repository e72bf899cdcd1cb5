"""The files of the last good sync, on this machine: what a board on the Hub shows before the Hub has answered."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tempfile
from datetime import datetime
from pathlib import Path

from src.board.live.sources import Contents, build
from src.core.moderation.entries import ModerationEntry
from src.core.profile.reading import Profile
from src.core.store import Entry

DIGEST = 32  # bytes before those of a kept file that tell whether it is whole


class Copy:
    """The files of the last good sync, on disk by their oid; the manifest is written last and names what is whole."""

    def __init__(self, folder: Path, store: str) -> None:
        self.store = store
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", store)[:60]
        self.folder = folder / f"{slug}-{hashlib.sha256(store.encode()).hexdigest()[:8]}"

    def last(self) -> Contents | None:
        """Return what the last sync showed, or None if there was none or it is damaged."""
        try:
            manifest = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
            files = tuple(Entry(*entry) for entry in manifest["files"])
            heads = dict(manifest["heads"])
            as_of = datetime.fromisoformat(manifest["as_of"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        blobs = {entry.path: data for entry in files if (data := self.read(entry)) is not None}
        return build(heads, files, blobs, None, as_of) if len(blobs) == len(files) else None

    def profile(self) -> tuple[dict[str, bytes], list[ModerationEntry]] | None:
        """Return the files and the moderation of the profile that the last sync showed; None if there was none."""
        try:
            kept = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))["profile"]
            files = {path: base64.b64decode(data) for path, data in kept["files"].items()}
            return files, [ModerationEntry.model_validate(entry) for entry in kept["moderation"]]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def read(self, entry: Entry) -> bytes | None:
        """Return the bytes of `entry`, if they are here whole."""
        try:
            kept = self._blob(entry).read_bytes()
        except OSError:
            return None
        digest, data = kept[:DIGEST], kept[DIGEST:]
        return data if hashlib.sha256(data).digest() == digest else None

    def write(self, entry: Entry, data: bytes) -> None:
        """Keep bytes that a sync has just fetched; they count once `keep` has named them. A full disk is no error."""
        try:
            _write(self._blob(entry), hashlib.sha256(data).digest() + data)
        except OSError:
            return

    def keep(self, contents: Contents, profile: Profile) -> None:
        """Make `contents` and `profile` what the next start shows, and drop what they do not name."""
        manifest = {
            "store": self.store,
            "as_of": contents.as_of.isoformat(),
            "heads": dict(contents.heads),
            "files": [list(entry) for entry in contents.files],
            "profile": {
                "files": {path: base64.b64encode(data).decode() for path, data in profile.files.items()},
                "moderation": [entry.model_dump(mode="json") for entry in profile.moderation.entries],
            },
        }
        try:
            # manifest last: it may only name blobs that are whole
            _write(self.folder / "manifest.json", json.dumps(manifest, indent=1).encode())
            wanted = {self._blob(entry).name for entry in contents.files}
            for blob in (self.folder / "blobs").iterdir():
                if blob.name not in wanted:
                    blob.unlink(missing_ok=True)
        except OSError:
            return

    def forget(self) -> None:
        """Remove the copy, so that the next start finds none."""
        (self.folder / "manifest.json").unlink(missing_ok=True)

    def _blob(self, entry: Entry) -> Path:
        return self.folder / "blobs" / hashlib.sha256(entry.oid.encode()).hexdigest()


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
