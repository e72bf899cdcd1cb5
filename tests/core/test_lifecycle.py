"""Statuses in any spelling, and the moves between them."""

from __future__ import annotations

import pytest

from src.core.lifecycle import MOVES, Status


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


def test_the_end_of_a_request_stays_its_end():
    assert [kind for kind, move in MOVES.items() if Status.FINISHED in move.start] == []
    assert [kind for kind, move in MOVES.items() if Status.CANCELLED in move.start] == ["request"]


def test_only_the_holder_of_the_last_claim_finishes_a_request():
    assert [kind for kind, move in MOVES.items() if Status.FINISHED in move.to] == ["done"]
    assert MOVES["done"].by_holder
