"""Claims what fits this box, evaluates it, ends the claim: the only loop, and where everything is caught."""

from __future__ import annotations

import logging
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from evaluator.evaluation import Notice, Outcome, Settings, evaluate, ready
from evaluator.job import NOBODYS_FAULT, Failure
from evaluator.preflight import Box
from evaluator.publish import redact
from src.core.errors import BoardError, StoreError
from src.core.queue import FAILURES, Claim, LeaseLost, Queue, Standing
from src.core.records import Request
from src.core.store import Store, open_store
from src.core.suites import Suite

log = logging.getLogger(__name__)


def open_board(name: str) -> Store:
    """The store of a board as a box uses it: it has time, so people go first where the Hub takes no more commits.

    It does not give up soon either: hours of work may wait for the commit that says they are done.
    """
    return open_store(name, polite=POLITE, patience=PATIENCE)


POLITE, PATIENCE = 60.0, 3600.0  # seconds

Evaluate = Callable[..., Outcome]


class Worker:
    """One box at one queue. `stop` may be set from a signal handler or another thread; the request is given back."""

    def __init__(
        self,
        store: Store,
        suites: Sequence[Suite],
        box: Box,
        settings: Settings,
        *,
        notice: Notice = lambda *_: None,
        evaluate: Evaluate = evaluate,
        queue: Queue | None = None,
    ) -> None:
        self._store, self._box, self._settings = store, box, settings
        self._queue = queue or Queue(store)
        self._suites = {(suite.name, suite.version): suite for suite in suites}
        self._notice, self._evaluate = notice, evaluate
        self.stop = threading.Event()

    def accepts(self, request: Request) -> bool:
        """Whether this box runs that suite and holds that model."""
        return (request.suite, request.suite_version) in self._suites and self._box.fits(request)

    def run(self, most: int | None = None, wait: float | None = 60.0) -> int:
        """Work until `stop`, or `most` requests are ended; returns how many were. `wait` None: leave when none fits.

        Raises BadInput where the box is not ready for its suites: nothing is claimed then.
        """
        for suite in self._suites.values():
            ready(suite, self._settings)
        ended = 0
        claim: Claim | None = None
        while not self.stop.is_set() and (most is None or ended < most):
            claim = claim or self._claim()
            if claim is None:
                self._notice("idle", {"seconds": wait, "waiting": self._why_not()})
                if wait is None:
                    break
                self.stop.wait(wait)
                continue
            last = most is not None and ended + 1 >= most
            claim = self._work(claim, then=None if last or self.stop.is_set() else self.accepts)
            ended += 1
        if claim is not None:
            self._give_back(claim)
        return ended

    def _claim(self) -> Claim | None:
        try:
            return self._queue.claim(self._box.name, self.accepts)
        except BoardError as error:
            self._notice("store", {"problem": str(error)})
            return None

    def _why_not(self) -> dict[str, int]:
        """Why this box takes none of those that wait: reason → how many."""
        try:
            state = self._queue.snapshot()
        except BoardError:
            return {}  # told when it was asked for a claim
        return Counter(self._reason(standing) for standing in state.waiting)

    def _reason(self, standing: Standing) -> str:
        request = standing.request
        if (request.suite, request.suite_version) not in self._suites:
            return f"{request.suite} version {request.suite_version}, which this box does not run"
        if not self._box.fits(request):
            return f"too large for {self._box.memory_gb:.0f} GB"
        return "paused after a failure" if standing.again_at else "just taken by others"

    def _work(self, claim: Claim, then: Callable[[Request], bool] | None) -> Claim | None:
        """Evaluate a claimed request and end the claim; returns the next claim, where one was taken along."""
        self._notice(
            "claimed", {"model": claim.request.model, "precision": claim.request.precision, "slot": claim.slot}
        )
        lease = Lease(self._queue, claim)
        abandon = threading.Event()
        try:
            with lease.kept(on_loss=abandon.set):
                threading.Thread(target=_either, args=(self.stop, abandon, lease.over), daemon=True).start()
                outcome = self._run(claim, lease, abandon)
        except BaseException:  # a second Ctrl-C, or this process is asked to end
            self._give_back(lease.claim)
            raise
        claim = lease.claim
        if lease.lost and outcome.result is None:
            self._notice("lost", {"model": claim.request.model, "problem": lease.lost})
            return None
        try:
            if outcome.result is not None:
                following = self._queue.finish(claim, [outcome.result], then)
                self._notice("finished", {"model": claim.request.model, "result": outcome.result})
                return following
            failure = outcome.failure or Failure("unknown", "It ended without saying why.")
            self._notice("ended", {"model": claim.request.model, "code": failure.code, "message": failure.message})
            # who stops a box may stop the child with it, which then looks as if it had crashed
            if failure.code in NOBODYS_FAULT or self.stop.is_set():
                if failure.code == "box":
                    self.stop.set()  # whatever is missing here is missing for the next one too
                self._queue.give_back(claim)
                return None
            told = "\n".join(part for part in (outcome.log, failure.traceback or "") if part)
            code = failure.code if failure.code in FAILURES else "unknown"  # a child may say what it likes
            return self._queue.fail(claim, code, _clean(failure.message), _clean(told), then)
        except LeaseLost as error:
            self._notice("lost", {"model": claim.request.model, "problem": str(error)})
        except BoardError as error:  # the lease runs out by itself, and another attempt begins
            self._notice("store", {"problem": str(error)})
        return None

    def _run(self, claim: Claim, lease: Lease, abandon: threading.Event) -> Outcome:
        suite = self._suites[claim.request.suite, claim.request.suite_version]
        proof = {"request": claim.key, "slot": claim.slot, "nonce": claim.nonce, "box": claim.box}

        def heard(what: str, particulars: Mapping[str, Any]) -> None:
            lease.tell(what, particulars)
            self._notice(what, {"model": claim.request.model} | dict(particulars))

        try:
            return self._evaluate(
                claim.request, suite, self._store, self._settings, proof=proof, notice=heard, stop=abandon
            )
        except BoardError as error:
            return Outcome(failure=Failure("unknown", str(error), traceback.format_exc()))
        except Exception as error:
            log.exception("the evaluation of %s broke this evaluator's own code", claim.request.model)
            return Outcome(failure=Failure("unknown", f"{type(error).__name__}: {error}", traceback.format_exc()))

    def _give_back(self, claim: Claim) -> None:
        try:
            self._queue.give_back(claim)
        except StoreError as error:
            self._notice("store", {"problem": str(error)})


