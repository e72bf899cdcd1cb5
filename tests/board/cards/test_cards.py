"""Cards are read without loss, and our block goes in without touching anything else."""

from __future__ import annotations

import contextlib
import difflib
import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard

from src.board.cards import card_block, claims, eval_result_files, form_of, merge
from src.core.errors import BadInputError
from tests.board.cards.page_text import card_from_page

SPPO = "UCLA-AGI/Llama-3-Instruct-8B-SPPO-Iter3"
EXPO = "chujiezheng/Mistral7B-PairRM-SPPO-ExPO"

V2 = {
    "model": "org/m",
    "average": 23.69,
    "ifeval.score": 68.34,
    "bbh.score": 29.74,
    "math.score": 9.59,
    "gpqa.score": 2.0,
    "musr.score": 0.0,
    "mmlu_pro.score": 29.4,
}
V1 = {
    "model": "BEE-spoke-data/smol_llama-220M-GQA",
    "average": 29.44,
    "arc.score": 24.83,
    "hellaswag.score": 29.76,
    "mmlu.score": 25.85,
    "truthfulqa.score": 44.55,
    "winogrande.score": 50.99,
    "gsm8k.score": 0.68,
}


@pytest.fixture
def sppo(shared) -> str:
    return read(shared("cards/UCLA-AGI__Llama-3-Instruct-8B-SPPO-Iter3.README.md"))


@pytest.fixture
def smaug(shared) -> str:
    return read(shared("cards/abacusai__Smaug.README.md"))


@pytest.fixture
def expo(shared) -> str:
    return card_from_page(read(shared("cards/chujiezheng__Mistral7B-PairRM-SPPO-ExPO.page.txt")))


def read(path: Path) -> str:
    return path.read_bytes().decode()


def output(text: str, model: str) -> list[tuple]:
    """Every claim as (model, suite, where, values in the suite's order, average)."""
    return [
        (
            claim.model,
            claim.suite,
            claim.where,
            [claim.cells[line.key].value for line in form_of(claim.suite).lines],
            claim.average and claim.average.value,
        )
        for claim in claims(text, model)
    ]


def row_of(claim) -> dict:
    """A row of the board that says what a claim says."""
    return {"model": claim.model, "average": claim.average and claim.average.value} | {
        f"{key}.score": cell.value for key, cell in claim.cells.items()
    }


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_card_with_both_suites_and_other_tables_is_read_without_loss(sppo):
    v2 = [68.28, 29.74, 7.33, 2.01, 3.09, 29.38]
    assert output(sppo, SPPO) == [
        (SPPO, "open-llm-v2", "model-index", v2, None),
        (
            "UCLA-AGI/Llama-3-Instruct-8B-SPPO-Iter1",
            "open-llm-v1",
            "table",
            [63.82, 79.8, 65.65, 54.96, 76.4, 75.44],
            69.35,
        ),
        (
            "UCLA-AGI/Llama-3-Instruct-8B-SPPO-Iter2",
            "open-llm-v1",
            "table",
            [64.93, 80.39, 65.67, 56.48, 76.87, 75.13],
            69.91,
        ),
        (SPPO, "open-llm-v1", "table", [65.19, 80.86, 65.6, 58.04, 77.11, 74.91], 70.29),
        (SPPO, "open-llm-v2", "block", v2, 23.68),
    ]


def test_a_card_of_two_models_without_front_matter_is_read_without_loss(smaug):
    # its contamination tables hold three of the six columns with values like 0.20: no scores, so no claims
    assert output(smaug, "abacusai/Smaug") == [
        ("abacusai/Smaug-72B-v0.1", "open-llm-v1", "table", [76.02, 89.27, 77.15, 76.67, 85.08, 78.7], 80.48),
        ("abacusai/Smaug-34B-v0.1", "open-llm-v1", "table", [74.23, 86.76, 76.66, 70.22, 83.66, 72.18], 77.29),
    ]


def test_a_card_seen_through_its_page_is_read_without_loss(expo):
    values = [36.73, 13.68, 0.91, 3.58, 8.66, 17.24]
    assert output(expo, EXPO) == [
        (EXPO, "open-llm-v2", "model-index", values, None),
        (EXPO, "open-llm-v2", "block", values, 13.47),
    ]


