"""What follows from a snapshot's rows is reckoned once: a frame never changes, so the same one has the same answer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from threading import Lock
from typing import Concatenate, ParamSpec, TypeVar

import pandas as pd

P = ParamSpec("P")
T = TypeVar("T")


def per_frame(
    kept: int,
) -> Callable[[Callable[Concatenate[pd.DataFrame, P], T]], Callable[Concatenate[pd.DataFrame, P], T]]:
    """Decorates a function of (frame, hashable arguments …): its last `kept` answers are remembered."""

    def decorate(function: Callable[Concatenate[pd.DataFrame, P], T]) -> Callable[Concatenate[pd.DataFrame, P], T]:
        answers: OrderedDict[Hashable, tuple[pd.DataFrame, T]] = OrderedDict()
        lock = Lock()

        @wraps(function)
        def remembered(frame: pd.DataFrame, *args: P.args, **more: P.kwargs) -> T:
            # the frame is held beside its answer, so that no other can get its id meanwhile
            key = (id(frame), args, tuple(sorted(more.items())))
            with lock:
                if key in answers:
                    answers.move_to_end(key)
                    return answers[key][1]
            answer = function(frame, *args, **more)
            with lock:
                answers[key] = (frame, answer)
                while len(answers) > kept:
                    answers.popitem(last=False)
            return answer

        return remembered

    return decorate
