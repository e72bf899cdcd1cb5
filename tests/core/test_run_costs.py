"""What a run took, as its file tells it."""

from __future__ import annotations

from typing import Any

import pytest

from src.core.frames.frame import from_contents, from_records, to_contents
from src.core.records import Result
from src.core.run_costs import run_costs
from src.core.suites import load

IFEVAL = {"prompt_level_strict_acc,none": 0.5, "inst_level_strict_acc,none": 0.5}
SERVED = {"provider": "Toy Cloud", "date": "2026-12-01", "generated_tokens": 900, "generated_answers": 300}

LONG = {"answers": 10, "tokens": 100.0}


def result(**more: Any) -> Result:
    data = {
        "results": {"leaderboard_ifeval": IFEVAL},
        "n-samples": {"leaderboard_ifeval": {"effective": 541}},
        "model_name": "org/m",
        "config": {"model": "hf"},
        "total_evaluation_time_seconds": "1082.0",
    }
    return Result.read(data | more)


@pytest.mark.parametrize(
    ("more", "column", "value"),
    [
        ({}, "served", "weights"),
        ({"config": {}}, "served", None),
        ({"served": SERVED}, "served", "served: Toy Cloud, 2026-12-01"),
        ({"config": {"model": "openai-chat-completions"}, "date": 0}, "served",
         "served: openai-chat-completions, 1970-01-01"),
        ({}, "seconds_per_item", 2.0),
        ({"n-samples": {}}, "seconds_per_item", None),
        ({}, "tokens_per_item", None),
        ({"served": SERVED}, "tokens_per_item", 3.0),
        ({"served": SERVED | {"generated_tokens": None}}, "tokens_per_item", None),
        ({"thinking": {"a": LONG, "b": {"answers": 30, "tokens": 20}}}, "tokens_per_item", 40.0),
        ({"thinking": {"a": LONG, "b": {"answers": 30, "tokens": None}}}, "tokens_per_item", None),
        ({"thinking": "no block", "cost": 5, "served": []}, "tokens_per_item", None),
        ({"cost": {"dollars": 1.25}}, "dollars", 1.25),
        ({"cost": {"dollars": 0.0}}, "dollars", None),
        ({}, "dollars", None),
    ],
)  # fmt: skip
def test_what_a_file_tells_of_its_run(more: dict[str, Any], column: str, value: Any) -> None:
    assert run_costs(result(**more))[column] == value


def test_the_contents_table_keeps_what_runs_took_and_reads_it_back() -> None:
    frame = from_records([result(served=SERVED, cost={"dollars": 1.25})], [], load())
    table = to_contents(frame, load())
    assert table[["Answered by", "Tokens per item", "Seconds per item", "Cost ($)"]].iloc[0].tolist() == [
        "served: Toy Cloud, 2026-12-01", 3.0, 2.0, 1.25,
    ]  # fmt: skip
    again = from_contents(table, load())
    for column in ("served", "tokens_per_item", "seconds_per_item", "dollars"):
        assert again[column].tolist() == frame[column].tolist()


def test_no_carbon_is_made_up_for_an_answer_of_a_server() -> None:
    frame = from_records([result(served=SERVED), result(model_name="org/weights")], [], load())
    assert frame.set_index("model")["co2_kg"].isna().to_dict() == {"org/m": True, "org/weights": False}