def test_a_claim_names_the_line_it_stands_on(sppo):
    lines = sppo.split("\n")
    for claim in claims(sppo, SPPO):
        for cell in claim.cells.values():
            assert f"{cell.value:.2f}".rstrip("0") in lines[cell.line - 1]


def test_only_the_block_whose_average_is_not_of_its_cells_fails_to_add_up(sppo, smaug, expo):
    found = [*claims(sppo, SPPO), *claims(smaug, "abacusai/Smaug"), *claims(expo, EXPO)]
    wrong = [claim for claim in found if claim.adds_up is False]
    assert [(claim.model, claim.suite, claim.average.value) for claim in wrong] == [(SPPO, "open-llm-v2", 23.68)]
    assert wrong[0].recomputed == pytest.approx(23.305)


def test_the_earliest_blocks_of_the_bot_are_read_with_their_own_labels():
    card = """# [Open LLM Leaderboard Evaluation Results](https://huggingface.co/spaces/HuggingFaceH4/open_llm_leaderboard)

| Metric                | Value                     |
|-----------------------|---------------------------|
| Avg.                  | 52.16   |
| ARC (25-shot)         | 64.08          |
| HellaSwag (10-shot)   | 85.08    |
| MMLU (5-shot)         | 63.91         |
| TruthfulQA (0-shot)   | 50.4   |
| Winogrande (5-shot)   | 78.53   |
| GSM8K (5-shot)        | 16.98        |
| DROP (3-shot)         | 6.13         |
"""
    (claim,) = claims(card, "org/m")
    assert claim.average.value == 52.16
    assert [claim.cells[line.key].value for line in form_of("open-llm-v1").lines] == [
        64.08,
        85.08,
        63.91,
        50.4,
        78.53,
        16.98,
    ]


def test_a_table_in_a_code_fence_is_no_claim():
    assert claims("```\n" + card_block(V2, "open-llm-v2").section + "```\n", "org/m") == ()


def test_another_boards_model_index_is_no_claim():
    card = (
        card_block(V2, "open-llm-v2").text.replace("Open LLM Leaderboard", "Somebody").replace("leaderboard", "board")
    )
    assert [claim.where for claim in claims(card, "org/m")] == ["block"]


def test_a_front_matter_that_is_no_yaml_is_named_by_its_line():
    with pytest.raises(BadInputError, match="no YAML at line 3"):
        claims("---\nlicense: mit\nmodel-index: [}\n---\n", "org/m")


@pytest.mark.parametrize(
    "front",
    [
        "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nmodel-index: [{name: m, results: *c}]",
        "model-index:\n- 3\n- results: 4\n- results: [5, {source: 6}, {source: {url: 'https://[leaderboard'}}]",
        "model-index: x",
        "[1, 2]",
        "x",
        "",
        "# nothing",
        "date: 2024-13-40",
        "a: " + "[" * 3000,
    ],
)
def test_front_matter_of_any_shape_is_read_or_refused_in_words(front):
    with contextlib.suppress(BadInputError):
        assert claims(f"---\n{front}\n---\nbody\n", "org/m") == ()


# --- writing ----------------------------------------------------------------------------------------------------------


def test_the_block_of_a_card_is_written_as_that_card_has_it(sppo):
    by_bot = next(claim for claim in claims(sppo, SPPO) if claim.where == "block")
    block = card_block(row_of(by_bot), "open-llm-v2")
    assert block.metadata in sppo
    assert f"{block.details}\n\n{block.table}\n" in sppo


def test_the_block_of_the_boards_row_differs_from_the_cards_in_values_only(sppo, expo, shared):
    pd = pytest.importorskip("pandas")
    board = pd.read_parquet(shared("data/contents/v2_final_merged_4576.parquet")).set_index(["fullname", "Precision"])
    columns = {
        "ifeval": "IFEval",
        "bbh": "BBH",
        "math": "MATH Lvl 5",
        "gpqa": "GPQA",
        "musr": "MUSR",
        "mmlu_pro": "MMLU-PRO",
    }
    for card, model in [(sppo, SPPO), (expo, EXPO)]:
        published = board.loc[(model, "bfloat16")]
        row = {"model": model, "average": published["Average ⬆️"]} | {
            f"{key}.score": published[column] for key, column in columns.items()
        }
        block = card_block(row, "open-llm-v2")
        assert without_values(block.metadata) in without_values(card)
        assert without_values(block.table) in without_values(card)


