"""The shown rows as a paper needs them: a LaTeX or Markdown table with the snapshot's date, and what to cite."""

from __future__ import annotations

import re

import pandas as pd

from src.board.exports.citations import HARNESS, PUBLISHED_AT
from src.board.live.identity import BoardIdentity
from src.board.live.snapshot import Snapshot
from src.board.table.columns import Column
from src.board.table.listing import Listing, plain
from src.core.suites import CitedWork

PAGE_ROWS = 40  # that a floating table holds
LEFT = ("model", "type", "text", "date", "flag")


def markdown(listing: Listing) -> str:
    """Return a GitHub table of the shown columns and rows, and a line that says what it is."""
    columns, cells = _cells(listing)
    head = "|" + "|".join(f" {_markdown(_title(column))} " for column in columns) + "|"
    rule = "|" + "|".join(" :--- " if column.kind in LEFT else " ---: " for column in columns) + "|"
    rows = ["|" + "|".join(f" {_markdown(cell)} " for cell in row) + "|" for row in cells]
    return "\n".join([head, rule, *rows, "", caption(listing), ""])


def latex(listing: Listing) -> str:
    r"""Return a booktabs table of the shown columns and rows, over several pages if they fill more than one."""
    columns, cells = _cells(listing)
    align = "".join("l" if column.kind in LEFT else "r" for column in columns)
    body = [" & ".join(map(_latex, row)) + r" \\" for row in cells]
    head = " & ".join(_latex(_title(column)) for column in columns) + r" \\"
    if not cells:
        body = [rf"\multicolumn{{{len(columns)}}}{{c}}{{No row matches.}} \\"]
    if len(cells) > PAGE_ROWS:
        return "\n".join(
            [
                r"% \usepackage{booktabs,longtable}",
                rf"\begin{{longtable}}{{{align}}}",
                rf"\caption{{{_latex(caption(listing))}}}\\",
                r"\toprule",
                head,
                r"\midrule",
                r"\endhead",
                r"\bottomrule",
                r"\endlastfoot",
                *body,
                r"\end{longtable}",
                "",
            ]
        )
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            head,
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
    """Return what the table is, of when, and how much of the whole it shows."""
    snapshot = listing.snapshot
    shown, matches = len(listing.positions), listing.selection.matches
    part = f"{shown:,} of {matches:,} rows" if shown != matches else f"{shown:,} rows"
    own = "" if listing.selection.is_published else f"; ranked by {listing.selection.ranking}, not the board’s average"
    sure = "; ± is half of a 95 % interval" if any(path.endswith(".se") for path in listing.frame) else ""
    board = f"{snapshot.identity.name}: " if snapshot.identity else ""
    return f"{board}{snapshot.suite.title}, {dated(snapshot)}; {part}{own}{sure}."


def dated(snapshot: Snapshot) -> str:
    """Return the snapshot's day and revision."""
    revision = f", revision {snapshot.revision[:12]}" if snapshot.revision else ""
    sample = "made-up sample data" if snapshot.source == "sample" else "snapshot"
    return f"{sample} of {snapshot.as_of:%Y-%m-%d}{revision}"


def bibtex(listing: Listing) -> str:
    """Return the board as of this snapshot, the harness, and the benchmarks of the suite."""
    snapshot = listing.snapshot
    board = snapshot.suite.cite or CitedWork("open-llm-leaderboard", snapshot.suite.title, "", "", PUBLISHED_AT)
    works = [HARNESS]
    if snapshot.identity:
        works = [snapshot.suite.cite, *works] if snapshot.suite.cite else works
        board = _own(snapshot, snapshot.identity)
    note = f"{dated(snapshot)[:1].upper()}{dated(snapshot)[1:]}, {len(snapshot.frame):,} results"
    cited = [each.cite for each in snapshot.suite.benchmarks if each.cite]
    return "\n".join([_entry(board, note), *(_entry(work) for work in (*works, *cited))])


def _own(snapshot: Snapshot, identity: BoardIdentity) -> CitedWork:
    """Return the board as its operators want it cited."""
    key, title = f"{identity.slug}-{snapshot.suite.name}", f"{identity.name}: {snapshot.suite.title}"
    return CitedWork(key, _latex(title), _latex(identity.authors or ""), f"{snapshot.as_of:%Y}", identity.url or "")


def _entry(work: CitedWork, note: str = "") -> str:
    arxiv = re.fullmatch(r"\d{4}\.\d{4,5}", work.where)
    fields = {
        "title": f"{{{work.title}}}",
        "author": work.authors,
        "year": work.year,
        "eprint": work.where if arxiv else "",
        "archiveprefix": "arXiv" if arxiv else "",
        "howpublished": "" if arxiv or not work.where else f"\\url{{{work.where}}}",
        "note": _latex(note),
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{work.key},", *lines, "}", ""])


def _title(column: Column) -> str:
    return f"{column.title} ({column.unit})" if column.unit and column.kind == "number" else column.title


def _cells(listing: Listing) -> tuple[list[Column], list[tuple[str, ...]]]:
    frame = listing.frame
    columns = [column for column in _told_apart(listing) if _path(column, listing) in frame]
    texts = (_texts(frame, column, _path(column, listing)) for column in columns)
    return columns, list(zip(*texts, strict=True))


def _told_apart(listing: Listing) -> list[Column]:
    """Return the shown columns, with precision and revision after the name if rows need them to be distinguished."""
    frame, columns, by_key = listing.frame, listing.columns, listing.rows.by_key
    after = [
        key
        for key, same in (("precision", ["model"]), ("revision", ["model", "precision"]))
        if frame.duplicated(same).any() and by_key[key] not in columns
    ]
    return [each for column in columns for each in (column, *(by_key[key] for key in after if column.key == "model"))]


def _texts(frame: pd.DataFrame, column: Column, path: str) -> list[str]:
    """Return the cells of a column; a score with its 95 % margin, where the frame knows it of this very number."""
    errors = plain(frame[f"{path.removesuffix('.score')}.se"]) if _has_error(frame, column, path) else None
    texts = [_text(value, column, path) for value in plain(frame[path])]
    if errors is None:
        return texts
    return [f"{text} ± {1.96 * error:.1f}" if error else text for text, error in zip(texts, errors, strict=True)]


def _has_error(frame: pd.DataFrame, column: Column, path: str) -> bool:
    return column.kind == "score" and not path.endswith(".raw") and f"{path.removesuffix('.score')}.se" in frame


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
    return str(value)[:7] if column.key == "revision" else str(value)


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|~&$#!])", r"\\\1", re.sub(r"\s+", " ", text))


LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "–": "--",
    "±": r"$\pm$",
    "×": r"$\times$",
    "₂": r"\textsubscript{2}",
    "’": "'",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in re.sub(r"[\s\x00-\x1f\x7f]+", " ", text))
