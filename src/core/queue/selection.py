"""What a box takes next: chosen among the first that wait, so that two boxes rarely want the same."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from src.core.queue.events import Event
from src.core.queue.state import QueueEntry, QueueState, candidates
from src.core.records import Request

Accepts = Callable[[Request], bool]


class ClaimBatch:
    """What one box wants: the requests, and by their keys the claims that say so."""

    def __init__(self, choose: Callable[[ClaimBatch], None]) -> None:
        self.wanted: list[QueueEntry] = []
        self.claims: dict[str, Event] = {}
        self._choose = choose

    def choose_again(self) -> dict[str, Event]:
        """Choose again, from the queue as it is now. What was wanted before is let go."""
        self._choose(self)
        return self.claims


class ClaimSelector:
    """Chooses for the threads of one process; no two of them want the same."""

    LOOK_AT = 8  # boxes choose among so many of the first, or as many as run, so that two rarely want the same

    def __init__(self, look: Callable[[], QueueState], claim: Callable[[QueueEntry], Event]) -> None:
        self._look, self._claim = look, claim
        self._lock = threading.Lock()
        self._taken: set[str] = set()

    @contextmanager
    def choice(self, box: str, most: int, accepts: Accepts | None, avoid: Collection[str]) -> Iterator[ClaimBatch]:
        """Return up to `most` requests for a box, none in `avoid` and none that another thread wants meanwhile."""

        def affinity(standing: QueueEntry) -> bytes:
            return hashlib.sha256(f"{box}/{standing.key}".encode()).digest()

        def choose(choice: ClaimBatch) -> None:
            with self._lock:
                self._taken -= choice.claims.keys()
                choice.wanted, choice.claims = [], {}
                if not most or accepts is None:
                    return
                state = self._look()  # in here: one from before could show as free what another just let go
                free = [one for one in candidates(state, accepts) if one.key not in {*avoid, *self._taken}]
                first = free[: max(self.LOOK_AT, len(state.running), most)]
                choice.wanted = sorted(first, key=affinity)[:most]
                choice.claims = {one.key: self._claim(one) for one in choice.wanted}
                self._taken |= choice.claims.keys()

        choice = ClaimBatch(choose)
        try:
            yield choice
        finally:
            with self._lock:
                self._taken -= choice.claims.keys()
