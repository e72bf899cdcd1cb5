"""Each chart says in a sentence what it shows, leaves out what is unknown, and offers its numbers."""

from __future__ import annotations

import orjson
import pandas as pd
import pytest

from src.board.charts import CHARTS, NOTHING, ChartChoice, numeric_columns
from src.core import suites
from src.core.frames.frame import from_contents

SUITE = suites.load()


def frame() -> pd.DataFrame:
    rows = [
        ("org/a", 1.0, 10.0, "2024-06-01", "Llama", "pretrained"),
        ("org/b", 2.0, 9.0, "2024-06-02", "Llama", "pretrained"),
        ("org/c", 10.0, 30.0, "2024-06-03", "Llama", "pretrained"),
        ("org/<d>", 20.0, 20.0, "2024-06-04", "Qwen2", "chat"),
        ("org/e", None, 99.0, None, None, None),
    ]
    names = ["model", "params_b", "average", "submission_date", "family", "model_type"]
    table = pd.DataFrame(rows, columns=names)
    table["id"], table["precision"] = table["model"] + "~bfloat16", "bfloat16"
    for at, benchmark in enumerate(SUITE.benchmarks):
        table[f"{benchmark.key}.score"] = table["average"] + [at, -at, 2 * at, 0, at]
    return table


def chart(key: str, ask: ChartChoice | None = None):
    return CHARTS[key](frame(), SUITE, ask or ChartChoice())


def test_the_front_holds_what_nothing_cheaper_beats_and_says_how_many_are_left_out():
    found = chart("cost")
    assert found.table.set_index("model")["on_front"].to_dict() == {
        "org/a": True, "org/b": False, "org/c": True, "org/<d>": False,
    }  # fmt: skip
    assert found.sentence == (
        "2 of 4 models are on the front: no smaller or equal model scores as high. It runs from org/a (1 B, 10.0) "
        "to org/c (10 B, 30.0). Left out because a value is unknown: 1."
    )


def test_every_point_knows_its_row():
    series = chart("cost").figure.series
    assert {row for each in series for row in each.ids} == {f"org/{x}~bfloat16" for x in ("a", "b", "c", "<d>")}


def test_the_front_has_names_beside_its_points():
    (front,) = [each for each in chart("cost").figure.series if each.labelled]
    assert (front.ids, front.x, front.join) == (["org/a~bfloat16", "org/c~bfloat16"], [1.0, 10.0], "steps")


def test_any_two_numeric_columns_have_their_points_and_their_rank_correlation():
    rows = frame().assign(likes=[5, 6, 1, 2, None])
    found = CHARTS["cost"](rows, SUITE, ChartChoice(score="ifeval.score", cost="likes"))
    # by hand: ranks of IFEval 10, 9, 30, 20 are 2, 1, 4, 3 and of likes 3, 4, 1, 2
    assert found.sentence == ("4 models. Their rank correlation is −1.00. Left out because a value is unknown: 1.")
    assert (found.title, found.figure.x.title, found.figure.y.title) == ("IFEval against likes", "Likes", "IFEval")
    offered = {each.path for each in numeric_columns(rows, SUITE)}
    assert {"average", "ifeval.score", "params_b", "likes"} <= offered
    assert not offered & {"co2_kg", "price", "model", "generation"}  # unknown here, or no number


def test_a_model_can_be_highlighted_whatever_the_case_of_its_name():
    found = chart("cost", ChartChoice(mark="ORG/B "))
    (ring,) = [each for each in found.figure.series if each.dots == "ring"]
    assert (ring.ids, ring.x, ring.y) == (["org/b~bfloat16"], [2.0], [9.0])
    assert found.sentence.endswith(" org/b has 9.0.")
    assert chart("cost", ChartChoice(mark="org/z")).sentence.endswith(" org/z is not among the models shown.")
    for key in ("time", "spread"):
        assert any(each.dots == "ring" for each in chart(key, ChartChoice(mark="org/c")).figure.series), key


def test_rows_of_unknown_type_are_drawn_and_called_unknown():
    rows = frame().assign(model_type=None)
    assert [each.name for each in CHARTS["cost"](rows, SUITE, ChartChoice()).figure.series] == ["unknown", "front"]
    assert "unknown 20.0" in CHARTS["spread"](rows, SUITE, ChartChoice()).sentence


def test_rows_that_a_chart_cannot_show_are_counted():
    assert "Left out because a date, a size or the score is unknown: 1." in chart("time").sentence
    rows = frame()
    rows.loc[1, "model_type"] = None
    words = CHARTS["scaling"](rows, SUITE, ChartChoice()).sentence
    assert "Left out because nobody knows whether they are base models: 1." in words


def test_every_figure_is_plain_values():
    figures = [figure for key in CHARTS if (figure := chart(key).figure)]
    assert len(figures) == len(CHARTS) - 1  # these rows have no errors, and so no health
    assert all(orjson.loads(orjson.dumps(each)).keys() == vars(each).keys() for each in figures)


