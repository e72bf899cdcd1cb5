"""The rows of a view's first screen, cell by cell, as `assets/table/cells.js` fills them once the script has come."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property

import numpy as np
import pandas as pd
from markupsafe import Markup

from src.board.table.columns import PRECISION_SHORT, TYPES, Column
from src.board.table.payload import Payload, clean, longest
from src.board.table.query import Query, Selection, shown
from src.board.table.rows import kept
from src.board.table.url import UNKNOWN
from src.core.run_costs import SERVED, is_of_server
from src.ui.pages.leaderboard.layout import css
from src.ui.web.addresses import model_page
from src.ui.web.templates import environment

MOST = 40
"""Rows of the first screen: what a tall window shows, and a little more."""

NORMAL_95 = 1.96  # standard errors either side
SHADES, PLACES = 16, 40  # as in shades.js
KEPT_END = 9  # characters, as in cells.js


@dataclass(frozen=True)
class Name:
    """What stands in a model's cell: its name, the end of it that stays in sight, and the labels after it."""

    href: str
    label: str
    title: str
    end: str
    run: str
    mark: str
    hint: str = ""  # on hover, in place of the name


@dataclass(frozen=True)
class RowCell:
    """One cell. `aside`: None if its column has none."""

    classes: str
    text: str = ""
    aside: str | None = None
    shape: str = ""
    name: Name | None = None


