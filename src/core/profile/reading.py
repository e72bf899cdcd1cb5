"""The dataset `board` as it stands: read whole, kept file by file where a file has an error."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from src.core import suites
from src.core.errors import BadInputError, ConflictError, CorruptError, NotFoundError
from src.core.moderation.entries import Moderation, ModerationEntry, read_entries
from src.core.profile.config import BoardConfig, parse
from src.core.store import Store
from src.core.store.files import blob_id, is_hand_edited
from src.core.store.salvage import folder_store

DATASET = "board"
CONFIG, ABOUT, SUITES = "board.toml", "about.md", "suites/"
LARGEST_TEXT = 256 * 1024  # bytes of board.toml, about.md and a suite
LARGEST_LOGO = 256 * 1024


@dataclass(frozen=True)
class Logo:
    """An image that the board's operators chose: bytes from the store, to be served as data."""

    data: bytes
    kind: str  # media type

    @property
    def name(self) -> str:
        """A word that changes with the bytes."""
        return blob_id(self.data)[:12]


@dataclass(frozen=True)
class Profile:
    """What the dataset `board` says. `files` are those that it was read from, the last good ones."""

    config: BoardConfig = field(default_factory=BoardConfig)
    about: str | None = None
    logo: Logo | None = None
    own_suites: tuple[str, ...] = ()  # names, in the order of their files
    files: Mapping[str, bytes] = field(default_factory=dict, compare=False)  # path within the dataset → bytes
    moderation: Moderation = field(default_factory=Moderation)
    problems: Mapping[str, str] = field(default_factory=dict)  # file → a sentence that begins with its path
    revision: str = ""

    @property
    def is_own(self) -> bool:
        """Whether the board says who it is."""
        return self.config.name is not None

    @property
    def suite_names(self) -> tuple[str, ...]:
        """Suites that models can be submitted to, the first one that a reader sees first; nothing if none is named."""
        known = suites.names()
        named = (self.config.suite, *self.config.suites, *self.own_suites)
        return tuple(dict.fromkeys(name for name in named if name and name in known))


class ProfileReader:
    """Follows the dataset `board` of one store. A file with an error leaves the last good one in place."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._profile = Profile()

    def read(self) -> Profile:
        """Return the profile now; the same object if nothing changed. One call to the store then. Raise StoreError."""
        _take_in_edits(self._store)
        try:
            revision = self._store.head(DATASET)
        except NotFoundError:
            revision = ""
        known = self._profile
        if revision == known.revision and not known.problems:
            return known
        files, problems = self._files(revision) if revision else ({}, {})
        moderation = read_entries(self._store, revision, known.moderation) if revision else Moderation()
        profile = build(files, known, problems)
        fresh = replace(profile, moderation=moderation, revision=revision)
        fresh = replace(fresh, problems={**fresh.problems, **moderation.problems})
        if fresh != known:
            self._profile = fresh
        return self._profile

    def restore(self, files: Mapping[str, bytes], entries: Sequence[ModerationEntry]) -> Profile:
        """Return the profile of files that an earlier run kept, before the store has answered."""
        self._profile = replace(build(files, Profile(), {}), moderation=Moderation(tuple(entries)), revision="copy")
        return self._profile

    def _files(self, revision: str) -> tuple[dict[str, bytes], dict[str, str]]:
        """Return the files that count, without moderation; and those that cannot be read."""
        files: dict[str, bytes] = {}
        problems: dict[str, str] = {}
        for entry in self._store.list(DATASET, revision):
            path = entry.path.partition("/")[2]
            if not _counts(path):
                continue
            if entry.size > (LARGEST_TEXT if path.endswith((".toml", ".md")) else LARGEST_LOGO):
                problems[path] = f"{entry.path} is too large: {entry.size:,} bytes, at most {LARGEST_LOGO:,}."
                continue
            try:
                files[path] = self._store.read(entry.path, revision)
            except CorruptError as error:
                problems[path] = str(error)
        return files, problems


def know_suites(store: Store) -> tuple[str, ...]:
    """Make a board's own suites known to this process; return the names that its profile gives. Raise StoreError."""
    return ProfileReader(store).read().suite_names


