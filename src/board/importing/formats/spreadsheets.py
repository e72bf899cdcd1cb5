"""Tables as spreadsheets write them: any separator, encoding and decimal mark, xlsx, errors and units inside cells."""

from __future__ import annotations

import html
import io
import re
import unicodedata
import zipfile
from collections.abc import Mapping

import pandas as pd

from src.core.errors import BadInputError
from src.core.frames.cells import some
from src.core.frames.contents import AVERAGES, FIELDS, error_column
from src.core.frames.tables import LARGEST
from src.core.suites import Benchmark, Suite, load, names

XLSX = b"PK\x03\x04"
SEPARATORS = (",", ";", "\t", "|")
DECIMAL_COMMA = re.compile(r"\s*[-+]?\d+,\d+\s*%?\s*(?:(?:±|\+/-)\s*\d+(?:,\d+)?\s*%?\s*)?")
WITH_ERROR = re.compile(r"\s*([-+]?[\d.]+)\s*%?\s*(?:±|\+/-)\s*([\d.]+)\s*%?\s*")
SIZE = re.compile(r"\s*(?:(\d+)\s*[x×]\s*)?([\d.]+)\s*([bBmM]?)\s*")
LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
TAGS = re.compile(r"<[^<>]*>")
SHOTS = re.compile(r"\(\s*\d+\s*-?\s*shots?\s*\)", re.IGNORECASE)


def read_spreadsheet(data: bytes, name: str) -> pd.DataFrame:
    """Return the table in an xlsx, JSON-lines or delimited text file, cells as they are written.

    Raises BadInputError if the bytes are none of these.
    """
    if data[:4] == XLSX:
        table = _read_xlsx(data, name)
    elif data.lstrip()[:1] == b"{":
        table = _read_json_lines(data, name)
    else:
        table = _read_text(data, name)
    table.columns = [str(column).strip() for column in table.columns]
    if table.columns.has_duplicates:
        twice = ", ".join(sorted({str(column) for column in table.columns[table.columns.duplicated()]}))
        raise BadInputError(f"{name} has two columns called {twice}; give each column one name.")
    return table


def with_known_columns(table: pd.DataFrame, suite: Suite | None = None) -> pd.DataFrame:
    """Return `table` with the columns of a contents table, and cells such as `81.1 ± 0.5 %` taken apart.

    A column is recognised by its letters and digits alone, without "(5-shot)". Without `suite`, every suite's
    benchmarks are recognised.
    """
    benchmarks = [each for one in ([suite] if suite else map(load, names())) for each in one.benchmarks]
    known = _spellings(benchmarks)
    taken = set(table.columns)
    renames: dict[str, str] = {}
    for column in table.columns:
        target = known.get(_letters(column))
        if target and target not in taken:
            renames[column] = target
            taken.add(target)
    table = table.rename(columns=renames)
    scores = {each.column: each for each in benchmarks} | dict.fromkeys(AVERAGES)
    for column in [column for column in table.columns if column in scores]:
        table = _split_errors(table, column, scores[column])
    for column in ("#Params (B)", "Model size (B)"):
        if column in table:
            table[column] = table[column].map(_billions, na_action="ignore")
    return _with_plain_names(table)


def check_scale(table: pd.DataFrame, suite: Suite, scale: float | None) -> pd.DataFrame:
    """Return `table` with scores on the suite's scale.

    Raises BadInputError if all scores lie between 0 and 1, perfect ones are 100, and `scale` is not given.
    """
    shares = [each for each in suite.benchmarks if each.bounds == (0, 100) and each.column in table]
    columns = [each.column for each in shares]
    values = table[columns].apply(pd.to_numeric, errors="coerce")
    if scale is None and len(columns) > 1 and values.notna().any(axis=None) and values.max(axis=None) <= 1:
        raise BadInputError(
            f"All scores in {some(columns)} are between 0 and 1, but the suite's go to 100. If they are fractions, add "
            "--scale 1; if models really score that low, add --scale 100."
        )
    if scale in (None, 100):
        return table
    factor = 100 / float(scale or 100)
    averages = [column for column in AVERAGES if column in table]
    for column in [*columns, *averages, *(error_column(each) for each in shares if error_column(each) in table)]:
        table[column] = pd.to_numeric(table[column], errors="coerce") * factor
    return table


def _read_xlsx(data: bytes, name: str) -> pd.DataFrame:
    try:
        size = sum(entry.file_size for entry in zipfile.ZipFile(io.BytesIO(data)).infolist())
        if size > LARGEST:
            raise BadInputError(f"{name} would unpack to more than {LARGEST >> 30} GB; that is too much.")
        return _named(pd.read_excel(io.BytesIO(data), engine="openpyxl"))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise BadInputError(f"{name} is not a whole Excel file. Save it again, or export it as .csv.") from error


