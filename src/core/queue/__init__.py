"""Requests wait, are claimed by a box, and end: append, then look.

Everything that happens to a request is a new file in its folder `requests/queue/<2 hex>/<key>/`; nothing is ever
overwritten. Whoever wants something appends it, then lists the folder *at the commit that holds it*, and `events.tell`
says from the order of the commits who holds the request and how it stands. Never two valid leases, never two accepted
results; after a crash a request may be run again.

    queue = Queue(open_store("my-board"))                   # or hub:OWNER; leases of two hours
    receipt = queue.submit(request)                         # Receipt(key, new, standing); returns once it is durable
    claim = queue.claim("box-7", accepts=lambda request: (request.params or 0) <= 8)       # Claim | None
    queue.renew(claim, progress={"task": "bbh", "done": 3, "total": 24})    # at claim.renew_at; raises LeaseLostError
    # results and details are appended and confirmed first; then, in one commit, done and (if wanted) the next:
    following = queue.finish(claim, ["results/org/model/results_2025-02-08T10-00-00.json"], then=accepts)
    queue.fail(claim, "out-of-memory", "needs 48 GB, this box has 24", log="last lines …")  # a code of FAILURES
    queue.release(claim)                                  # Ctrl-C: PENDING again at once, no attempt counted
    queue.cancel(key, by="alice")   queue.retry(key, by="alice")
    queue.vote("org/model", sha, "bob")                     # one per person and revision; False if it was there
    state = queue.snapshot()                                # one call if nothing changed since the last one
    for standing in state.waiting: standing.request, standing.place, standing.wait, standing.votes
    for standing in state.running: standing.box, standing.since, standing.until, standing.progress
    for standing in state.failed: standing.failure.code, .title, .message, .advice, .log
    state.explain_order()                                   # the words for the page

Box threads that share one `GroupCommitStore` store share commits. Times are the store's, never a box's.
"""

from src.core.queue.actions import Claim, LeaseLostError, Queue, Receipt
from src.core.queue.events import request_key
from src.core.queue.failures import FAILURES, FailureKind
from src.core.queue.state import QueueEntry, QueueState

__all__ = [
    "FAILURES",
    "Claim",
    "FailureKind",
    "LeaseLostError",
    "Queue",
    "QueueEntry",
    "QueueState",
    "Receipt",
    "request_key",
]  # fmt: skip
