"""A queue small enough to read, with a request in every state, for the browser tests."""

from __future__ import annotations

import time
from pathlib import Path

from src.core.queue import Claim, Queue
from src.core.store import LocalStore
from tests.boards.requests import ask
from tests.doubles.clock import Clock
from tests.e2e.boards import small_store

HOSTILE = '<img src=x onerror="window.fired=1"><script>window.fired=1</script>'
MINUTE = 60.0


def busy_store(folder: Path, waiting: int = 3) -> Path:
    """A board whose queue holds one finished, one failed, one running request and `waiting` more, as of now."""
    small_store(folder)
    apart = 60 * MINUTE / max(waiting, 6)
    clock = Clock(time.time() - (94 + 12 + 55) * MINUTE - apart * waiting)
    queue = Queue(LocalStore(folder, clock=clock.moment))

    def asked(model: str, **fields: object) -> str:
        return queue.submit(ask(model, **fields)).key

    def taken(model: str, box: str) -> Claim:
        claim = queue.claim(box, accepts=lambda request: request.model == model)
        assert claim is not None
        return claim

    asked("acme/anvil-8b", params=8.03, sender="bob")
    asked("bolt/broken-7b", params=7.24, precision="float16", sender="alice")
    claim = taken("acme/anvil-8b", "box-7")
    clock.tick(94 * MINUTE)
    queue.finish(claim, ["results/acme/anvil-8b/results_2025-02-08T10-00-00.json"])
    claim = taken("bolt/broken-7b", f"box {HOSTILE}")
    clock.tick(12 * MINUTE)
    log = f"Loading weights …\n{HOSTILE}\nKeyError: 'model.layers.31.mlp.up_proj.weight'"
    queue.fail(claim, "load-failed", f"tensor 31 is missing {HOSTILE}", log)
    asked("acme/anvil-70b", params=70.6, sender="carol", use_chat_template=True)
    claim = taken("acme/anvil-70b", "box-7")
    clock.tick(55 * MINUTE)
    queue.renew(claim, {"doing": "answers", "benchmark": "MATH", "tasks_done": 12, "answers": 4310})
    for at in range(waiting):
        clock.tick(apart)
        sender = ("alice", "bob", f"mallory {HOSTILE}")[at % 3]
        asked(f"queue/model-{at + 1}", params=1.0 + at, revision=f"{at + 1:040x}", sender=sender)
    if waiting:
        queue.vote("queue/model-1", f"{1:040x}", "bob")
    return folder