class FirstRows:
    """The first screen of `selection`, the answer to `query`."""

    def __init__(self, payload: Payload, query: Query, selection: Selection) -> None:
        self.payload = payload
        self.query = query
        self.selection = selection
        present = {column.key for column in payload.columns}
        self.columns = [column for column in shown(payload.rows, query, selection) if column.key in present]
        self.sorted_by = query.sort[0].key if query.sort else ""
        self._take(np.arange(len(selection.rows[:MOST])))

    def _take(self, places: np.ndarray) -> None:
        """Make cells of these rows of the screen."""
        self.at = self.selection.rows[places]
        self.ranks, self.averages = self.selection.ranks[places], self.selection.averages[places]
        self.is_pinned = places < self.selection.pinned

    def rows(self) -> list[Markup]:
        """Return the cells of each row as HTML, written once for each row and kind of view of a snapshot."""
        query = self.query
        view = (
            tuple(column.key for column in self.columns), self.sorted_by, query.score, query.suite, query.average,
            query.aggregate, query.weights, self.selection.is_published, self.selection.is_ranged,
        )  # fmt: skip
        own = zip(self.at.tolist(), map(str, self.ranks.tolist()), self.is_pinned.tolist(), strict=True)
        keys = [(view, *each) for each in own]
        written: dict[Hashable, Markup] = {key: row for key in keys if (row := self.payload.written.get(key))}
        if missing := [place for place, key in enumerate(keys) if key not in written]:
            self._take(np.array(missing))
            cells = environment().get_template("leaderboard/row.html").module.cells  # type: ignore[attr-defined]
            made = zip(*map(self._cells, self.columns), strict=True)
            fresh: dict[Hashable, Markup] = {
                keys[place]: Markup(cells(row)) for place, row in zip(missing, made, strict=True)
            }
            written |= fresh
            self.payload.written.update(fresh)
        return [written[key] for key in keys]

    def column_class(self, column: Column) -> str:
        """Return the classes of a column's cells and of its header."""
        is_first = " lt-sorted" if column.key == self.sorted_by else ""
        return f"lt-{column.kind} lt-c-{css(column.key)}{is_first}"

    @property
    def is_ranged(self) -> bool:
        """Whether ranks have intervals beside them."""
        return "rank.low" in self._frame

    @property
    def _frame(self) -> pd.DataFrame:
        return self.payload.rows.frame

    @property
    def _flags(self) -> dict[str, np.ndarray]:
        rows = self.payload.rows
        marks = {"flagged": ("flagged", True), "gone": ("available", False)}
        flags = {mark: rows.flag(path, when, self.at) for mark, (path, when) in marks.items()}
        ids = self._frame["id"].iloc[self.at]
        return flags | {"audit": np.array([row_id in self.payload.audited for row_id in ids], dtype=bool)}

    def _cells(self, column: Column) -> list[RowCell]:
        make: dict[str, Callable[[Column], list[RowCell]]] = {
            "rank": self._ranks,
            "model": self._models,
            "type": self._types,
            "score": self._scores,
            "number": self._numbers,
            "text": self._texts,
            "flag": self._yes_or_no,
            "date": self._dates,
        }
        return make[column.kind](column)

    def _ranks(self, column: Column) -> list[RowCell]:
        low, high = self._number("rank.low"), self._number("rank.high")
        is_tied = self.payload.rows.flag("tied", True, self.at)
        classes = self.column_class(column)
        is_ranged = self.selection.is_ranged
        return [
            RowCell(
                classes + (" lt-tied" if is_ranged and tied else ""),
                "–" if math.isnan(rank) else f"{rank:.0f}",
                f"{first:.0f}–{last:.0f}" if is_ranged and first < last else "",
            )
            for rank, first, last, tied in zip(self.ranks, low, high, is_tied, strict=True)
        ]

    def _models(self, column: Column) -> list[RowCell]:
        rows = self.payload.rows
        models, ids = rows.text("model", self.at), self._frame["id"].iloc[self.at]
        precisions, types = rows.text("precision", self.at), rows.text("model_type", self.at)
        classes, flags, served = self.column_class(column), self._flags, rows.text("served", self.at)
        cells = []
        for at, (model, row_id, precision, kind) in enumerate(zip(models, ids, precisions, types, strict=True)):
            repeats = bool(self.payload.repeated[self.at[at]])
            mark = next((name for name, is_so in flags.items() if is_so[at]), "")
            shown = precision if repeats or self.is_pinned[at] else None
            if is_of_server(served[at]):
                shown = SERVED
            name = self._name(clean(model), str(row_id), precision if repeats else None, shown, mark)
            if is_of_server(served[at]):
                name = replace(name, hint=f"{name.title}, {clean(served[at])}: may change")
            cells.append(RowCell(classes, shape=_shape(kind), name=name))
        return cells

    def _name(self, model: str, row_id: str, precision: str | None, shown: str | None, mark: str) -> Name:
        revision = re.search(r"@([0-9a-f]+)(?:#\d+)?$", row_id) if precision else None
        run = {"precision": precision, "revision": revision and revision[1]}
        return Name(
            href=model_page(model, {key: value for key, value in run.items() if value}, self.query.suite),
            label=f"{model}, {shown}" if shown else model,
            title=model,
            end=model[-KEPT_END:],
            run=PRECISION_SHORT.get(shown, shown) if shown else "",
            mark=mark,
        )

    def _types(self, column: Column) -> list[RowCell]:
        classes = self.column_class(column)
        kinds = self.payload.rows.text(column.path, self.at)
        words = [UNKNOWN if kind is None else TYPES[kind].title if kind in TYPES else kind for kind in kinds]
        return [RowCell(classes, word, shape=_shape(kind)) for kind, word in zip(kinds, words, strict=True)]

    def _scores(self, column: Column) -> list[RowCell]:
        is_average = column.key == "average"
        raw = f"{column.key}.raw"
        path = raw if self.query.score == "raw" and raw in self._frame else column.path
        values = self.averages if is_average else self.payload.rows.score(path, self.at)
        errors = self._number("average.se") if is_average and self.selection.is_published else np.full(len(values), 0.0)
        scale = self._average_scale if is_average else None
        low, high = scale or tuple(self.payload.scales.get(raw if path == raw else column.key, (0.0, 100.0)))
        classes = self.column_class(column)
        cells = []
        for value, error in zip(values.tolist(), errors.tolist(), strict=True):
            if math.isnan(value):
                cells.append(RowCell(classes, "–", "" if is_average else None))
                continue
            share = max(0.0, min(1.0, (value - low) / ((high - low) or 1)))
            shade = round_half_up(share**1.5 * SHADES)
            marks = [
                f"lt-h{shade}" if shade else "",
                f"lt-w0 lt-x{round_half_up(share * PLACES)}" if is_average else "",
            ]
            margin = fixed(error * NORMAL_95, 1) if error > 0 else ""
            aside = (f"±{margin}" if margin else "") if is_average else None
            cells.append(RowCell(" ".join([classes, *filter(None, marks)]), fixed(value, column.digits), aside))
        return cells

    @cached_property
    def _average_scale(self) -> tuple[float, float] | None:
        """The worst and the best of an average that was not published; None for the published one."""
        if self.selection.is_published:
            return None
        rows, query = self.payload.rows, self.query
        shown = rows.shown(query.columns) if query.average == "shown" else None
        values = rows.averages(shown, query.aggregate, dict(query.weights))
        known = values[~np.isnan(values)]
        if not known.size or known.max() <= known.min():
            return None
        ends = (float(known.min()), float(known.max()))
        return ends if rows.is_upward(query.aggregate) else (ends[1], ends[0])

    def _numbers(self, column: Column) -> list[RowCell]:
        classes = self.column_class(column)
        values = kept(self.payload.rows.number(column.path, self.at)).tolist()
        return [
            RowCell(
                classes,
                "–"
                if math.isnan(value)
                else f"{round_half_up(value):,}"
                if value >= 10_000
                else fixed(value, column.digits),
            )
            for value in values
        ]

    def _texts(self, column: Column) -> list[RowCell]:
        texts = self.payload.rows.text(column.path, self.at)
        return self._words(column, [UNKNOWN if text is None else clean(text)[: longest(column)] for text in texts])

    def _yes_or_no(self, column: Column) -> list[RowCell]:
        rows = self.payload.rows
        yes, no = rows.flag(column.path, True, self.at), rows.flag(column.path, False, self.at)
        classes = self.column_class(column)
        return [
            RowCell(classes + ("" if is_yes else " lt-unknown"), "yes" if is_yes else "no" if is_no else UNKNOWN)
            for is_yes, is_no in zip(yes, no, strict=True)
        ]

    def _dates(self, column: Column) -> list[RowCell]:
        days = pd.to_datetime(
            pd.Series(self.payload.rows.text(column.path, self.at), dtype=object).astype("string").str[:10],
            errors="coerce",
            format="%Y-%m-%d",
        )
        return self._words(column, [UNKNOWN if pd.isna(day) else day.strftime("%Y-%m-%d") for day in days])

    def _words(self, column: Column, texts: Sequence[str]) -> list[RowCell]:
        classes = self.column_class(column)
        return [RowCell(classes + (" lt-unknown" if text == UNKNOWN else ""), text) for text in texts]

    def _number(self, path: str) -> np.ndarray:
        return np.round(self.payload.rows.number(path, self.at), 2)


def fixed(value: float, digits: int) -> str:
    """Return a number with fixed decimals, as JavaScript's `toFixed` writes it: halves away from zero."""
    return str(Decimal(value).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


def round_half_up(value: float) -> int:
    """Round as JavaScript's `Math.round` does."""
    return math.floor(value + 0.5)


def _shape(kind: str | None) -> str:
    return f"lt-shape-{css(kind or 'other')}"
