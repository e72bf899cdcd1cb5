"""Requests as a test submits, claims and looks them up."""

from __future__ import annotations

import json
from typing import Any

from src.core.lifecycle import Status
from src.core.queue import Claim, Queue
from src.core.records import Request

HOUR = 3600.0


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