def test_a_box_ends_at_the_farthest_values_near_its_quartiles():
    rows = pd.DataFrame({"model": [f"org/{at}" for at in range(12)], "average": [*range(11), 100.0]})
    rows["id"], rows["model_type"] = rows["model"], "chat"
    figure = CHARTS["spread"](rows, SUITE, ChartChoice()).figure
    (box,) = figure.boxes
    assert (box.name, box.low, box.first, box.median, box.third, box.high) == ("chat", 0, 2.75, 5.5, 8.25, 10)
    assert [list(each.y) for each in figure.series] == [[100.0]]


def test_where_lower_is_better_the_front_falls():
    speech = suites.load("open-asr")
    rows = [("org/small", 0.1, 12.0), ("org/worse", 0.2, 40.0), ("org/large", 1.0, 6.0)]
    table = pd.DataFrame(rows, columns=["model", "params_b", "ami.score"])
    table["id"], table["precision"], table["model_type"] = table["model"], None, None
    found = CHARTS["cost"](table, speech, ChartChoice(score="ami.score"))
    assert found.table.set_index("model")["on_front"].to_dict() == {
        "org/small": True, "org/worse": False, "org/large": True,
    }  # fmt: skip
    assert "no smaller or equal model scores as low" in found.sentence
    assert found.figure.y.title == "AMI (lower is better)"


def test_a_baseline_of_the_suite_is_drawn_and_said():
    language = suites.load("basque")
    rows = [(f"org/{at}", at, 30.0 + at, "Llama", "pretrained") for at in (1.0, 10.0, 70.0)]
    table = pd.DataFrame(rows, columns=["model", "params_b", "trivia.score", "family", "model_type"])
    table["id"], table["precision"] = table["model"], None
    for key in ("cost", "spread", "scaling"):
        found = CHARTS[key](table, language, ChartChoice(score="trivia.score"))
        assert found.sentence.endswith(" Guessing: 26.6.")  # 26.55
        assert found.figure.baselines == [("Guessing", 26.55)]


def test_a_price_has_its_front_where_a_table_tells_one():
    found = CHARTS["cost"](frame().assign(price=[1.0, 2.0, 3.0, None, 9.0]), SUITE, ChartChoice(cost="price"))
    assert found.table.set_index("model")["on_front"].to_dict() == {
        "org/a": True, "org/b": False, "org/c": True, "org/e": True,
    }  # fmt: skip
    assert "no model as cheap or cheaper scores as high" in found.sentence
    assert CHARTS["cost"](frame(), SUITE, ChartChoice(cost="price")).sentence == NOTHING


def test_a_type_is_called_as_on_the_table():
    table = frame().assign(model_type="finetuned")
    assert CHARTS["spread"](table, SUITE, ChartChoice()).sentence == "Median average by type: fine-tuned 20.0."


def test_best_over_time_rises_only():
    found = chart("time")
    assert found.table["model"].tolist() == ["org/a", "org/c", "org/<d>"]  # org/b came later with less
    assert "< 3 B from 10.0 to 10.0 (org/a)" in found.sentence


def test_groups_are_ordered_by_their_median():
    assert chart("spread", ChartChoice(group="family")).sentence.startswith(
        "Median average by family: unknown 99.0, Qwen2 20.0, Llama 10.0"
    )


def test_correlations_need_three_whole_rows():
    assert "over 5 models" in chart("correlations").sentence.lower()
    assert CHARTS["correlations"](frame().head(2), SUITE, ChartChoice()).sentence == NOTHING


def test_health_names_the_benchmark_that_tells_models_apart_and_the_one_at_chance():
    rows = frame()
    for benchmark in SUITE.benchmarks:
        rows[f"{benchmark.key}.se"], rows[f"{benchmark.key}.at_chance"] = 1.0, benchmark.key == "gpqa"
    found = CHARTS["health"](rows, SUITE, ChartChoice())
    assert "On GPQA, 100 % of models are not distinguishable from guessing" in found.sentence
    # by hand, on IFEval: 1 - 1 / variance of 10, 9, 30, 20, 99
    assert found.table.set_index("benchmark").loc["IFEval", "reliability"] == pytest.approx(1 - 1 / 1410.3, abs=1e-6)


def test_scaling_gives_points_for_ten_times_the_size():
    assert chart("scaling").sentence.startswith("Points of average for ten times the size: Llama +")


@pytest.mark.parametrize("key", CHARTS)
def test_an_empty_selection_says_what_to_do(key):
    empty = CHARTS[key](frame().head(0), SUITE, ChartChoice())
    assert (empty.sentence, empty.figure) == (NOTHING, None)


def test_the_final_table_has_twenty_models_on_its_front_and_one_direction_of_three_quarters(shared):
    real = from_contents(pd.read_parquet(shared("data/contents/v2_final_merged_4576.parquet")), SUITE)
    assert CHARTS["cost"](real, SUITE, ChartChoice()).table["on_front"].sum() == 20
    assert (
        "one common direction carries 74 % of the differences"
        in CHARTS["correlations"](real, SUITE, ChartChoice()).sentence
    )
