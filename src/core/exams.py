"""Private exams: what is published of one before the first run, what is revealed later, and how anyone checks it.

Before a box first runs a private benchmark it publishes the root of a Merkle tree over the salted hashes of all items;
items and salt stay on the box. Results name the root, and their answers carry each item's salted hash. After the
reveal of items and salt anyone can compute both again. Without the salt (256 random bits) no guess at an item, an
answer key or a prompt can be tried against what is published.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from src.core.errors import BadInputError, CorruptError, NotFoundError
from src.core.names import details_dataset, details_folder, time_of_path
from src.core.records import Result
from src.core.store import Store

FORMAT = 1
FOLDER = "results/exams"
KEY = "exams"
"""The field of a result's configuration that names the roots: benchmark → root."""
NUMBERS = ("doc_id", "filter", "metrics")
HASHES = ("prompt_hash", "target_hash")


@dataclass(frozen=True)
class ExamItem:
    """One question as the dataset has it."""

    task: str
    doc_id: int
    doc: Mapping[str, Any]


@dataclass(frozen=True)
class Exam:
    """All items of a private benchmark, and the salt that hides them."""

    suite: str
    benchmark: str
    salt: str  # hex
    items: tuple[ExamItem, ...]

    @property
    def root(self) -> str:
        """The Merkle root of all items, in hex."""
        return merkle_root([self.leaf(item) for item in self.items])

    def leaf(self, item: ExamItem) -> str:
        """Return the salted hash of an item, in hex: a leaf of the tree (RFC 6962's prefix 0 for leaves)."""
        text = json.dumps([item.task, item.doc_id, item.doc], sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(b"\0" + bytes.fromhex(self.salt) + text.encode()).hexdigest()

    def hidden(self, value: str) -> str:
        """Return a salted hash of a hash that a guess could be tried against."""
        return hashlib.sha256(b"\2" + bytes.fromhex(self.salt) + value.encode()).hexdigest()

    def withhold(self, task: str, line: Mapping[str, Any], metrics: Iterable[str]) -> dict[str, Any]:
        """Return what may leave the box of a sample line: salted hashes, and scores."""
        item = ExamItem(task, int(line["doc_id"]), line.get("doc") or {})
        kept = {key: line[key] for key in (*NUMBERS, *metrics) if key in line and _is_score(key, line[key])}
        hashes = {key: self.hidden(str(line[key])) for key in HASHES if line.get(key) is not None}
        return {**kept, **hashes, "doc_hash": self.leaf(item)}

    def commitment(self, now: datetime) -> dict[str, Any]:
        """Return what is published before the first run."""
        tasks: dict[str, int] = {}
        for item in self.items:
            tasks[item.task] = tasks.get(item.task, 0) + 1
        fields = {"format": FORMAT, "suite": self.suite, "benchmark": self.benchmark, "root": self.root}
        return fields | {"items": len(self.items), "tasks": tasks, "published": now.isoformat()}

    def as_dict(self) -> dict[str, Any]:
        """Return items and salt: what stays on the box until the reveal."""
        items = [[item.task, item.doc_id, item.doc] for item in self.items]
        return {"format": FORMAT, "suite": self.suite, "benchmark": self.benchmark, "salt": self.salt, "items": items}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Exam:
        """Return what `as_dict` has written. Raise BadInputError if it makes no sense."""
        try:
            items = tuple(ExamItem(str(task), int(doc_id), dict(doc)) for task, doc_id, doc in data["items"])
            salt = bytes.fromhex(data["salt"]).hex()
            return cls(str(data["suite"]), str(data["benchmark"]), salt, items)
        except (KeyError, TypeError, ValueError) as error:
            raise BadInputError(f"These are no items of an exam: {error!r}.") from error


def merkle_root(leaves: Sequence[str]) -> str:
    """Return the root over leaves in hex; a node hashes 1 and its two children, an odd one moves up as it is."""
    level = [bytes.fromhex(leaf) for leaf in leaves] or [hashlib.sha256(b"").digest()]
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\1" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0].hex()


def commit(store: Store, exam: Exam) -> str:
    """Publish the root of an exam, if it is not published yet; return the root."""
    path = _path(exam.suite, exam.benchmark, "root", exam.root)
    if _read(store, path) is None:
        store.append({path: _json(exam.commitment(store.now()))}, f"Root of {exam.benchmark}, before its first run")
    return exam.root


def reveal(store: Store, exam: Exam) -> str:
    """Publish items and salt of an exam; return the path. Raise BadInputError if their root was never published."""
    if _read(store, _path(exam.suite, exam.benchmark, "root", exam.root)) is None:
        raise BadInputError(f"{store.name} holds no root {exam.root[:16]}… of {exam.benchmark}: nothing to reveal.")
    path = _path(exam.suite, exam.benchmark, "items", exam.root)
    store.append({path: _json(exam.as_dict())}, f"Items and salt of {exam.benchmark}")
    return path


@dataclass(frozen=True)
class ExamCheck:
    """The outcome for one root, or for one result under it. `problem` is None if everything agrees."""

    about: str
    problem: str | None = None


def verify(store: Store, suite: str) -> list[ExamCheck]:
    """Check every exam of a suite against what was published before its runs, and every result against its exam."""
    checks, exams = [], {}
    for path, published in _commitments(store, suite):
        benchmark, root = str(published.get("benchmark")), str(published.get("root"))
        about = f"{benchmark} {root[:16]}…"
        data = _read(store, _path(suite, benchmark, "items", root))
        if data is None:
            checks.append(ExamCheck(about, "not revealed yet"))
            continue
        try:
            exam = Exam.from_dict(data)
            problem = None if exam.root == root else f"the revealed items and salt have the root {exam.root[:16]}…"
        except BadInputError as error:
            problem = str(error)
        else:
            exams[root] = (exam, time_published(published, path))
        checks.append(ExamCheck(about, problem))
    return checks + [check for path in _results(store) for check in _of_result(store, path, suite, exams)]


def time_published(published: Mapping[str, Any], path: str) -> datetime:
    """Return when a root was published. Raise CorruptError if the file does not tell."""
    try:
        return datetime.fromisoformat(str(published["published"]))
    except (KeyError, ValueError) as error:
        raise CorruptError(f"{path} has no time of publication.") from error


def _of_result(store: Store, path: str, suite: str, exams: Mapping[str, tuple[Exam, datetime]]) -> Iterator[ExamCheck]:
    data = _read(store, path) or {}
    config = data.get("config")
    roots = config.get(KEY) if isinstance(config, dict) and config.get("suite") == suite else None
    if not isinstance(roots, dict):
        return
    result = Result.read(store.read(path), path)
    for root in roots.values():
        if root not in exams:
            continue
        exam, published = exams[root]
        when = time_of_path(path)
        problem = "it ran before the root was published" if when is not None and when < published else None
        yield ExamCheck(
            f"{result.model} {path.rpartition('/')[2]}", problem or _answers(store, path, result.model, exam)
        )


def _answers(store: Store, path: str, model: str, exam: Exam) -> str | None:
    """Return what is wrong with the published answers of a result, item by item."""
    stamp = path.rpartition("/")[2].removeprefix("results_").removesuffix(".json")
    folder = f"{details_dataset(model)}/{details_folder(model)}"
    leaves = {(item.task, item.doc_id): exam.leaf(item) for item in exam.items}
    for task in dict.fromkeys(item.task for item in exam.items):
        try:
            lines = store.read(f"{folder}/samples_{task}_{stamp}.jsonl").splitlines()
        except NotFoundError:
            return f"there are no answers of {task}"
        seen = set()
        for line in map(json.loads, lines):
            if leaves.get((task, line["doc_id"])) != line["doc_hash"]:
                return f"item {line['doc_id']} of {task} is not the one that was answered"
            seen.add(line["doc_id"])
        if missing := [doc_id for name, doc_id in leaves if name == task and doc_id not in seen]:
            return f"item {missing[0]} of {task} was not answered"
    return None


def _commitments(store: Store, suite: str) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        paths = [entry.path for entry in store.list(f"{FOLDER}/{suite}")]
    except NotFoundError:
        return
    for path in paths:
        if path.rpartition("/")[2].startswith("root-"):
            yield path, _read(store, path) or {}


def _results(store: Store) -> list[str]:
    try:
        paths = [entry.path for entry in store.list("results")]
    except NotFoundError:
        return []
    return [path for path in paths if path.rpartition("/")[2].startswith("results_")]


def _path(suite: str, benchmark: str, what: str, root: str) -> str:
    return f"{FOLDER}/{suite}/{benchmark}/{what}-{root[:16]}.json"


def _read(store: Store, path: str) -> dict[str, Any] | None:
    try:
        data = json.loads(store.read(path))
    except NotFoundError:
        return None
    except ValueError as error:
        raise CorruptError(f"{path} is no JSON.") from error
    if not isinstance(data, dict):
        raise CorruptError(f"{path} is no table of fields.")
    return data


def _json(data: Mapping[str, Any]) -> bytes:
    return json.dumps(data, indent=1, ensure_ascii=False).encode()


def _is_score(key: str, value: Any) -> bool:
    if key in NUMBERS:
        return True
    values = value if isinstance(value, list) else [value]
    return all(isinstance(each, bool | int | float) for each in values)
