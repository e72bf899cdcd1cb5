"""`import` through the door, as a person runs it."""

from __future__ import annotations

import app
from src.core.frames.frame import from_contents, read_table


def test_a_table_becomes_a_board_and_the_next_step_is_named(tmp_path, shared, capsys):
    source = shared("data/contents/v2_2025-02-08_contents_3827.parquet")
    folder = tmp_path / "board"
    assert app.main(["import", str(source), "--store", str(folder)]) == 0
    assert capsys.readouterr().out == (
        "Open LLM Leaderboard v2: 3,827 rows read, 3,827 on the board.\n"
        f"See it: python app.py --store {folder}\n"
    )  # fmt: skip
    assert len(from_contents(read_table(folder / "contents/data/train-00000-of-00001.parquet"))) == 3827


def test_results_are_kept_and_counted(tmp_path, shared, capsys):
    source = shared("data/results/leaderboard_v2_excerpts")
    assert app.main(["import", str(source), "--store", str(tmp_path / "board")]) == 0
    assert "6 rows read, 6 on the board.\n6 result files kept." in capsys.readouterr().out


def test_a_broken_file_is_one_sentence_and_an_exit_code(tmp_path, capsys):
    broken = tmp_path / "t.parquet"
    broken.write_bytes(b"PAR1 and no more")
    assert app.main(["import", str(broken), "--store", str(tmp_path / "board")]) == 1
    output = capsys.readouterr().err
    assert output.startswith("t.parquet is not a whole parquet file")
    assert len(output.splitlines()) == 1
