"""Boards whose time stands still until a test moves it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from src.core.errors import Unknown
from src.core.lifecycle import Status
from src.core.queue import Claim, Queue
from src.core.records import Request
from src.core.store import Entry, Rev, Store
from src.core.store.forwarding import Forwarding

HOUR = 3600.0


class Clock:
    """The time of a store, in seconds since 1970; half past the second, where a `Date` is cut without an error."""

    def __init__(self, now: float = 1_770_000_000.5) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now, UTC)

    def tick(self, seconds: float) -> None:
        self.now += seconds


class Meddled(Forwarding):
    """A store in which somebody else acts between two calls: `before_append` and `before_replace` run once,
    before the next of these.

    Who `is_blind` can still append, and sees nothing.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.before_append: Callable[[], object] | None = None
        self.before_replace: Callable[[], object] | None = None
        self.commits: list[list[str]] = []
        self.is_blind = False

    def head(self, dataset: str) -> Rev:
        self._look()
        return super().head(dataset)

    def list(self, prefix: str, rev: Rev | None = None) -> Sequence[Entry]:
        self._look()
        return super().list(prefix, rev)

    def _look(self) -> None:
        if self.is_blind:
            raise Unknown("The store cannot be read just now.")

    def append(self, files: Mapping[str, bytes], message: str = "") -> Rev:
        act, self.before_append = self.before_append, None
        if act:
            act()
        rev = self._store.append(files, message)
        self.commits.append(sorted(files))
        return rev

    def replace(self, files: Mapping[str, bytes | None], expect: Rev | None, message: str = "") -> Rev:
        act, self.before_replace = self.before_replace, None
        if act:
            act()
        return super().replace(files, expect, message)


def ask(model: str = "org/m", **fields: Any) -> Request:
    """A request as the submission page would make it."""
    return Request(**{"model": model, "revision": "a" * 40, "sender": "alice", "params": 1.0, **fields})


def status(queue: Queue, key: str) -> Status:
    """How a request stands for somebody who just came."""
    fresh = Queue(queue.store).snapshot()[key]
    assert queue.snapshot()[key] == fresh
    return fresh.status


def claimed(queue: Queue, box: str = "box") -> Claim:
    """The next request, by somebody who knows that there is one."""
    claim = queue.claim(box)
    assert claim is not None
    return claim


OLD = {
    "base_model": "", "revision": "main", "precision": "float16", "params": 7.2, "architectures": "LlamaForCausalLM",
    "weight_type": "Original", "submitted_time": "2024-06-01T10:00:00Z", "model_type": "🟢 : pretrained",
    "job_id": "-1", "job_start_time": None, "use_chat_template": False, "sender": "eve",
}  # fmt: skip


def put_old(queue: Queue, name: str, status: str, start: str | None = None) -> None:
    """A request file as the original board wrote it."""
    body = json.dumps(OLD | {"model": f"org/{name}", "status": status, "job_start_time": start})
    queue.store.append({f"requests/org/{name}_eval_request_False_float16_Original.json": body.encode()})
