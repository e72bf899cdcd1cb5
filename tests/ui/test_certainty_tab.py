"""The Certainty tab of a model's page: what each interval rests on, and how sure the model is of its answers."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from src.core.items.errors import KEY as ERRORS
from src.core.items.errors import ItemErrors
from src.core.items.options import KEY as OPTIONS
from src.core.items.options import OptionScores
from src.core.items.repeats import KEY as REPEATS
from src.core.items.repeats import write as write_repeats
from src.core.items.sensitivity import KEY as SENSITIVITY
from src.core.items.sensitivity import OptionSensitivity
from src.core.statistics.repeats import repeated_score
from src.core.store import LocalStore
from src.settings import Settings
from src.ui.app import build_app
from tests.boards.small_board import board as small_board
from tests.boards.small_board import row


@pytest.fixture
def tab(tmp_path: Path):
    """Return a function: result files → text of the tab of org/m."""

    def read(*files: dict) -> str:
        board = small_board(tmp_path, row("org/m", 40.0))
        store = LocalStore(tmp_path)
        for day, content in enumerate(files, 1):
            path = f"results/org/m/results_2025-01-0{day}T00-00-00.000000.json"
            store.append({path: json.dumps(content).encode()})
        settings = Settings(store=str(tmp_path))
        page = TestClient(build_app(board, settings)).get("/model/org/m?tab=certainty&part=1").text
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))

    return read


def test_intervals_from_items_say_how_many_were_graded_and_how_many_were_not(tab) -> None:
    text = tab({
        "results": {"leaderboard_mmlu_pro": {"acc,none": 0.46}}, "config": {},
        ERRORS: {"mmlu_pro": ItemErrors(0.5, 39.0, 41.0, 12000, ungraded=32).write()},
        OPTIONS: {"mmlu_pro": OptionScores(3.25, 9.5, 0.901, 0.482, 0.031, 0.004, 12000).write()},
    })  # fmt: skip
    assert "MMLU-PRO 40.00 " in text
    assert "12,000 graded items, 32 not graded, which the interval covers" in text
    assert "MMLU-PRO 3.25 of 9.5 90.1 % 48.2 3.1 ± 0.4" in text


def test_other_orders_of_the_options_show_their_range_their_rank_and_what_has_no_letters(tab) -> None:
    found = OptionSensitivity(11000, 0.125, 40.0, (41.0, 38.5, 40.5), (40.0,), ("leaderboard_mmlu_pro",))
    text = tab({
        "results": {"leaderboard_mmlu_pro": {"acc,none": 0.46}}, "config": {},
        SENSITIVITY: {"mmlu_pro": found.write()},
    })  # fmt: skip
    assert "MMLU-PRO 40.00 38.50 to 41.00 2.5 12.5 % 4 orders and 2 kinds of labels, 11,000 items" in text
    assert "Rank 1 in every order" in text
    assert "MMLU-PRO: asked in one way only, because the options have no letters: MMLU-PRO." in text.replace(
        "Pro", "PRO"
    )


def test_a_run_in_one_order_says_nothing_of_orders(tab) -> None:
    assert "order of the options" not in tab({"results": {"leaderboard_mmlu_pro": {"acc,none": 0.46}}, "config": {}})


def test_without_a_file_the_intervals_are_called_approximate(tab) -> None:
    text = tab()
    assert "approximate, from the number of items" in text
    assert "Unknown: the run’s file does not hold" in text


def test_a_strangers_nonsense_in_the_block_is_no_statement(tab) -> None:
    text = tab({
        "results": {"leaderboard_mmlu_pro": {"acc,none": 0.46}}, "config": {},
        ERRORS: {"mmlu_pro": {"se": "<script>", "low": None}}, OPTIONS: ["x"],
    })  # fmt: skip
    assert "graded items" not in text
    assert "script" not in text


def test_several_tries_show_what_one_some_and_all_of_them_earn(tab) -> None:
    score = repeated_score([[1, 1, 0, 0], [1, 1, 1, 1]] * 20)
    assert score is not None
    text = tab({
        "results": {"leaderboard_mmlu_pro": {"acc,none": 0.46}}, "config": {},
        REPEATS: {"mmlu_pro": write_repeats(score)},
    })  # fmt: skip
    assert "MMLU-PRO 75.0 ± 8.1 2: 91.7, 4: 100.0 2: 58.3, 4: 50.0 66.7 % 40 items, 4 tries each" in text
