"""What is offered for a search that finds nothing, and how names stand on the page."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from fastapi.testclient import TestClient

from src.board.table.query import Query
from src.board.table.suggest import Suggestion, suggestions
from src.core.frames.frame import from_contents
from tests.boards.served import sample_app
from tests.e2e.boards import v2_table

NAMES = (
    "meta-llama/Llama-3.1-8B-Instruct", "meta-llama/Llama-3.1-70B-Instruct", "mistralai/Mistral-7B-v0.3",
    "Qwen/Qwen2.5-7B-Instruct", "google/gemma-2-9b-it", "microsoft/phi-4", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
)  # fmt: skip


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    table = pd.concat([v2_table().head(1)] * len(NAMES), ignore_index=True)
    table["fullname"] = NAMES
    return from_contents(table, "open-llm-v2")


@pytest.mark.parametrize(
    ("typed", "meant", "matches"),
    [
        ("mistrla", "mistral", 1),
        ("lama instuct", "lama instruct", 2),
        ("lama-3.1-8b-instuct", "lama-3.1-8b-instruct", 1),
        ("meta-lama/Llama-3.1-70b-Instrct", "meta-llama/Llama-3.1-70B-Instruct", 1),
        ("qwne2.5", "qwen2.5", 1),
        ("gema", "gemma", 1),
        ("phy", "phi", 1),
        ("deepseekr1", "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B", 1),
    ],
)
def test_a_misspelled_search_is_answered_with_the_spelling_of_the_board(
    frame: pd.DataFrame, typed: str, meant: str, matches: int
) -> None:
    assert Suggestion(meant, matches) in suggestions(frame, Query(q=typed))


def test_other_terms_of_the_search_stay_and_other_filters_count(frame: pd.DataFrame) -> None:
    assert suggestions(frame, Query(q="mistrla @precision:bfloat16 7b; gema"))[0] == Suggestion(
        "mistral @precision:bfloat16 7b; gemma", 2
    )
    assert suggestions(frame, Query(q="mistrla", size=("40+",))) == []


@pytest.mark.parametrize("typed", ["", "zzzzqqqq", "/mistrla/", "@nothing:mit", "@license:xyz"])
def test_what_is_like_nothing_gets_no_suggestion(frame: pd.DataFrame, typed: str) -> None:
    assert suggestions(frame, Query(q=typed)) == []


def test_the_page_offers_the_spelling_without_javascript_and_to_its_script(tmp_path) -> None:
    with TestClient(sample_app(tmp_path)) as client:
        page = client.get("/?q=estuery&types=pretrained").text
        (offer,) = re.findall(r'class="lt-empty">.*?<a class="lt-button" href="([^"]*)">([^<]*)', page)
        assert offer[0] == "./?q=estuary&amp;types=pretrained"
        assert client.get("/board/suggestions.json?q=estuery").json()[0]["q"] == "estuary"
        assert client.get("/board/suggestions.json?suite=none").status_code == 404


def test_a_whole_name_stands_in_one_text_node(tmp_path) -> None:
    with TestClient(sample_app(tmp_path)) as client:
        page = client.get("/").text
    assert "<span>tidewater-ml/Estuary-72.7B-Instruct</span></a>" in page