def without_values(text: str) -> str:
    """Numbers with a point as #, and what a page view loses: runs of spaces, and the space before a bar."""
    return re.sub(r" +(?=\|)|(?<=\|) +", "", re.sub(r" +", " ", re.sub(r"\d+\.\d+", "#", text)))


def test_the_block_of_v1_is_written_as_the_bot_wrote_it():
    block = card_block(V1, "open-llm-v1")
    assert block.section == (
        "# [Open LLM Leaderboard Evaluation Results](https://huggingface.co/spaces/HuggingFaceH4/open_llm_leaderboard)\n"
        "Detailed results can be found [here]"
        "(https://huggingface.co/datasets/open-llm-leaderboard/details_BEE-spoke-data__smol_llama-220M-GQA)\n"
        "\n"
        "|             Metric              |Value|\n"
        "|---------------------------------|----:|\n"
        "|Avg.                             |29.44|\n"
        "|AI2 Reasoning Challenge (25-Shot)|24.83|\n"
        "|HellaSwag (10-Shot)              |29.76|\n"
        "|MMLU (5-Shot)                    |25.85|\n"
        "|TruthfulQA (0-shot)              |44.55|\n"
        "|Winogrande (5-shot)              |50.99|\n"
        "|GSM8k (5-shot)                   | 0.68|\n"
    )
    truthfulqa = block.entries[3]
    assert truthfulqa["dataset"] == {
        "name": "TruthfulQA (0-shot)",
        "type": "truthful_qa",
        "config": "multiple_choice",
        "split": "validation",
        "args": {"num_few_shot": 0},
    }
    assert truthfulqa["metrics"] == [{"type": "mc2", "value": 44.55}]


def test_the_hubs_own_reader_reads_our_block():
    card = ModelCard(card_block(V2, "open-llm-v2").text)
    results = card.data.to_dict()["model-index"][0]["results"]
    values = {each["dataset"]["name"]: each["metrics"][0]["value"] for each in results}
    assert values == {
        "IFEval (0-Shot)": 68.34,
        "BBH (3-Shot)": 29.74,
        "MATH Lvl 5 (4-Shot)": 9.59,
        "GPQA (0-shot)": 2.0,
        "MuSR (0-shot)": 0.0,
        "MMLU-PRO (5-shot)": 29.4,
    }


def test_an_unknown_score_is_left_out_and_so_is_the_average():
    block = card_block(V2 | {"musr.score": None, "average": float("nan")}, "open-llm-v2")
    assert "MuSR" not in block.text
    assert "Avg." not in block.text


def test_a_row_without_a_score_has_no_block():
    with pytest.raises(BadInputError, match="org/m has no score on open-llm-v2 yet"):
        card_block({"model": "org/m"}, "open-llm-v2")


def test_community_results_are_raw_one_file_a_benchmark():
    files = eval_result_files(V2 | {"mmlu_pro.raw": 0.36447, "gpqa.raw": None}, "open-llm-v2", date="2025-02-08")
    assert list(files) == [".eval_results/open-llm-v2-mmlu_pro.yaml"]
    assert yaml.safe_load(files[".eval_results/open-llm-v2-mmlu_pro.yaml"]) == [
        {
            "dataset": {"id": "TIGER-Lab/MMLU-Pro", "task_id": "mmlu_pro"},
            "value": 36.45,
            "date": "2025-02-08",
            "source": {
                "url": "https://huggingface.co/spaces/open-llm-leaderboard/open_llm_leaderboard?query=org/m",
                "name": "Open LLM Leaderboard",
            },
            "notes": "5-shot, acc; published score 29.40",
        }
    ]


# --- merging ----------------------------------------------------------------------------------------------------------