def _read_json_lines(data: bytes, name: str) -> pd.DataFrame:
    try:
        return pd.read_json(io.BytesIO(data), lines=True, dtype=False)
    except ValueError as error:
        raise BadInputError(f"{name} has a line that is not a JSON object: {error}.") from error


def _read_text(data: bytes, name: str) -> pd.DataFrame:
    text = _decoded(data, name)
    head, _, rest = text.partition("\n")
    separator = None
    if (declared := re.fullmatch(r'"?sep=(.)"?\s*', head)) is not None:
        separator, text = declared[1], rest
        head = text.partition("\n")[0]
    if not head.strip():
        raise BadInputError(f"{name} is empty.")
    separator = separator or max(SEPARATORS, key=head.count)
    try:
        table = pd.read_csv(io.StringIO(text), sep=separator, dtype=str, skipinitialspace=True)
    except pd.errors.ParserError as error:
        raise BadInputError(f"{name} cannot be read as a table: {str(error).splitlines()[0][:160]}.") from error
    if separator != ",":  # if the comma does not separate columns, it may separate decimals
        table = table.apply(_with_decimal_points)
    return _named(table)


def _decoded(data: bytes, name: str) -> str:
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" in data[:4096]:
        raise BadInputError(f"{name} is neither a table of text nor parquet nor Excel.")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")  # what Excel writes in Europe without asking


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Use the index that a data frame was written with as the model's name if no column names models."""
    unnamed = [column for column in table.columns if str(column).startswith("Unnamed: ")]
    has_names = any(_letters(str(column)) in map(_letters, FIELDS[0].columns) for column in table.columns)
    if unnamed[:1] == list(table.columns[:1]) and not has_names and table[unnamed[0]].map(type).eq(str).all():
        table = table.rename(columns={unnamed[0]: "Model"})
    return table.loc[:, [column for column in table.columns if not str(column).startswith("Unnamed: ")]]


def _with_decimal_points(column: pd.Series) -> pd.Series:
    known = column.dropna()
    if not known.str.fullmatch(DECIMAL_COMMA).any() or known.str.contains(r"\d\.\d", regex=True).any():
        return column
    return column.where(~column.fillna("").str.fullmatch(DECIMAL_COMMA), column.str.replace(",", ".", regex=False))


def _spellings(benchmarks: list[Benchmark]) -> Mapping[str, str]:
    """Map a column's letters to the column's name in a contents table."""
    known = {_letters(spelling): field.columns[0] for field in FIELDS for spelling in field.columns}
    known |= {"params": "#Params (B)", "parameters": "#Params (B)", "avg": "Average ⬆️"}
    known |= {_letters(spelling): spelling for spelling in AVERAGES}
    known["average"] = "Average ⬆️"
    for benchmark in benchmarks:
        for spelling in (benchmark.column, benchmark.title, benchmark.key, *benchmark.columns):
            known.setdefault(_letters(spelling), benchmark.column)
    return {letters: column for letters, column in known.items() if letters}


def _letters(column: str) -> str:
    return re.sub(r"[\W_]", "", SHOTS.sub("", column)).casefold()


def _split_errors(table: pd.DataFrame, column: str, benchmark: Benchmark | None) -> pd.DataFrame:
    """Take `81.1 ± 0.5 %` apart: the value stays, the error goes to the benchmark's error column."""
    cells = table[column]
    if pd.api.types.is_numeric_dtype(cells):
        return table
    text = cells.astype("string")
    both = text.str.extract(WITH_ERROR)
    table = table.assign(**{column: both[0].fillna(text.str.replace("%", "", regex=False).str.strip())})
    if benchmark is not None and both[1].notna().any() and error_column(benchmark) not in table:
        table = table.assign(**{error_column(benchmark): pd.to_numeric(both[1])})
    return table


def _billions(cell: object) -> object:
    """Return `7B`, `8x7B`, `360M`, `1,234` as billions of parameters; anything else as it is."""
    match = SIZE.fullmatch(str(cell).replace(",", ""))
    if not match:
        return cell
    experts, number, unit = match.groups()
    return float(number) * int(experts or 1) / (1000 if unit in ("m", "M") else 1)


def _with_plain_names(table: pd.DataFrame) -> pd.DataFrame:
    """Take links, tags and leading medals off the names; our own link keeps its form, which the frame reads itself."""
    columns = [column for column in FIELDS[0].columns if column in table]
    for column in columns:
        ours = table[column].astype(str).str.contains('href="https://huggingface.co/', regex=False)
        table[column] = table[column].where(ours, table[column].map(_plain_name, na_action="ignore"))
    return table


def _plain_name(cell: object) -> str:
    text = html.unescape(TAGS.sub("", LINK.sub(r"\1", str(cell)))).strip()
    while text and (unicodedata.category(text[0]) in ("So", "Sk", "Mn", "Cf") or text[0].isspace()):
        text = text[1:]
    return text
