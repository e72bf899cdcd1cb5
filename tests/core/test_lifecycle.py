"""Statuses in any spelling, and the moves between them."""

from __future__ import annotations

import pytest

from src.core.lifecycle import MOVES, Status, may_move


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("PENDING", Status.PENDING),
        ("PENDING_NEW_EVAL", Status.PENDING),
        ("RERUN", Status.PENDING),
        ("RUNNING", Status.RUNNING),
        ("FINISHED", Status.FINISHED),
        ("FINISHED_2024-06", Status.FINISHED),
        ("finished", Status.FINISHED),
        ("FAILED", Status.FAILED),
        ("CANCELLED", Status.CANCELLED),
    ],
)
def test_every_status_in_the_wild_is_read(text, status):
    assert Status.read(text) is status


def test_a_word_no_board_wrote_is_no_status():
    with pytest.raises(ValueError, match="'DONE' is no status of a request; expected one of PENDING, RUNNING"):
        Status.read("DONE")


def test_every_status_has_its_moves_and_ends_stay_ends():
    assert set(MOVES) == set(Status)
    assert not MOVES[Status.FINISHED]
    assert not MOVES[Status.CANCELLED]


@pytest.mark.parametrize(
    ("start", "to", "allowed"),
    [
        (Status.PENDING, Status.RUNNING, True),
        (Status.RUNNING, Status.PENDING, True),
        (Status.FAILED, Status.PENDING, True),
        (Status.PENDING, Status.FINISHED, False),
        (Status.FINISHED, Status.PENDING, False),
    ],
)
def test_moves_follow_the_table(start, to, allowed):
    assert may_move(start, to) is allowed