def test_merging_a_newer_row_changes_the_values_and_no_other_byte(sppo):
    row = V2 | {"model": SPPO, "gpqa.score": 2.01, "musr.score": 3.09, "mmlu_pro.score": 29.38}
    merged = merge(sppo, card_block(row, "open-llm-v2"))
    changed = [line for line in difflib.ndiff(sppo.split("\n"), merged.split("\n")) if line[0] in "+-"]
    assert changed == [
        "-       value: 68.28",
        "+       value: 68.34",
        "-       value: 7.33",
        "+       value: 9.59",
        "- |Avg.               |23.68|",
        "+ |Avg.               |23.69|",
        "- |IFEval (0-Shot)    |68.28|",
        "+ |IFEval (0-Shot)    |68.34|",
        "- |MATH Lvl 5 (4-Shot)| 7.33|",
        "+ |MATH Lvl 5 (4-Shot)| 9.59|",
    ]


def test_merging_what_a_card_says_already_changes_nothing(sppo):
    by_bot = next(claim for claim in claims(sppo, SPPO) if claim.where == "block")
    assert merge(sppo, card_block(row_of(by_bot), "open-llm-v2")) == sppo


def test_a_card_without_front_matter_keeps_its_text_between_ours(smaug):
    block = card_block(V1 | {"model": "abacusai/Smaug"}, "open-llm-v1")
    assert merge(smaug, block) == f"---\n{block.metadata}---\n{smaug}\n{block.section}"


BLOCK = card_block(V2, "open-llm-v2")
OLD = card_block(V2 | {"average": 1.0, "math.score": 2.0}, "open-llm-v2")
OLD_V1 = card_block(V1 | {"model": "org/m"}, "open-llm-v1")
OTHERS = """  - task:
      type: code
    dataset: {name: HumanEval, type: openai_humaneval}  # their own
    metrics:
    - {type: pass@1, value: 0.5}
"""
MINE = BLOCK.metadata
THEIRS = OLD.metadata

CARDS = {
    "an empty card": "",
    "a body alone": "# M\n\ntext\n",
    "a body that ends without a newline": "text",
    "front matter alone": "---\nlicense: mit\n---\n",
    "front matter that ends the file": "---\nlicense: mit\n---",
    "front matter of comments": "---\n# none\n---\ntext\n",
    "an empty model-index": "---\nmodel-index:\nlicense: mit\n---\ntext\n",
    "an empty list as model-index": "---\nmodel-index: []\nlicense: mit  # why\n---\ntext\n",
    "a model-index on one line": "---\na: 1\nmodel-index: [{name: m, results: []}]\nb: 2\n---\ntext\n",
    "results on one line": "---\nmodel-index:\n- name: m\n  results: []\nb: 2\n---\ntext\n",
    "our block": OLD.text,
    "our block, then more": f"---\n{THEIRS}tags:\n- x\n---\nA\n\n{OLD.section}\nB\n",
    "our block without a last newline": OLD.text.rstrip("\n"),
    "another's results": f"---\nmodel-index:\n- name: m\n  results:\n{OTHERS}# after\nlicense: mit\n---\ntext\n",
    "another's results beside ours": f"---\n{THEIRS}{OTHERS}# after\nlicense: mit\n---\n{OLD.section}",
    "both suites": f"---\n{THEIRS}---\n{OLD_V1.section}\n\n{OLD.section}\ntext\n",
    "a wide table under our heading": "# Open LLM Leaderboard Evaluation Results\n\n|a|b|c|\n|-|-|-|\n|1|2|3|\n",
    "the block in a fence": f"```\n{OLD.section}```\n",
    "the block in a quote": "".join(f"> {line}\n" for line in OLD.section.splitlines()),
    "indented sequences": "---\n" + re.sub(r"(?m)^(?!model-index)", "  ", THEIRS)[:-2] + "b: 2\n---\ntext\n",
    "a rule that is no front matter": "text\n\n---\n\na: b\n\n---\n",
    "strange line breaks": "a\x0bb\x0cc\u2028d\x85e\n\n" + OLD.section + "\x0b\n",
}


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("name", CARDS)
def test_merging_twice_is_merging_once_and_says_what_the_row_says(name, ending):
    card = CARDS[name].replace("\n", ending)
    merged = merge(card, BLOCK)
    assert merge(merged, BLOCK) == merged
    ours = [claim for claim in claims(merged, "org/m") if claim.suite == "open-llm-v2"]
    assert {"model-index", "block"} <= {claim.where for claim in ours}
    assert all(claim.cells["math"].value == 9.59 for claim in ours if "quote" not in name)
    if "\r\n" in card:
        assert merged == merge(CARDS[name], BLOCK).replace("\n", "\r\n")


