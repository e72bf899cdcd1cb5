"""The audit: silent on real tables that add up, exact on what does not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from app import main
from src.board.audit import CHECKS, audit, audit_card, audit_table, by_row, lines, sizes_in_doubt
from src.board.cards import claims
from src.core import suites
from src.core.frames.frame import from_contents, read_table

SPPO = "UCLA-AGI/Llama-3-Instruct-8B-SPPO-Iter3"
V2 = suites.load("open-llm-v2")
CELLS = {"IFEval": 80.0, "BBH": 60.0, "MATH Lvl 5": 40.0, "GPQA": 20.0, "MUSR": 10.0, "MMLU-PRO": 30.0}
ROW = {
    "fullname": "org/model", "Precision": "bfloat16", "Model sha": "a" * 40, "Type": "💬 chat models",
    "Hub License": "mit", "#Params (B)": 7.0, "Upload To Hub Date": "2024-06-01", "Submission Date": "2024-06-02",
    "Base Model": "org/base", "Average ⬆️": 40.0, **CELLS,
}  # fmt: skip


def board(*rows):
    """Return a frame of rows that differ from `ROW` as given."""
    return from_contents(pd.DataFrame([ROW | row for row in rows]), V2)


def found(frame):
    return {(finding.check, finding.rows) for finding in audit(frame, V2)}


def test_a_row_that_adds_up_and_is_described_is_left_alone():
    assert audit(board({}), V2) == []


def test_an_average_two_hundredths_off_is_caught_and_one_rounded_twice_is_not():
    frame = board({"Average ⬆️": 40.02}, {"fullname": "org/rounded", "Average ⬆️": 40.01, "GPQA": 20.001})
    [finding] = [finding for finding in audit(frame, V2) if finding.check == "average"]
    assert finding.severity == "error"
    assert finding.rows == ("org/model~bfloat16",)
    assert finding.message == "org/model~bfloat16 states 40.02; its cells give 40.00 (+0.02)."


def test_s10_no_false_alarm_on_7169_averages_of_v1_and_4576_of_v2(shared):
    counts = {}
    for name, file in (
        ("open-llm-v1", "v1_2024-06-15_ui_7169.csv.gz"),
        ("open-llm-v2", "v2_final_merged_4576.parquet"),
    ):
        suite = suites.load(name)
        frame = from_contents(read_table(shared(f"data/contents/{file}")), suite)
        counts[name] = (len(frame), sum(finding.severity == "error" for finding in audit(frame, suite)))
    print("S10 rows, false alarms:", counts)
    assert counts == {"open-llm-v1": (7169, 0), "open-llm-v2": (4576, 0)}


def test_s10_two_of_87_speech_averages_do_not_follow_from_their_cells(shared):
    table = pd.read_csv(shared("stats/open_asr_en_shortform.csv")).rename(columns={"Avg. WER": "Average"})
    benchmarks = [
        {"key": f"b{i}", "title": column, "higher_is_better": False}
        for i, column in enumerate(column for column in table.columns if column.endswith(" WER"))
    ]
    speech = suites.parse({"name": "speech", "title": "Speech", "benchmark": benchmarks})
    off = [finding for finding in audit(from_contents(table, speech), speech) if finding.check == "average"]
    print("S10 speech:", *(finding.message for finding in off), sep="\n  ")
    assert len(table) == 87
    assert {row for finding in off for row in finding.rows} == {
        "nvidia/canary-180m-flash",
        "efficient-speech/lite-whisper-large-v3-turbo-acc",
    }


def test_s10_the_stale_cell_of_a_real_card_is_named(shared):
    frame = from_contents(read_table(shared("data/contents/v2_final_merged_4576.parquet")), V2)
    text = shared("cards/UCLA-AGI__Llama-3-Instruct-8B-SPPO-Iter3.README.md").read_text()
    findings = audit_card(claims(text, SPPO), frame, V2)
    contradiction = findings[0]
    print("S10 card:", contradiction.message)
    assert (contradiction.check, contradiction.severity) == ("card-sum", "error")
    assert contradiction.rows == (f"{SPPO}~bfloat16",)
    assert "states an average of 23.68; its cells give 23.30" in contradiction.message
    assert "Stale is MATH Lvl 5" in contradiction.message
    assert "the card has 7.33, the table 9.59" in contradiction.message
    assert all("MATH Lvl 5" in f.message for f in findings if f.check == "card-table")


def test_a_card_that_agrees_with_the_board_is_left_alone():
    card = "| Metric | Value |\n|---|---|\n| Avg. | 40.00 |\n" + "".join(
        f"| {k} | {v:.2f} |\n" for k, v in CELLS.items()
    )
    assert audit_card(claims(card, "org/model"), board({}), V2) == []
    [unlisted] = audit_card(claims(card, "org/other"), board({}), V2)
    assert unlisted.check == "unlisted"


def test_a_card_is_held_against_the_row_it_most_likely_reports():
    frame = board({}, {"Precision": "float16", "MUSR": 11.0, "GPQA": 23.0, "Average ⬆️": 40 + 4 / 6})
    card = "| Metric | Value |\n|---|---|\n" + "".join(f"| {k} | {v:.2f} |\n" for k, v in CELLS.items())
    stale = card.replace("| MATH Lvl 5 | 40.00 |", "| MATH Lvl 5 | 30.00 |")
    [finding] = audit_card(claims(stale, "org/model"), frame, V2)
    assert (finding.check, finding.rows) == ("card-table", ("org/model~bfloat16",))
    assert "the card has 30.00, the table 40.00" in finding.message


def test_two_models_with_one_score_vector_are_named_together_and_two_precisions_of_one_are_several_rows():
    frame = board({}, {"fullname": "org/copy"}, {"Precision": "float16", "MUSR": 11.0, "Average ⬆️": 40 + 1 / 6})
    assert found(frame) == {
        ("identical", ("org/model~bfloat16", "org/copy~bfloat16")),
        ("several", ("org/model~bfloat16", "org/model~float16")),
    }


def test_models_that_all_score_nothing_are_not_called_copies():
    nothing = dict.fromkeys(CELLS, 0.0) | {"Average ⬆️": 0.0}
    assert found(board(nothing, nothing | {"fullname": "org/other"})) == set()


def test_a_submission_before_the_upload_is_told_with_both_dates():
    [finding] = audit(board({"Submission Date": "2024-05-30T10:00:00Z"}), V2)
    assert finding.message == "org/model~bfloat16 was submitted on 2024-05-30; its upload is dated 2024-06-01."


@pytest.mark.parametrize(
    ("column", "word"),
    [
        ("Hub License", "a licence"),
        ("Upload To Hub Date", "an upload date"),
        ("Submission Date", "a submission date"),
        ("Model sha", "a hash"),
        ("Base Model", "without saying from which"),
    ],
)
def test_what_is_not_described_is_named(column, word):
    [finding] = audit(board({column: None}), V2)
    assert (finding.check, finding.severity) == ("missing", "note")
    assert word in finding.message


def test_a_pretrained_model_needs_no_base():
    assert audit(board({"Base Model": None, "Type": "🟢 pretrained"}), V2) == []


def test_minus_one_in_a_published_table_is_told_though_reading_mends_it():
    table = pd.DataFrame([ROW | {"#Params (B)": -1.0}, ROW | {"fullname": "org/fine"}])
    [finding] = audit_table(table, V2)
    assert (finding.check, finding.rows, finding.message) == (
        "sentinel",
        ("org/model",),
        "'#Params (B)' is -1 in 1 row.",
    )


def test_an_average_over_fewer_columns_than_the_rest_is_told():
    table = pd.DataFrame([ROW, ROW | {"fullname": "org/partial", "GPQA": np.nan, "MUSR": np.nan}])
    [finding] = audit_table(table, V2)
    assert (finding.check, finding.rows) == ("columns", ("org/partial",))
    assert finding.message.startswith("1 average over 4 of 6 columns (IFEval, BBH, MATH Lvl 5, MMLU-PRO)")


def test_badges_show_errors_and_warnings_worst_first_and_leave_notes_out():
    frame = board({"Average ⬆️": 45.0, "Submission Date": "2024-05-30", "Hub License": None})
    badge = by_row(audit(frame, V2))["org/model~bfloat16"]
    assert [finding.check for finding in badge] == ["average", "dates"]


def test_the_report_says_each_kind_once_with_what_to_do():
    findings = audit(board(*({"fullname": f"org/m{i}", "Average ⬆️": 50.0 + i, "MUSR": i} for i in range(8))), V2)
    text = list(lines(findings, most=2))
    assert text[0] == "error: Average is not that of its cells (8 rows)"
    assert text[3:] == ["  … and 6 more of the kind", f"  → {CHECKS['average'].todo}"]
    assert list(lines([])) == ["Nothing found."]


def test_the_command_ends_with_1_where_something_is_wrong(tmp_path, capsys):
    table, card = tmp_path / "table.csv", tmp_path / "README.md"
    pd.DataFrame([ROW, ROW | {"fullname": "org/off", "Average ⬆️": 41.0}]).to_csv(table, index=False)
    card.write_text(
        "| Metric | Value |\n|---|---|\n| Avg. | 40.00 |\n" + "".join(f"| {k} | {v:.2f} |\n" for k, v in CELLS.items())
    )

    def app(*words):
        code = main(words)
        reported = capsys.readouterr()
        return code, reported.out + reported.err

    assert app("import", str(table), "--store", str(tmp_path / "board"))[0] == 0
    code, output = app("audit", "--store", str(tmp_path / "board"))
    assert code == 1
    assert "org/off~bfloat16 states 41.00; its cells give 40.00" in output
    assert app("audit", str(card), "--store", str(tmp_path / "board"), "--model", "org/model") == (
        0,
        "Nothing found.\n",
    )
    named = card.rename(tmp_path / "org__model.README.md")
    assert app("audit", str(named), "--store", str(tmp_path / "board"))[0] == 0
    card.write_text("no link tells whose card this is")
    code, output = app("audit", str(card), "--store", str(tmp_path / "board"))
    assert code == 1
    assert "--model ORG/NAME" in output


def size_of(model, size, base=None, **more):
    """Return what the audit says of the size of one row, on a board that knows three bases."""
    bases = ({"fullname": "org/base-14b", "#Params (B)": 14.7}, {"fullname": "org/core", "#Params (B)": 14.7})
    frame = board(*bases, {"fullname": model, "#Params (B)": size, "Base Model": base, **more})
    return [each.message for each in audit(frame, V2) if each.check == "size"]


@pytest.mark.parametrize(
    ("model", "size", "base", "says"),
    [
        ("org/Fusion-14B", 8.37, None, "its name says 14 B"),
        ("org/tuned-7b", 14.5, None, "its name says 7 B"),
        ("org/core-unsloth-bnb-4bit", 8.48, "org/core", "packed in 4 bits, it counts less than the 14.7 B of its base"),
        ("org/core-chat", 3.0, "org/core", "its base org/core has 14.7 B"),
    ],
)
def test_a_size_that_contradicts_name_base_or_packing_is_found(model, size, base, says):
    [message] = size_of(model, size, base)
    assert says in message


@pytest.mark.parametrize(
    ("model", "size", "base"),
    [
        ("org/Tuned-14B", 14.77, "org/core"),
        ("mix/Mixed-8x7B", 46.7, None),
        ("mix/Qwen1.5-MoE-A2.7B", 14.3, None),
        ("mix/multimaster-7b", 35.4, None),
        ("org/core-pruned", 7.0, "org/core"),
        ("org/Sheared-14B-minitron", 4.0, None),
        ("org/stablelm-2-1_6b", 1.65, None),
        ("org/Harmony-1M", 7.6, None),  # a length of context
        ("org/old-1.8b", 1.0, None),  # cut to whole billions
        ("org/merge-7B-to-13B", 13.0, None),
    ],
)
def test_mixtures_pruned_models_and_names_that_fit_are_left_alone(model, size, base):
    kind = {"Architecture": "MixtralForCausalLM"} if model.startswith("mix/") else {}
    assert size_of(model, size, base, **kind) == []


def test_a_size_far_below_every_model_of_its_score_is_found():
    rows = [{"fullname": f"org/tiny-{at}", "#Params (B)": 0.01 * at, "Average ⬆️": 5.0} for at in range(1, 40)]
    frame = board(*rows, {"fullname": "org/typo", "#Params (B)": 0.007, "Average ⬆️": 22.0})
    assert [each.rows for each in audit(frame, V2) if each.check == "size"] == [("org/typo~bfloat16",)]


def test_the_final_table_has_the_known_wrong_sizes_and_few_others(shared):
    frame = from_contents(read_table(shared("data/contents/v2_final_merged_4576.parquet")), V2)
    names = {row.partition("~")[0] for row in sizes_in_doubt(frame)}
    assert names >= {
        "FINGU-AI/Chocolatine-Fusion-14B", "unsloth/phi-4-bnb-4bit", "unsloth/phi-4-unsloth-bnb-4bit",
        "darkc0de/BuddyGlass_v0.3_Xortron7MethedUpSwitchedUp",
    }  # fmt: skip
    assert 40 < len(names) < 100
