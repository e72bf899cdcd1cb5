"""Compute what follows from a snapshot's rows once: a frame never changes, so the same frame has the same answer."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable
from functools import wraps
from itertools import count
from threading import Condition, Lock
from typing import Any, Concatenate, ParamSpec, TypeVar

import pandas as pd
from cachetools import LRUCache, cached
from cachetools.keys import hashkey

P = ParamSpec("P")
T = TypeVar("T")


def per_frame(
    kept: int,
) -> Callable[[Callable[Concatenate[pd.DataFrame, P], T]], Callable[Concatenate[pd.DataFrame, P], T]]:
    """Decorate a function of (frame, hashable arguments …) to remember its last `kept` answers.

    If several threads ask for the same answer at once, one computes it and the others wait.
    """

    def decorate(function: Callable[Concatenate[pd.DataFrame, P], T]) -> Callable[Concatenate[pd.DataFrame, P], T]:
        def key(frame: pd.DataFrame, *args: Any, **more: Any) -> Hashable:
            return hashkey(id(frame), *args, **more)

        @cached(LRUCache(kept), key=key, condition=Condition())
        def compute(frame: pd.DataFrame, *args: P.args, **more: P.kwargs) -> tuple[pd.DataFrame, T]:
            # the frame is kept beside its answer, so that no other frame gets its id meanwhile
            return frame, function(frame, *args, **more)

        @wraps(function)
        def remembered(frame: pd.DataFrame, *args: P.args, **more: P.kwargs) -> T:
            return compute(frame, *args, **more)[1]

        return remembered

    return decorate


def identity(frame: pd.DataFrame) -> int:
    """Return a number that this frame has and no other ever had: an `id()` is given again once a frame is gone."""
    with _LOCK:
        known = _IDENTITIES.get(id(frame))
        if known is not None and known[0]() is frame:
            return known[1]
        number = next(_NUMBERS)
        _IDENTITIES[id(frame)] = (weakref.ref(frame), number)
        for key in [key for key, (alive, _) in _IDENTITIES.items() if alive() is None]:
            del _IDENTITIES[key]
        return number


_IDENTITIES: dict[int, tuple[weakref.ref[pd.DataFrame], int]] = {}
_NUMBERS = count(1)
_LOCK = Lock()
