"""Published tables of every age become the tidy frame, with flags the right way round, and go back as they were."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from src.core.errors import BadInputError
from src.core.frames.contents import form_of, from_contents, suite_of, to_contents
from src.core.frames.tables import read_table, write_parquet
from src.core.suites import load

V1, V2 = load("open-llm-v1"), load("open-llm-v2")
THE_36_COLUMNS = [
    "eval_name", "Precision", "Type", "T", "Weight type", "Architecture", "Model", "fullname", "Model sha", "Average ⬆️",
    "Hub License", "Hub ❤️", "#Params (B)", "Available on the hub", "MoE", "Flagged", "Chat Template", "CO₂ cost (kg)",
    "IFEval Raw", "IFEval", "BBH Raw", "BBH", "MATH Lvl 5 Raw", "MATH Lvl 5", "GPQA Raw", "GPQA", "MUSR Raw", "MUSR",
    "MMLU-PRO Raw", "MMLU-PRO", "Merged", "Official Providers", "Upload To Hub Date", "Submission Date", "Generation",
    "Base Model",
]  # fmt: skip

# file                                        suite  rows  moe  flagged merged official average
REAL = {
    "v2_final_merged_4576.parquet":         (V2, 4576,  62,   1,  594, 457),
    "v2_2025-02-08_contents_3827.parquet":  (V2, 3827,  62,   1,  594, 459),
    "v2_2024-10-15_contents_1500.parquet":  (V2, 1500,  47,   0,  250, 347),
    "v2_2024-10-09_ui_1445.csv.gz":         (V2, 1445,  45,   0,  245, 345),
    "v2_2024-08-13_ui_729.csv.gz":          (V2,  729,  34,   0,  129, 271),
    "v1_2024-06-15_ui_7169.csv.gz":         (V1, 7169, 563, 109, 1329,   0),
}  # fmt: skip


@pytest.fixture(scope="module", params=REAL)
def real(request, shared):
    """(what is expected, the table as it lies there, its frame)"""
    table = read_table(shared(f"data/contents/{request.param}"))
    return REAL[request.param], table, from_contents(table)


def test_every_row_of_every_real_table_comes_in(real):
    (suite, rows, *_), table, frame = real
    assert (frame.attrs["suite"], len(frame), len(table)) == (suite.name, rows, rows)
    assert frame.attrs["notes"] == ()
    assert frame["id"].is_unique
    assert frame["average"].notna().all()


def test_flags_stand_the_right_way_round(real):
    (_, _, moe, flagged, merged, official), _, frame = real
    assert {key: int(frame[key].sum()) for key in ("moe", "flagged", "merged", "official")} == {
        "moe": moe,
        "flagged": flagged,
        "merged": merged,
        "official": official,
    }


def test_numbers_are_the_tables_to_the_last_bit(real):
    (suite, *_), table, frame = real
    for benchmark in suite.benchmarks:
        assert frame[f"{benchmark.key}.score"].equals(table[benchmark.column])
        if benchmark.raw_column:
            assert frame[f"{benchmark.key}.raw"].equals(table[benchmark.raw_column])
    assert frame["average"].equals(table["Average ⬆️"])


def test_a_frame_written_and_read_again_is_the_same(real):
    _, _, frame = real
    data = write_parquet(to_contents(frame, frame.attrs["suite"]))
    again = from_contents(read_table(data), frame.attrs["suite"])
    pd.testing.assert_frame_equal(again, frame)


def test_the_newest_table_goes_back_as_it_was(shared):
    """All 36 columns, but for what was unknown under a word: -1, "?" and "Unknown" become null."""
    table = read_table(shared("data/contents/v2_2025-02-08_contents_3827.parquet"))
    again = to_contents(from_contents(table), V2)
    assert list(again.columns) == list(table.columns) == THE_36_COLUMNS
    expected = table.copy()
    expected["#Params (B)"] = expected["#Params (B)"].where(expected["#Params (B)"] > 0)
    expected["Architecture"] = expected["Architecture"].where(~expected["Architecture"].isin(["?", "Unknown"]))
    # the links of names whose details dataset would be longer than the Hub takes, and of those the board marked by hand
    by_hand = expected["Model"].str.contains("has been flagged") | (expected["fullname"].str.len() > 96)
    assert by_hand.sum() == 2
    for column in THE_36_COLUMNS:
        kept = ~by_hand if column == "Model" else slice(None)
        pd.testing.assert_series_equal(again.loc[kept, column], expected.loc[kept, column], check_dtype=False)


def test_flags_of_the_same_models_agree_across_snapshots(shared):
    """MoE is inverted in 2024 and right in 2025: read rightly, the tables say the same of the models they share."""
    old, new = (
        from_contents(read_table(shared(f"data/contents/{name}"))).set_index(["model", "precision", "revision"])
        for name in ("v2_2024-10-15_contents_1500.parquet", "v2_2025-02-08_contents_3827.parquet")
    )
    both = old.join(new, how="inner", suffixes=(".old", ""))
    assert len(both) > 1300
    assert (both["moe.old"] == both["moe"]).mean() > 0.99
    # the Hub's word for merges was read again meanwhile: a tag that was added or taken away
    assert (both["merged.old"] == both["merged"]).mean() > 0.9


@pytest.mark.parametrize(
    ("name", "suite", "rows", "known"),
    [
        (
            "v2_final_raw_4576.parquet",
            V2,
            4576,
            {"ifeval": 4576, "math": 4576, "gpqa": 4576, "mmlu_pro": 4576, "bbh": 0},
        ),
        ("v2_final_normalised_4576.parquet", V2, 4576, {"math": 4576, "bbh": 4576, "ifeval": 0}),
        ("v2_final_ui_rounded_4576.parquet", V2, 4576, {"ifeval": 4576, "musr": 4576}),
        ("v1_2024_fullprecision_6986.csv.gz", V1, 6986, {"arc": 5335, "gsm8k": 6781}),
    ],
)
def test_tables_of_other_people_come_in_as_far_as_they_go(name, suite, rows, known, shared):
    frame = from_contents(read_table(shared(f"data/contents/{name}")))
    assert (frame.attrs["suite"], len(frame)) == (suite.name, rows)
    assert {key: int(frame[f"{key}.score"].notna().sum()) for key in known} == known
    lacking = frame[[f"{benchmark.key}.score" for benchmark in suite.benchmarks]].isna().any(axis=1)
    assert frame.loc[lacking, "average"].isna().all()


def test_scores_that_follow_from_raw_values_equal_the_published_ones(shared):
    raw = from_contents(read_table(shared("data/contents/v2_final_raw_4576.parquet"))).set_index("id")
    final = from_contents(read_table(shared("data/contents/v2_final_merged_4576.parquet"))).set_index("id")
    for key in ("ifeval", "math", "gpqa", "mmlu_pro"):
        derived, published = raw[f"{key}.score"].align(final[f"{key}.score"], join="inner")
        assert len(derived) > 4570  # one organisation was renamed
        assert (derived - published).abs().max() < 1e-9


def contents(**columns: object) -> pd.DataFrame:
    """Two whole rows of a newest-form table."""
    rows: dict[str, object] = {"fullname": ["org/one", "org/two"], "Precision": ["bfloat16", "float16"]}
    for benchmark in V2.benchmarks:
        rows |= {str(benchmark.raw_column): [0.5, 0.6], benchmark.column: [40.0, 50.0]}
    return pd.DataFrame(rows | columns)


def test_forms_are_told_apart():
    assert form_of(contents()) == "newest"
    assert form_of(contents(T="🔶")) == "page export"
    assert form_of(contents(eval_name="x", T="🔶", Not_Merged=True)) == "until 2024-12"
    assert form_of(contents(eval_name="x", T="🔶", Merged=True)) == "newest"


@pytest.mark.parametrize(
    ("columns", "moe", "flagged", "merged"),
    [
        ({"eval_name": "x", "Merged": False, "MoE": False, "Flagged": False}, False, False, False),
        ({"eval_name": "x", "Not_Merged": True, "MoE": True, "Flagged": False}, False, False, False),
        ({"T": "🔶", "Not_Merged": True, "MoE": True, "Flagged": True}, False, False, False),
        ({"T": "🔶", "Merged": True, "MoE": True, "Flagged": True}, False, False, False),
        ({"eval_name": "x", "Merged": None, "MoE": None, "Flagged": None}, None, None, None),
    ],
)
def test_an_ordinary_model_is_ordinary_in_every_form(columns, moe, flagged, merged):
    row = from_contents(contents(**columns)).iloc[0]
    assert [None if pd.isna(row[key]) else bool(row[key]) for key in ("moe", "flagged", "merged")] == [
        moe,
        flagged,
        merged,
    ]


def test_unknown_is_missing_under_each_of_its_names():
    frame = from_contents(
        contents(
            **{
                "#Params (B)": [-1, 0], "Architecture": ["?", "Unknown"], "Model sha": ["", None],
                "Hub License": ["", None], "Base Model": ["Removed", "org/two"],
                "Submission Date": [None, "2024-05-05T12:22:44Z"], "Type": ["? something", "💬 : chat"],
            }
        )
    )  # fmt: skip
    for key in ("params_b", "architecture", "revision", "license", "base_model"):
        assert frame[key].isna().all(), key
    assert frame["submission_date"].tolist()[1] == "2024-05-05"
    assert [None if pd.isna(key) else key for key in frame["model_type"]] == [None, "chat"]


def test_a_row_that_lacks_a_benchmark_has_no_average_whatever_the_table_says():
    table = contents(**{"Average ⬆️": [99.0, 48.0]})
    table.loc[0, "GPQA"] = np.nan
    table.loc[0, "GPQA Raw"] = np.nan
    frame = from_contents(table)
    assert pd.isna(frame.loc[0, "average"])
    assert frame.loc[1, "average"] == 48.0


def test_rows_of_one_model_are_told_apart_by_precision_then_revision():
    table = pd.concat([contents(), contents(), contents()], ignore_index=True)
    table["fullname"] = "org/one"
    table["Precision"] = ["bfloat16", "float16", "bfloat16", "4bit", "8bit", "GPTQ"]
    table["Model sha"] = ["a" * 40, "a" * 40, "b" * 40, "a" * 40, "a" * 40, "a" * 40]
    assert from_contents(table)["id"].tolist() == [
        "org/one~bfloat16@aaaaaaa", "org/one~float16", "org/one~bfloat16@bbbbbbb", "org/one~4bit", "org/one~8bit",
        "org/one~GPTQ",
    ]  # fmt: skip


def test_a_row_given_twice_counts_once_and_is_told():
    table = pd.concat([contents(), contents(IFEval=[41.0, 51.0])], ignore_index=True)
    frame = from_contents(table)
    assert frame["ifeval.score"].tolist() == [41.0, 51.0]
    assert frame.attrs["notes"] == (
        "2 rows left out: model, precision and revision come again below (org/one, org/two).",
    )


def test_without_a_precision_rows_of_one_name_are_one_only_if_their_scores_are():
    table = pd.concat([contents(), contents(), contents(IFEval=[41.0, 51.0])], ignore_index=True).drop(
        columns="Precision"
    )
    assert from_contents(table)["id"].tolist() == ["org/one", "org/two", "org/one#2", "org/two#2"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e308, -3, 101, "many", None, "1e999"], ids=repr)
def test_a_score_that_cannot_be_is_unknown_and_told(value):
    table = contents()
    table["IFEval"] = table["IFEval"].astype(object)
    table.loc[0, "IFEval"] = value
    table["IFEval Raw"] = np.nan
    frame = from_contents(table)
    assert pd.isna(frame.loc[0, "ifeval.score"])
    assert pd.isna(frame.loc[0, "average"])
    assert frame.loc[1, "ifeval.score"] == 50
    reported = not pd.isna(value)
    assert frame.attrs["notes"] == (
        ("1 cell of 'IFEval' read as unknown: not a number from 0 to 100.",) if reported else ()
    )


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        'org/it\'s "quoted"',
        "org/\u202egpj.exe",
        "org/нейросеть",
        "=HYPERLINK(0)",
        "<a href='javascript:alert(1)'>org/x</a>",
        "${7*7}{{7*7}}",
    ],
)
def test_a_name_is_text_whatever_it_holds_and_is_written_escaped(name):
    frame = from_contents(contents(fullname=[name, "org/two"]))
    assert frame.loc[0, "model"] == name
    again = to_contents(frame, V2)
    assert again.loc[0, "fullname"] == name
    assert "<script" not in again.loc[0, "Model"]
    assert "<img" not in again.loc[0, "Model"]
    assert again.loc[0, "Model"].count("<a ") == 0


def test_the_boards_own_links_are_read_as_names():
    link = '<a target="_blank" href="https://huggingface.co/org/one" style="x">org/one</a>  <a href="x">📑</a>'
    table = contents(Model=[link, link.replace("one", "two")]).drop(columns="fullname")
    assert from_contents(table)["model"].tolist() == ["org/one", "org/two"]


def test_a_name_that_says_it_was_flagged_is():
    frame = from_contents(contents(fullname=["org/one has been flagged! See discussion #236", "org/two"]))
    assert frame["model"].tolist() == ["org/one", "org/two"]
    assert frame["flagged"].fillna(False).tolist() == [True, False]


def test_an_endless_cell_is_unknown_and_told_and_an_endless_name_is_left_out():
    frame = from_contents(contents(**{"Hub License": ["x" * 10_000_000, "mit"]}))
    assert frame["license"].isna().tolist() == [True, False]
    assert frame.attrs["notes"] == ("1 cell of 'Hub License' read as unknown: longer than 1,000 characters.",)
    frame = from_contents(contents(fullname=["x" * 10_000_000, "org/two"]))
    assert frame["model"].tolist() == ["org/two"]
    assert frame.attrs["notes"][-1] == "1 row left out: no usable model name."


@pytest.mark.parametrize(
    "junk", [b"\xff", [1, 2], {"a": 1}, pd.Timestamp("2024-01-01"), 1 + 2j, "\ud800", 10**400], ids=repr
)
@pytest.mark.parametrize("column", ["Precision", "IFEval", "MoE", "Hub ❤️", "Submission Date", "Type", "Base Model"])
def test_cells_of_any_kind_are_read_or_unknown_never_a_crash(column, junk):
    frame = from_contents(contents(**{column: pd.Series([junk, None], dtype=object)}))
    assert len(frame) == 2
    write_parquet(to_contents(frame, V2))


def test_a_table_without_names_or_without_scores_says_so():
    with pytest.raises(
        BadInputError, match=r"No column names the models: one must be called fullname or Model\. There are "
    ):
        from_contents(contents().drop(columns="fullname"))
    with pytest.raises(
        BadInputError, match=r"No suite has the table's columns \(fullname, colour\)\. Name one with --suite"
    ):
        from_contents(pd.DataFrame({"fullname": ["a/b"], "colour": ["red"]}))
    with pytest.raises(BadInputError, match="has no column of Open LLM Leaderboard v1"):
        from_contents(contents(), V1)


def test_the_suite_is_told_by_the_columns():
    assert suite_of(contents()) is V2
    assert suite_of(pd.DataFrame(columns=["Model", "ARC", "HellaSwag"])) is V1


def test_an_empty_table_is_an_empty_board():
    frame = from_contents(contents().head(0))
    assert len(frame) == 0
    assert list(to_contents(frame, V2).columns) == THE_36_COLUMNS


def test_what_the_frame_knows_beyond_the_36_columns_follows_them():
    frame = from_contents(contents()).assign(scorer="2025-02", result_path="results/org/one/results_x.json")
    table = to_contents(frame, V2)
    assert list(table.columns) == [*THE_36_COLUMNS, "Scorer", "Result"]
    again = from_contents(read_table(write_parquet(table)))
    assert again["scorer"].tolist() == ["2025-02"] * 2


def test_other_readers_find_plain_types_in_the_file(tmp_path):
    import pyarrow.parquet as pq

    schema = pq.read_schema(io.BytesIO(write_parquet(to_contents(from_contents(contents()), V2))))
    assert {str(schema.field(name).type) for name in ("MoE", "Flagged", "Merged")} == {"bool"}
    assert str(schema.field("Hub ❤️").type) == "int64"
    assert str(schema.field("IFEval").type) == "double"
    assert str(schema.field("fullname").type) in ("string", "large_string")
