"""Boards of other kinds render from one .toml each: lower is better, two goods, a language, votes."""

from __future__ import annotations

import pandas as pd
import pytest

from src.board.importing.votes import import_votes
from src.board.live.certainty import with_certainty
from src.core import suites
from src.core.errors import BadInputError
from src.core.frames.contents import from_contents, to_contents
from src.core.frames.preferences import from_votes
from src.core.store import LocalStore

VOTES = pd.DataFrame(
    [("a", "b", "left")] * 6 + [("a", "b", "right")] * 2 + [("b", "c", "left")] * 5 + [("c", "a", "tie")] * 4,
    columns=["left", "right", "winner"],
)


def test_on_a_speech_board_the_lowest_error_is_first_and_speed_is_not_added_to_it():
    table = pd.DataFrame({"model": ["org/slow", "org/fast"], "RTFx": [10, -1]})
    suite = suites.load("open-asr")
    for benchmark in suite.averaged:
        table[benchmark.column] = [5.0, 7.0]
    frame = with_certainty(from_contents(table), suite)
    assert frame.attrs["suite"] == "open-asr"
    assert frame["average"].tolist() == [5.0, 7.0]
    assert frame["rank"].tolist() == [1, 2]
    assert pd.isna(frame["rtfx.score"][1])  # -1 stood for unknown


def test_a_table_that_shares_only_a_side_column_is_not_taken_for_the_suite():
    with pytest.raises(BadInputError, match="No suite has the table's columns"):
        from_contents(pd.DataFrame({"model": ["org/m"], "RTFx": [10], "de_fleurs": [3.0]}))


def test_two_goods_are_ranked_by_their_distance_from_perfect_at_both():
    table = pd.DataFrame({"fullname": ["org/lopsided", "org/even"], "Safety": [90, 60], "Capability": [40, 70]})
    frame = from_contents(table)
    # by hand: 100 - sqrt((10² + 60²) / 2) and 100 - sqrt((40² + 30²) / 2)
    assert frame["average"].tolist() == pytest.approx([100 - 1850**0.5, 100 - 1250**0.5])


def test_a_language_board_has_categories_and_baselines():
    suite = suites.load("basque")
    assert {benchmark.category for benchmark in suite.benchmarks} == {
        "reading",
        "common sense",
        "language",
        "knowledge",
    }
    assert suite.baselines[0].scores["xstorycloze"] == 50


def test_a_baseline_of_a_benchmark_that_is_not_there_is_refused():
    data = {
        "name": "x",
        "title": "X",
        "benchmark": [{"key": "a", "title": "A"}],
        "baseline": [{"title": "G", "scores": {"b": 1}}],
    }
    with pytest.raises(BadInputError, match="score of 'b', no benchmark here"):
        suites.parse(data)


def test_votes_become_ratings_with_errors_that_survive_publication(tmp_path):
    path = tmp_path / "votes.csv"
    VOTES.to_csv(path, index=False)
    store = LocalStore(tmp_path / "board")
    assert import_votes([path], store).rows == {"votes": 3}
    table = pd.read_parquet(tmp_path / "board" / "contents" / "votes" / "train-00000-of-00001.parquet")
    frame = from_contents(table, "votes").set_index("model")
    assert frame["rating.score"].idxmax() == "a"
    assert frame["rating.score"].mean() == pytest.approx(1000)
    assert (frame["rating.se"] > 0).all()
    assert frame["votes.score"].to_dict() == {"a": 12, "b": 13, "c": 9}


def test_new_votes_replace_the_ratings_and_never_mix_with_old_ones(tmp_path):
    store = LocalStore(tmp_path / "board")
    VOTES.to_csv(tmp_path / "old.csv", index=False)
    VOTES.replace("c", "d").to_csv(tmp_path / "new.csv", index=False)
    import_votes([tmp_path / "old.csv"], store)
    import_votes([tmp_path / "new.csv"], store)
    table = pd.read_parquet(tmp_path / "board" / "contents" / "votes" / "train-00000-of-00001.parquet")
    assert sorted(table["fullname"]) == ["a", "b", "d"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"winner": "victory"}, "Votes need a column 'winner'"),
        ({"left": "one"}, "Votes need a column 'left'"),
    ],
)
def test_votes_without_their_columns_say_which(change, words):
    with pytest.raises(BadInputError, match=words):
        from_votes(VOTES.rename(columns=change), suites.load("votes"))


def test_an_outcome_that_is_none_is_named():
    with pytest.raises(BadInputError, match="'perhaps' is no outcome"):
        from_votes(VOTES.assign(winner="perhaps"), suites.load("votes"))


def test_errors_that_only_follow_from_counts_are_not_published():
    suite = suites.load()
    table = pd.DataFrame({"fullname": ["org/m"]})
    for benchmark in suite.benchmarks:
        table[benchmark.raw_column], table[benchmark.column] = 0.5, 40.0
    frame = with_certainty(from_contents(table, suite), suite)
    assert frame["bbh.se"].notna().all()
    assert not [column for column in to_contents(frame, suite) if column.endswith(" SE")]


def test_the_published_speech_table_and_votes_are_read(shared):
    speech = from_contents(pd.read_csv(shared("stats/open_asr_en_shortform.csv")))
    assert (len(speech), speech.attrs["suite"]) == (87, "open-asr")
    rated = from_votes(pd.read_csv(shared("stats/pairwise_llmfao.csv")), suites.load("votes"))
    assert (len(rated), rated.loc[rated["rating.score"].idxmax(), "model"]) == (59, "GPT 4")
