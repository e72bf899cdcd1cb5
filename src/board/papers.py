"""The shown rows as a paper needs them: a LaTeX or Markdown table with the snapshot's date, and what to cite."""

from __future__ import annotations

import re

from src.board.citations import BOARDS, CITED, HARNESS, PUBLISHED_AT, Work
from src.board.columns import Column
from src.board.listing import Listing, plain
from src.board.snapshot import Snapshot

LEFT = ("model", "type", "text", "date", "flag")


def markdown(listing: Listing) -> str:
    """A GitHub table of the shown columns and rows, and a line that says what it is."""
    columns, cells = _cells(listing)
    head = "|" + "|".join(f" {_markdown(_title(column))} " for column in columns) + "|"
    rule = "|" + "|".join(" :--- " if column.kind in LEFT else " ---: " for column in columns) + "|"
    rows = ["|" + "|".join(f" {_markdown(cell)} " for cell in row) + "|" for row in cells]
    return "\n".join([head, rule, *rows, "", caption(listing), ""])


def latex(listing: Listing) -> str:
    """A booktabs table of the shown columns and rows; needs `\\usepackage{booktabs}`."""
    columns, cells = _cells(listing)
    align = "".join("l" if column.kind in LEFT else "r" for column in columns)
    body = [" & ".join(map(_latex, row)) + r" \\" for row in cells]
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            " & ".join(_latex(_title(column)) for column in columns) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            rf"\caption{{{_latex(caption(listing))}}}",
            r"\end{table}",
            "",
        ]
    )


def caption(listing: Listing) -> str:
    """What the table is, of when, and how much of the whole it shows."""
    snapshot = listing.snapshot
    shown, matches = len(listing.positions), listing.selection.matches
    part = f"{shown:,} of {matches:,} rows" if shown != matches else f"{shown:,} rows"
    return f"{snapshot.suite.title}, {dated(snapshot)}; {part}."


def dated(snapshot: Snapshot) -> str:
    """The snapshot's day and revision."""
    revision = f", revision {snapshot.revision[:12]}" if snapshot.revision else ""
    sample = "made-up sample data" if snapshot.source == "sample" else "snapshot"
    return f"{sample} of {snapshot.as_of:%Y-%m-%d}{revision}"


def bibtex(listing: Listing) -> str:
    """The board as of this snapshot, the harness, and the benchmarks of the suite."""
    snapshot = listing.snapshot
    board = BOARDS.get(snapshot.suite.name, Work("open-llm-leaderboard", snapshot.suite.title, "", "", PUBLISHED_AT))
    note = f"{dated(snapshot)[:1].upper()}{dated(snapshot)[1:]}, {len(snapshot.frame):,} results"
    cited = [CITED[key] for key in (each.key for each in snapshot.suite.benchmarks) if key in CITED]
    return "\n".join([_entry(board, note), *(_entry(work) for work in (HARNESS, *cited))])


def _entry(work: Work, note: str = "") -> str:
    arxiv = re.fullmatch(r"\d{4}\.\d{4,5}", work.where)
    fields = {
        "title": f"{{{work.title}}}",
        "author": work.authors,
        "year": work.year,
        "eprint": work.where if arxiv else "",
        "archiveprefix": "arXiv" if arxiv else "",
        "howpublished": "" if arxiv else f"\\url{{{work.where}}}",
        "note": _latex(note),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{work.key},", *lines, "}", ""])


def _title(column: Column) -> str:
    return f"{column.title} ({column.unit})" if column.unit and column.kind == "number" else column.title


def _cells(listing: Listing) -> tuple[list[Column], list[tuple[str, ...]]]:
    frame = listing.frame
    columns = [column for column in listing.columns if _path(column, listing) in frame]
    paths = [_path(column, listing) for column in columns]
    texts = (
        [_text(value, column, path) for value in plain(frame[path])]
        for column, path in zip(columns, paths, strict=True)
    )
    return columns, list(zip(*texts, strict=True))


def _path(column: Column, listing: Listing) -> str:
    if column.kind == "rank":
        return "rank"
    raw = f"{column.key}.raw"
    return raw if listing.query.score == "raw" and raw in listing.rows.frame else column.path


def _text(value: object, column: Column, path: str) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value * 100 if path.endswith('.raw') else value:.{column.digits}f}"
    return str(value)


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|~&$#!])", r"\\\1", re.sub(r"\s+", " ", text))


LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "₂": r"\textsubscript{2}",
    "’": "'",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in re.sub(r"[\s\x00-\x1f\x7f]+", " ", text))
