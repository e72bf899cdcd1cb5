"""A function of a snapshot's rows is computed once for the same rows, and again for others."""

from __future__ import annotations

import pandas as pd

from src.board.live.per_frame import per_frame


def test_the_same_frame_is_asked_once_and_an_equal_one_again():
    asked: list[str] = []

    @per_frame(2)
    def longest(frame: pd.DataFrame, word: str) -> int:
        asked.append(word)
        return len(frame)

    one, other = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"a": [1, 2]})
    assert [longest(one, "x"), longest(one, "x"), longest(one, "y"), longest(other, "x")] == [2, 2, 2, 2]
    assert asked == ["x", "y", "x"]
    longest(one, "x")  # was pushed out: two are kept
    assert asked == ["x", "y", "x", "x"]