@pytest.mark.parametrize("name", CARDS)
def test_merging_keeps_every_line_that_is_not_ours(name):
    kept = [
        line for line in CARDS[name].split("\n") if line not in set(OLD.text.split("\n")) and "model-index" not in line
    ]
    merged = merge(CARDS[name], BLOCK).split("\n")
    left = iter(merged)
    loose = {"  results: []", "model-index: []"}
    assert [line for line in kept if line not in loose and "  " not in line[:2] and line not in left] == []


def test_a_second_copy_of_the_block_goes():
    card = f"---\n{THEIRS}---\nA\n\n{OLD.section}\n{OLD.section}\nB\n"
    assert merge(card, BLOCK) == f"---\n{MINE}---\nA\n\n{BLOCK.section}\nB\n"


def test_a_second_copy_of_a_result_goes():
    again = THEIRS.split("results:\n")[1]
    assert merge(f"---\n{THEIRS}{again}license: mit\n---\n{BLOCK.section}", BLOCK) == (
        f"---\n{MINE}license: mit\n---\n{BLOCK.section}"
    )


def test_the_heading_an_author_gave_the_block_stays():
    card = OLD.text.replace("# [Open LLM Leaderboard Evaluation", "### [Open LLM Leaderboard 2 Evaluation")
    assert merge(card, BLOCK) == BLOCK.text.replace("# [Open LLM Leaderboard Ev", "### [Open LLM Leaderboard 2 Ev")


def test_rows_an_author_added_to_the_table_stay():
    card = OLD.section.replace("|BBH", "|My own test|50.00|\n|BBH")
    assert merge(card, BLOCK).endswith(BLOCK.section.replace("|BBH", "|My own test|50.00|\n|BBH"))


def test_text_right_below_the_table_stays():
    assert merge(OLD.section + "and so on\n", BLOCK).endswith(BLOCK.section + "and so on\n")


def test_an_earlier_form_of_the_table_becomes_todays():
    labels = (
        "Avg.",
        "ARC (25-shot)",
        "HellaSwag (10-shot)",
        "MMLU (5-shot)",
        "TruthfulQA (0-shot)",
        "Winogrande (5-shot)",
    )
    card = "# Open LLM Leaderboard Evaluation Results\n\n| Metric | Value |\n|---|---|\n" + "".join(
        f"| {label} | 1.0 |\n" for label in (*labels, "GSM8K (5-shot)", "DROP (3-shot)")
    )
    merged = merge(card + "\nB\n", OLD_V1)
    assert merged.endswith(f"# Open LLM Leaderboard Evaluation Results\n\n{OLD_V1.table}\n\nB\n")


def test_the_other_suites_block_stays_byte_for_byte():
    first = merge("text\n", OLD_V1)
    both = merge(first, BLOCK)
    assert OLD_V1.section in both
    assert {claim.suite for claim in claims(both, "org/m")} == {"open-llm-v1", "open-llm-v2"}
    assert merge(merge(both, OLD_V1), BLOCK) == both


def test_an_anchor_others_depend_on_is_not_pulled_from_under_them():
    card = "---\nmodel-index: [{name: &n m, results: []}]\nalias: *n\n---\n"
    with pytest.raises(BadInputError, match=r"by hand|no YAML"):
        merge(card, BLOCK)


def test_a_model_index_that_is_no_list_is_refused():
    with pytest.raises(BadInputError, match="not a list of models"):
        merge("---\nmodel-index: {a: 1}\n---\n", BLOCK)


def test_a_model_of_the_index_without_results_is_left_as_it_is():
    card = "---\nmodel-index:\n- name: another\n  note: to come\n---\n"
    merged = merge(card, BLOCK)
    assert "- name: another\n  note: to come\n- name:" in merged
    assert merge(merged, BLOCK) == merged
