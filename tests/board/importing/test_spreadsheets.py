"""Tables as spreadsheets write them become the same two rows, whatever their separators, encodings and units."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from src.board.importing.formats.contents_tables import read
from src.board.importing.reader import Hints, SourceFile
from src.core.errors import BadInputError

HEADER = ["Model", "Precision", "#Params (B)", "IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO"]
ROWS = [
    ["org/small", "bfloat16", "7.5", "80.5", "50.1", "8.2", "3.4", "17.0", "48.5"],
    ["org/large", "bfloat16", "72", "85.0", "60.0", "20.5", "12.5", "15.5", "55.0"],
]
SCORES = ["ifeval.score", "bbh.score", "math.score", "gpqa.score", "musr.score", "mmlu_pro.score"]


def frame_of(data: bytes | str, name: str = "table.csv", hints: Hints | None = None) -> pd.DataFrame:
    source = SourceFile(Path(name), data.encode() if isinstance(data, str) else data)
    return read(source, hints or Hints()).tables[0]


def text(separator: str = ",", header: list[str] = HEADER, rows: list[list[str]] = ROWS) -> str:
    return "\n".join(separator.join(row) for row in [header, *rows]) + "\n"


def check(frame: pd.DataFrame) -> None:
    assert frame["model"].tolist() == ["org/small", "org/large"]
    assert frame["params_b"].tolist() == [7.5, 72]
    assert frame[SCORES].to_numpy().tolist() == [[80.5, 50.1, 8.2, 3.4, 17, 48.5], [85, 60, 20.5, 12.5, 15.5, 55]]


@pytest.mark.parametrize(
    "data",
    [
        text(),
        text(";"),
        text("\t"),
        text(";").replace(".", ","),
        "sep=;\n" + text(";").replace(".", ","),
        b"\xef\xbb\xbf" + text(";").replace(".", ",").encode(),
        text("\t").encode("utf-16"),
        text(rows=[[f"{cell} %" if at > 2 else cell for at, cell in enumerate(row)] for row in ROWS]),
        text(header=["Model", "Precision", "Params", "IFEval", "BBH", "MATH", "GPQA", "MuSR", "MMLU-Pro"]),
        text(
            header=["Model", "Precision", "Params", "IFEval (0-Shot)", "BBH (3-Shot)", "MATH Lvl 5 (4-Shot)",
                    "GPQA (0-shot)", "MuSR (0-shot)", "MMLU-PRO (5-shot)"]
        ),
        text(header=["", *HEADER[1:]]),
        "\n".join(pd.DataFrame(ROWS, columns=HEADER).to_json(orient="records", lines=True).splitlines()),
    ],
    ids=["comma", "semicolon", "tab", "decimal comma", "sep=", "byte order mark", "UTF-16", "percent signs",
         "short names", "names of cards", "names in the index", "JSON lines"],
)  # fmt: skip
def test_a_spreadsheets_ways_of_writing_a_table_give_the_same_rows(data: bytes | str) -> None:
    check(frame_of(data))


def test_an_excel_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.xlsx"
    table = pd.DataFrame(ROWS, columns=HEADER)
    table.astype(dict.fromkeys(HEADER[2:], float)).to_excel(path, index=False)
    check(frame_of(path.read_bytes(), path.name))


def test_an_error_behind_a_value_is_kept_as_the_error() -> None:
    rows = [[f"{cell} ± 0.5" if at > 2 else cell for at, cell in enumerate(row)] for row in ROWS]
    frame = frame_of(text(rows=rows))
    check(frame)
    assert frame["gpqa.se"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("written", "billions"), [("7B", 7), ("8x7B", 56), ("360M", 0.36), ('"1,234"', 1234), ("7.62", 7.62)]
)
def test_sizes_are_read_as_people_write_them(written: str, billions: float) -> None:
    frame = frame_of(text(rows=[["org/a", "bfloat16", written, *ROWS[0][3:]]]))
    assert frame["params_b"].tolist() == [billions]


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("[org/a](https://example.org/a)", "org/a"),
        ('"<a href=""https://example.org"">GPT-4o</a>"', "GPT-4o"),
        ("🥇 org/a", "org/a"),
        ("o1/preview high #2?", "o1/preview high #2?"),
        ("=HYPERLINK(1)", "=HYPERLINK(1)"),
    ],
)
def test_a_name_loses_its_decoration_and_nothing_else(written: str, name: str) -> None:
    assert frame_of(text(rows=[[written, *ROWS[0][1:]]]))["model"].tolist() == [name]


def test_fractions_are_refused_until_somebody_says_that_they_are() -> None:
    rows = [[str(float(cell) / 100) if at > 2 else cell for at, cell in enumerate(row)] for row in ROWS]
    with pytest.raises(BadInputError, match="add --scale 1;"):
        frame_of(text(rows=rows))
    frame = frame_of(text(rows=rows), hints=Hints(scale=1))
    assert frame[SCORES].iloc[0].round(9).tolist() == [80.5, 50.1, 8.2, 3.4, 17, 48.5]
    low = frame_of(text(rows=rows), hints=Hints(scale=100))
    assert low[SCORES].iloc[0].round(9).tolist() == [0.805, 0.501, 0.082, 0.034, 0.17, 0.485]


def test_a_precision_is_taken_from_the_hint_if_no_column_has_it() -> None:
    rows = [[row[0], *row[2:]] for row in ROWS]
    frame = frame_of(text(header=[HEADER[0], *HEADER[2:]], rows=rows), hints=Hints(precision="float16"))
    assert frame["precision"].tolist() == ["float16", "float16"]


def test_an_unknown_table_names_its_columns_and_the_way_out() -> None:
    with pytest.raises(BadInputError, match=r"No suite has the table's columns \(model, coding, typos\)"):
        frame_of("model,coding,typos\norg/a,72.5,55.0\n")
