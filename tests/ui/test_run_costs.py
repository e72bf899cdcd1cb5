"""Who answered, with how many tokens, how fast and for how much: columns, the model's page, Explore, the API."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.boards.served import app_of_table

COLUMNS = "Model,Precision,Model sha,Type,IFEval,BBH,MATH Lvl 5,GPQA,MUSR,MMLU-PRO"
TABLE = f"""{COLUMNS},Answered by,Tokens per item,Seconds per item,Cost ($)
endpoint:toy,served,2026-12-01,,60,50,40,30,20,10,"served: Toy <Cloud>, 2026-12-01",120.4,0.31,1.25
org/a,bfloat16,abc,,50,40,30,20,10,5,weights,80,2.5,4.5
org/b,bfloat16,abc,,10,40,30,20,10,5,weights,100,3.5,
"""


@pytest.fixture
def board(tmp_path: Path):
    with TestClient(app_of_table(tmp_path, TABLE)) as client:
        yield client


def test_a_served_row_is_marked_with_who_answered_and_when(board: TestClient) -> None:
    page = board.get("/").text
    assert 'title="endpoint:toy, served: Toy &lt;Cloud&gt;, 2026-12-01: may change"' in page
    assert page.count('<span class="lt-run on">served</span>') == 1
    assert ">Tokens per item<" not in page.split("<tbody")[0].split("<thead")[-1]


def test_the_columns_are_there_if_they_are_asked_for(board: TestClient) -> None:
    page = board.get("/?columns=model,served,tokens_per_item,seconds_per_item,dollars").text
    for text in ("served: Toy &lt;Cloud&gt;, 2026-12-01", "0.31", "4.50", "120"):
        assert text in page


def test_the_models_page_says_it_too(board: TestClient) -> None:
    page = board.get("/model/endpoint:toy").text
    assert "served: Toy &lt;Cloud&gt;, 2026-12-01; may change" in page
    assert "120 tokens an answer" in page
    assert "0.31 s an item" in page
    assert "run for $1.25" in page
    assert "huggingface.co/endpoint:toy" not in page
    assert "may change" not in board.get("/model/org/a").text


def test_the_api_has_them(board: TestClient) -> None:
    rows = {row["model"]: row for row in board.get("/api/v1/models").json()["rows"]}
    names = ("served", "tokens_per_item", "seconds_per_item", "dollars")
    assert [rows["org/b"][name] for name in names] == ["weights", 100.0, 3.5, None]


@pytest.mark.parametrize(
    ("cost", "models"),
    [("tokens_per_item", {"org/a": True, "endpoint:toy": True, "org/b": False}),
     ("seconds_per_item", {"endpoint:toy": True, "org/a": False, "org/b": False}),
     ("dollars", {"endpoint:toy": True, "org/a": False})],
)  # fmt: skip
def test_explore_draws_fronts_of_score_against_each(board: TestClient, cost: str, models: dict[str, bool]) -> None:
    lines = board.get(f"/explore/figure.csv?chart=cost&x={cost}").text.splitlines()
    head = lines[0].split(",")
    rows = [dict(zip(head, line.split(","), strict=True)) for line in lines[1:]]
    assert {row["model"]: row["on_front"] == "True" for row in rows} == models
