"""A listing as a file: for spreadsheets, notebooks, papers and other boards. `FORMATS` is the list."""

from __future__ import annotations

import csv as csv_module
import io
from collections.abc import Callable
from dataclasses import dataclass

import orjson
import pandas as pd

from src.board.exports import every_eval_ever, latex
from src.board.exports.spreadsheet import safe_cell
from src.board.table.listing import FACTS, Listing, plain
from src.core.frames.tables import write_parquet


@dataclass(frozen=True)
class Format:
    """One kind of file: what to call it, its media type, and how a listing becomes its bytes."""

    key: str  # also the file's suffix
    title: str
    media: str
    write: Callable[[Listing], bytes]


def table(listing: Listing) -> pd.DataFrame:
    """Return the listed rows with the whole numbers.

    Every fact and score, or the query's own columns if it names some. An average of the reader's own is called what it
    is.
    """
    found = _table(listing)
    return found if listing.selection.is_published else found.rename(columns={"average": listing.selection.ranking})


def _table(listing: Listing) -> pd.DataFrame:
    frame = listing.frame
    if listing.query.columns is None:
        scores = [
            f"{benchmark.key}.{part}" for benchmark in listing.snapshot.suite.benchmarks for part in ("raw", "score")
        ]
        certainty = [path for path in frame if path.endswith((".se", ".low", ".high")) and path.count(".") == 1]
        wanted = ["rank", "id", *FACTS, "average", *scores, *certainty]
        return frame[[path for path in wanted if path in frame]]
    paths = {column.key: "rank" if column.kind == "rank" else column.path for column in listing.columns}
    return pd.DataFrame({key: frame[path] for key, path in paths.items() if path in frame})


def csv(listing: Listing) -> bytes:
    """UTF-8 with a header; unknown is empty; text that a spreadsheet would run as a formula gets a quote before it."""
    frame = table(listing)
    out = io.StringIO()
    writer = csv_module.writer(out)  # ends lines in \r\n, and so quotes a lone \r, at which some readers break a line
    writer.writerow([safe_cell(name) for name in frame.columns])
    writer.writerows(zip(*([safe_cell(value) for value in plain(frame[name])] for name in frame.columns), strict=True))
    return out.getvalue().encode()


def parquet(listing: Listing) -> bytes:
    """Return the same table with its types."""
    return write_parquet(table(listing))


def jsonl(listing: Listing) -> bytes:
    """Return one record a line, as the API gives them."""
    return b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in listing.json())


FORMATS = {
    each.key: each
    for each in (
        Format("csv", "CSV", "text/csv; charset=utf-8", csv),
        Format("parquet", "Parquet", "application/vnd.apache.parquet", parquet),
        Format("jsonl", "JSON lines", "application/jsonl", jsonl),
        Format("tex", "LaTeX table", "application/x-tex; charset=utf-8", lambda listing: latex.latex(listing).encode()),
        Format(
            "md", "Markdown table", "text/markdown; charset=utf-8", lambda listing: latex.markdown(listing).encode()
        ),
        Format("bib", "BibTeX", "application/x-bibtex; charset=utf-8", lambda listing: latex.bibtex(listing).encode()),
        Format("eee.zip", "Every Eval Ever records", "application/zip", every_eval_ever.archive),
    )
}