def build(files: Mapping[str, bytes], known: Profile, problems: Mapping[str, str]) -> Profile:
    """Return the profile of `files`; of what cannot be used, that of `known`. The suites become those of the process.

    problems: path within the dataset → why it could not be read.
    """
    wrong = dict(problems)
    good = {path: data for path, data in files.items() if path not in wrong}
    for path in wrong:
        if path in known.files:
            good[path] = known.files[path]
    config = known.config if CONFIG in wrong else BoardConfig()
    if CONFIG in files:
        try:
            config = parse(files[CONFIG])
        except BadInputError as error:
            wrong[CONFIG] = f"board/{CONFIG}: {error}"
            config = known.config
            _keep(good, known, CONFIG)
    texts = {path: data.decode("utf-8", "replace") for path, data in good.items() if path.startswith(SUITES)}
    for path, why in suites.provide(texts).items():
        wrong[path] = f"board/{path}: {why.removeprefix(f'{path}: ')}"
        _keep(good, known, path)
    logo = None
    if config.logo and config.logo not in good:
        wrong.setdefault(CONFIG, f"board/{CONFIG}: `logo` names {config.logo}, which is not there.")
    elif config.logo:
        try:
            logo = read_logo(good[config.logo])
        except BadInputError as error:
            wrong[config.logo] = f"board/{config.logo}: {error}"
            logo = known.logo
    own = [name for path in texts if (name := _suite_name(good.get(path, b"")))]
    about = good[ABOUT].decode("utf-8", "replace") if ABOUT in good else None
    sentences = {
        path: why if path not in known.files else f"{why} The last good one counts." for path, why in wrong.items()
    }
    return Profile(config, about, logo, tuple(own), good, problems=sentences)


def read_logo(data: bytes) -> Logo:
    """Return an image by what its bytes say. Raise BadInputError for anything else."""
    if len(data) > LARGEST_LOGO:
        raise BadInputError(f"A logo has at most {LARGEST_LOGO:,} bytes; this one has {len(data):,}.")
    for kind, is_kind in (
        ("image/png", data.startswith(b"\x89PNG\r\n\x1a\n")),
        ("image/jpeg", data.startswith(b"\xff\xd8\xff")),
        ("image/webp", data[:4] == b"RIFF" and data[8:12] == b"WEBP"),
        ("image/svg+xml", b"<svg" in data[:2048] and not data.lstrip()[:14].lower().startswith(b"<!doctype html")),
    ):
        if is_kind:
            return Logo(data, kind)
    raise BadInputError("It is no SVG, PNG, JPEG or WebP image.")


def _suite_name(data: bytes) -> str | None:
    try:
        name = tomllib.loads(data.decode("utf-8")).get("name")
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return None
    return str(name) if name else None


def _keep(good: dict[str, bytes], known: Profile, path: str) -> None:
    """Put the last good bytes in the place of a file with an error."""
    if path in known.files:
        good[path] = known.files[path]
    else:
        good.pop(path, None)


def _counts(path: str) -> bool:
    """Return whether the board reads a file: tasks are the evaluator's, moderation is read entry by entry."""
    if path.startswith(SUITES):
        return path.endswith(".toml") and "/" not in path.removeprefix(SUITES)
    return "/" not in path and path.endswith((".toml", ".md", ".svg", ".png", ".jpg", ".jpeg", ".webp"))


def _take_in_edits(store: Store) -> None:
    """Commit what an operator changed by hand in a folder: these files are meant to be edited there."""
    folder = folder_store(store)
    if folder is None or not (place := folder.root / DATASET).is_dir():
        return
    lying = {
        path.relative_to(folder.root).as_posix(): path
        for path in place.rglob("*")
        if path.is_file() and not path.is_symlink() and _is_edited(path.relative_to(place).as_posix())
    }
    try:
        head, known = folder.head(DATASET), {entry.path: entry for entry in folder.list(DATASET)}
    except NotFoundError:
        head, known = None, {}
    changes: dict[str, bytes | None] = {
        path: None for path in known if path not in lying and _is_edited(path.partition("/")[2])
    }
    for path, at in lying.items():
        size = at.stat().st_size
        if size > LARGEST_LOGO and path not in known:
            continue
        data = at.read_bytes()
        if path not in known or blob_id(data) != known[path].oid:
            changes[path] = data
    if changes:
        try:
            folder.replace(changes, head, "Edited by hand")
        except ConflictError:
            return  # somebody else saw the same edit


def _is_edited(path: str) -> bool:
    name = path.rpartition("/")[2]
    return is_hand_edited(f"{DATASET}/{path}") and not name.startswith((".", "#")) and not name.endswith("~")