class Lease:
    """A claim that is renewed while work goes on, with the progress that the queue page shows."""

    RETRY = timedelta(seconds=30)

    def __init__(self, queue: Queue, claim: Claim) -> None:
        self.claim = claim
        self.over = threading.Event()
        self.lost = ""  # why it is somebody else's
        self._queue = queue
        self._progress: dict[str, Any] = {}

    def tell(self, what: str, particulars: Mapping[str, Any]) -> None:
        """Note progress; it travels with the next renewal."""
        self._progress["doing"] = what
        if what == "unit":
            self._progress["benchmark"] = particulars.get("benchmark")
        if what == "checkpoint":
            self._progress["tasks_done"] = self._progress.get("tasks_done", 0) + len(particulars.get("tasks", ()))
        if what == "answers":
            self._progress["answers"] = sum(particulars.get("counts", {}).values())

    def kept(self, on_loss: Callable[[], None]) -> _Kept:
        """A context in which the lease is renewed; `on_loss` is called when it is somebody else's."""
        return _Kept(self, on_loss)

    def renew(self) -> bool:
        """Whether this box still holds it."""
        try:
            self.claim = self._queue.renew(self.claim, dict(self._progress))
        except LeaseLost as error:
            self.lost = str(error)
            return False
        except StoreError as error:
            log.warning("the lease could not be renewed yet: %s", error)
        return True

    def seconds_left(self) -> float:
        """Until the next renewal is due, by the store's clock."""
        return max(0.0, (self.claim.renew_at - self._queue.store.now()).total_seconds())


class _Kept:
    def __init__(self, lease: Lease, on_loss: Callable[[], None]) -> None:
        self._lease, self._on_loss = lease, on_loss
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._lease.over.set()
        self._thread.join()

    def _keep(self) -> None:
        lease = self._lease
        while not lease.over.wait(max(lease.seconds_left(), 0.5)):
            before = lease.claim
            if not lease.renew():
                self._on_loss()
                return
            if lease.claim is before:  # not renewed: the store is away
                lease.over.wait(Lease.RETRY.total_seconds())


def _clean(text: str) -> str:
    return redact(text.encode("utf-8", "replace")).decode()


def _either(stop: threading.Event, abandon: threading.Event, over: threading.Event) -> None:
    """Pass the owner's stop on to the run at hand."""
    while not over.wait(0.2):
        if stop.is_set():
            abandon.set()
            return
