"""`python app.py card`: printed, merged into a file, and refused in words."""

from __future__ import annotations

import pytest

from app import main
from src.board.cards import claims
from tests.e2e.boards import small_store


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> str:
    return str(small_store(tmp_path_factory.mktemp("board")))


def app(capsys, *words: str) -> tuple[int, str, str]:
    code = main(["card", *words])
    reported = capsys.readouterr()
    return code, reported.out, reported.err


def test_it_prints_a_card_of_the_models_results(capsys, store):
    code, out, err = app(capsys, "acme/anvil-70b", "--store", store)
    assert (code, err) == (0, "")
    (index, block) = claims(out, "acme/anvil-70b")
    assert block.average.value == 32.33
    assert {key: cell.value for key, cell in index.cells.items()} == {
        "ifeval": 45.0, "bbh": 50.0, "math": 20.0, "gpqa": 18.0, "musr": 16.0, "mmlu_pro": 45.0,
    }  # fmt: skip


def test_it_takes_the_best_run_and_says_so_unless_told_which(capsys, store):
    code, out, err = app(capsys, "acme/anvil-8b", "--store", store)
    assert (code, err) == (0, "acme/anvil-8b has 2 rows; taking acme/anvil-8b~bfloat16.\n")
    assert "|IFEval (0-Shot)    |40.00|" in out
    assert "|IFEval (0-Shot)    |39.00|" in app(capsys, "acme/anvil-8b", "--store", store, "--precision", "float16")[1]
    assert app(capsys, "acme/anvil-8b", "--store", store, "--precision", "4bit")[::2] == (
        1,
        "acme/anvil-8b was not run in 4bit; there is bfloat16, float16.\n",
    )


def test_it_writes_the_form_of_the_other_suite(capsys, store):
    out = app(capsys, "acme/anvil-7b-v1", "--suite", "open-llm-v1", "--store", store)[1]
    assert "|AI2 Reasoning Challenge (25-Shot)|60.00|" in out


def test_it_merges_into_a_file_once(capsys, store, tmp_path):
    card = tmp_path / "README.md"
    card.write_bytes(b"---\r\nlicense: mit\r\n---\r\n# caf\xe9\r\n")  # not UTF-8, with another system's line ends
    assert app(capsys, "acme/anvil-70b", "--store", store, "--into", str(card))[1] == (
        f"{card} now holds the results of acme/anvil-70b on Open LLM Leaderboard v2.\n"
    )
    once = card.read_bytes()
    assert b"# caf\xe9\r\n\r\n# [Open LLM Leaderboard" in once
    assert app(capsys, "acme/anvil-70b", "--store", store, "--into", str(card))[1].endswith("nothing was changed.\n")
    assert card.read_bytes() == once


def test_it_writes_community_results_beside_the_card(capsys, store, tmp_path):
    app(capsys, "acme/anvil-70b", "--store", store, "--into", str(tmp_path / "README.md"), "--eval-results")
    assert sorted(path.name for path in (tmp_path / ".eval_results").iterdir()) == [
        "open-llm-v2-ifeval.yaml",
        "open-llm-v2-math.yaml",
    ]  # the store publishes no raw values, and only these two follow from the published ones


def test_a_model_that_is_not_there_is_said_so(capsys, store):
    assert app(capsys, "acme/none", "--store", store)[::2] == (
        1,
        "Open LLM Leaderboard v2 has no results of 'acme/none'. "
        "Check the spelling, or see whether it waits in the queue.\n",
    )


def test_the_links_lead_to_the_space_that_is_named(capsys, store):
    out = app(capsys, "acme/anvil-70b", "--store", store, "--space", "me/board")[1]
    assert "https://huggingface.co/spaces/me/board?query=acme/anvil-70b" in out
    assert "https://huggingface.co/datasets/me/acme__anvil-70b-details" in out
