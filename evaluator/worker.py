"""Claim requests that fit this machine, evaluate them and end the claims. The only loop that catches everything."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from evaluator.box.model_cache import room_for
from evaluator.box.preflight import Box, quantiser_of
from evaluator.job import NO_WEIGHTS, NOT_COUNTED, RunFailure
from evaluator.run import box_trial, served
from evaluator.run.evaluate import Notice, Outcome, evaluate, ready
from evaluator.settings import RunSettings
from src.core.engine_way import is_off, way_words
from src.core.errors import BoardError, DeniedError, StoreError
from src.core.model.memory import stored_gb
from src.core.names import endpoint_of
from src.core.queue import FAILURES, Claim, LeaseLostError, Queue, QueueEntry, request_key
from src.core.records import Request
from src.core.redact import clean
from src.core.store import Store, open_store
from src.core.suites import Suite

log = logging.getLogger(__name__)


def open_board(name: str) -> Store:
    """Open the store of a board for an evaluator: it can wait, so users go first if the Hub limits commits.

    It retries for a long time, because the commit that stores hours of work may be waiting.
    """
    return open_store(name, jitter=JITTER, max_wait=MAX_WAIT)


NO_ROOM = timedelta(hours=1)
"""How long a machine whose disk was full skips a request."""
JITTER, MAX_WAIT = 60.0, 3600.0  # seconds

Evaluate = Callable[..., Outcome]
ProblemWith = Callable[[Request, Suite, RunSettings], str]


class Worker:
    """One machine that works for one queue.

    `stop` may be set from a signal handler or another thread; the running request is then released.
    """

    def __init__(
        self,
        store: Store,
        suites: Sequence[Suite],
        box: Box,
        settings: RunSettings,
        *,
        notice: Notice = lambda *_: None,
        evaluate: Evaluate = evaluate,
        queue: Queue | None = None,
        problem_with: ProblemWith = box_trial.problem_with,
    ) -> None:
        self._store, self._box, self._settings = store, box, settings
        self._queue = queue or Queue(store)
        self._suites = {(suite.name, suite.version): suite for suite in suites}
        self._notice, self._evaluate, self._problem_with = notice, evaluate, problem_with
        self.problem = ""  # why this machine stopped by itself
        self._owed: list[tuple[Claim, Callable[[], object]]] = []  # ends of claims that the store has not accepted yet
        self._settling = threading.RLock()
        self._is_settling_later = False
        self._no_room: dict[str, datetime] = {}  # key of a request → until when the disk has no room for it
        self._unsuited: dict[str, str] = {}  # key of a request → the library that this machine lacks for its weights
        self._answers = True  # whether the store answered the last claim
        self.stop = threading.Event()

    def accepts(self, request: Request) -> bool:
        """Return whether this machine runs that suite, the model fits on it, and it has the library for its weights."""
        return not self._obstacle(request)

    def run(self, most: int | None = None, wait: float | None = 60.0) -> int:
        """Work until `stop` is set or `most` requests have ended; return how many ended.

        `wait`: seconds between checks if no request fits; None: return then. Raise BadInputError before anything is
        claimed if the machine is not ready for its suites.
        """
        for suite in self._suites.values():
            ready(suite, self._settings)
        ended = 0
        claim: Claim | None = None
        while not self.stop.is_set() and (most is None or ended < most):
            self._settle()
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
            self._release(claim)
        self._settle()
        return ended

    @property
    def _trial(self) -> str | None:
        """Why no row comes of this machine's runs; None if rows come."""
        if self._settings.limit:
            return f"{self._settings.limit} items of each task"
        return f"{self._settings.subset} questions of each benchmark" if self._settings.subset else None

    def _settle(self) -> None:
        """Store the ends of earlier runs that the store did not accept at the time."""
        with self._settling:
            owed, self._owed = self._owed, []
            for claim, end in owed:
                try:
                    end()
                except LeaseLostError as error:
                    self._notice("lost", {"model": claim.request.model, "problem": str(error)})
                except (BoardError, OSError) as error:
                    self._owe(claim, end, error)
            self._queue.release_doubtful()

    def _owe(self, claim: Claim, end: Callable[[], object], error: Exception) -> None:
        self._notice("store", {"problem": f"{error} The end of {claim.request.model} will be stored later."})
        with self._settling:
            self._owed.append((claim, end))
            if not self._is_settling_later:
                self._is_settling_later = True
                threading.Thread(target=self._settle_later, daemon=True).start()

    def _settle_later(self) -> None:
        """Try until the store accepts every end: the next run takes hours, and a lease of an ended one would expire."""
        while True:
            time.sleep(Lease.RETRY.total_seconds())
            with self._settling:
                self._settle()
                if not self._owed:
                    self._is_settling_later = False
                    return

    def _obstacle(self, request: Request) -> str:
        """Return why this machine does not claim a request, or ""."""
        if (request.suite, request.suite_version) not in self._suites:
            return f"{request.suite} version {request.suite_version}, which this machine does not run"
        if endpoint_of(request.model):
            return served.obstacle(request, self._settings)
        if not self._box.fits(request):
            return f"too large for {self._box.memory_gb:.0f} GB"
        if method := quantiser_of(request.precision, self._settings.unsupported):
            return f"in {request.precision}: {self._settings.unsupported[method]}"
        if why := self._unsuited.get(request_key(request)):
            return why
        if self._is_without_room(request):
            return "postponed: the disk of this machine was full"
        models = self._settings.workspace / "models"
        needed = 0.0 if self._settings.backend in NO_WEIGHTS else stored_gb(request.params or 0.0, request.precision)
        if needed and room_for(models, needed * 1e9) < needed * 1e9:
            return "too large for the free disk of this machine"
        return ""

    def _is_without_room(self, request: Request) -> bool:
        until = self._no_room.get(request_key(request))
        return until is not None and self._queue.store.now() < until

    def _claim(self) -> Claim | None:
        """Claim a request; raise DeniedError if this machine has no right to: waiting would not help."""
        try:
            claim = self._queue.claim(self._box.name, self.accepts)
        except DeniedError:
            raise
        except (BoardError, OSError) as error:
            self._answers = False
            self._notice("store", {"problem": str(error)})
            return None
        self._answers = True
        return claim

    def _why_not(self) -> dict[str, int]:
        """Return why this machine claims none of the pending requests: reason → number of requests."""
        if not self._answers:
            return {}  # reported when claiming failed
        try:
            state = self._queue.snapshot()
        except BoardError:
            return {}
        return Counter(self._reason(entry) for entry in state.waiting)

    def _reason(self, entry: QueueEntry) -> str:
        if obstacle := self._obstacle(entry.request):
            return obstacle
        return "paused after a failure" if entry.again_at else "just claimed by others"

    def _work(self, claim: Claim, then: Callable[[Request], bool] | None) -> Claim | None:
        """Evaluate a claimed request and end the claim; return the next claim if one was made in the same commit."""
        self._notice(
            "claimed", {"model": claim.request.model, "precision": claim.request.precision, "slot": claim.fencing_token}
        )
        lease = Lease(self._queue, claim)
        abandon = threading.Event()
        try:
            with lease.kept(on_loss=abandon.set):
                threading.Thread(target=_either, args=(self.stop, abandon, lease.over), daemon=True).start()
                outcome = self._run(claim, lease, abandon)
        except BaseException:  # a second Ctrl-C or SIGTERM
            self._release(lease.claim)
            raise
        claim = lease.claim
        if lease.lost and outcome.result is None:
            self._notice("lost", {"model": claim.request.model, "problem": lease.lost})
            return None
        end: Callable[[], object] = lambda: None  # noqa: E731
        try:
            if outcome.result is not None:
                result, engine = outcome.result, outcome.engine or lease.engine
                end = lambda: self._queue.finish(claim, [result], None, engine, self._trial)  # noqa: E731
                following = self._queue.finish(claim, [result], then, engine, self._trial)
                self._notice("finished", {"model": claim.request.model, "result": result})
                return following
            failure = outcome.failure or RunFailure("unknown", "The evaluation ended without a reason.")
            self._notice("ended", {"model": claim.request.model, "code": failure.code, "message": failure.message})
            # stopping the evaluator may also stop the child, which then looks as if it had crashed
            if failure.code in NOT_COUNTED or self.stop.is_set():
                if failure.code == "box":
                    self.problem = failure.message
                    self.stop.set()  # the next request would miss the same things
                if failure.code == "unsuited":
                    self._unsuited[claim.key] = failure.message
                if failure.code == "disk-full":
                    self._no_room[claim.key] = self._queue.store.now() + NO_ROOM
                end = lambda: self._queue.release(claim)  # noqa: E731
                self._queue.release(claim)
                return None
            log_text = "\n".join(part for part in (outcome.log, failure.traceback or "") if part)
            code = failure.code if failure.code in FAILURES else "unknown"  # a child may report any code
            message, log_text = clean(failure.message), clean(log_text)
            end = lambda: self._queue.fail(claim, code, message, log_text)  # noqa: E731
            return self._queue.fail(claim, code, message, log_text, then)
        except LeaseLostError as error:
            self._notice("lost", {"model": claim.request.model, "problem": str(error)})
        except (BoardError, OSError) as error:
            self._owe(claim, end, error)
        return None

    def _run(self, claim: Claim, lease: Lease, abandon: threading.Event) -> Outcome:
        suite = self._suites[claim.request.suite, claim.request.suite_version]
        proof = {"request": claim.key, "slot": claim.fencing_token, "nonce": claim.nonce, "box": claim.box}

        def on_event(what: str, particulars: Mapping[str, Any]) -> None:
            lease.record(what, particulars)
            self._notice(what, {"model": claim.request.model} | dict(particulars))

        try:
            outcome = self._evaluate(
                claim.request, suite, self._store, self._settings, proof=proof, notice=on_event, stop=abandon
            )
        except BoardError as error:
            outcome = Outcome(failure=RunFailure("unknown", str(error), traceback.format_exc()))
        except Exception as error:
            log.exception("the evaluation of %s raised an exception in the evaluator itself", claim.request.model)
            outcome = Outcome(failure=RunFailure("unknown", f"{type(error).__name__}: {error}", traceback.format_exc()))
        failure = outcome.failure
        if failure is None or failure.code not in box_trial.MAY_BE_THE_BOX or abandon.is_set():
            return outcome
        if endpoint_of(claim.request.model):  # no model ran here
            return outcome
        # a failure is final only after this machine has shown that it can run a model
        self._notice("trial", {"model": claim.request.model, "code": failure.code})
        if problem := self._problem_with(claim.request, suite, self._settings):
            message = f"{failure.message} A tiny model of this machine's own fails too: {problem}"
            return Outcome(failure=RunFailure("box", message, failure.traceback), log=outcome.log)
        return outcome

    def _release(self, claim: Claim) -> None:
        try:
            self._queue.release(claim)
        except (BoardError, OSError) as error:
            self._owe(claim, lambda: self._queue.release(claim), error)


class Lease:
    """A claim that is renewed during the work, with the progress that the queue page shows."""

    RETRY = timedelta(seconds=30)

    def __init__(self, queue: Queue, claim: Claim) -> None:
        self.claim = claim
        self.over = threading.Event()
        self.lost = ""  # why this machine no longer holds it
        self._queue = queue
        self._progress: dict[str, Any] = {}
        self.wake = threading.Event()  # renew now: there is urgent progress, or the work is over

    @property
    def engine(self) -> str | None:
        """How the engine runs the model's requests, in words; None until that is known."""
        return self._progress.get("engine")

    def record(self, what: str, particulars: Mapping[str, Any]) -> None:
        """Record progress, which the next renewal stores."""
        self._progress["doing"] = what
        if what == "unit":
            self._progress["benchmark"] = particulars.get("benchmark")
        if what == "checkpoint":
            self._progress["tasks_done"] = self._progress.get("tasks_done", 0) + len(particulars.get("tasks", ()))
        if what == "way":
            ways = particulars.get("scoring"), particulars.get("generation")
            self._progress["engine"] = way_words(*ways)
            if is_off(*ways):  # the run takes much longer than expected, so the queue page shows it immediately
                self.wake.set()
        if what == "served":
            self._progress["answers"] = particulars.get("answers")
        if what == "answers" and particulars.get("counts"):
            self._progress["answers"] = sum(particulars.get("counts", {}).values())

    def kept(self, on_loss: Callable[[], None]) -> _Kept:
        """Return a context in which the lease is renewed; `on_loss` is called if this machine loses it."""
        return _Kept(self, on_loss)

    def renew(self) -> bool:
        """Renew the lease; return whether this machine still holds it."""
        try:
            self.claim = self._queue.renew(self.claim, dict(self._progress))
        except LeaseLostError as error:
            self.lost = str(error)
            return False
        except (StoreError, OSError) as error:
            log.warning("the lease could not be renewed yet: %s", error)
        return True

    def seconds_left(self) -> float:
        """Return the seconds until the next renewal is due, by the store's clock."""
        return max(0.0, (self.claim.renew_at - self._queue.store.now()).total_seconds())


class _Kept:
    def __init__(self, lease: Lease, on_loss: Callable[[], None]) -> None:
        self._lease, self._on_loss = lease, on_loss
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._lease.over.set()
        self._lease.wake.set()
        self._thread.join()

    def _keep(self) -> None:
        lease = self._lease
        while True:
            lease.wake.wait(max(lease.seconds_left(), 0.5))
            lease.wake.clear()
            if lease.over.is_set():
                return
            before = lease.claim
            if not lease.renew():
                self._on_loss()
                return
            if lease.claim is before:  # not renewed: the store does not answer
                lease.over.wait(Lease.RETRY.total_seconds())


def _either(stop: threading.Event, abandon: threading.Event, over: threading.Event) -> None:
    """Set `abandon` if `stop` is set, until `over` is set."""
    while not over.wait(0.2):
        if stop.is_set():
            abandon.set()
            return
