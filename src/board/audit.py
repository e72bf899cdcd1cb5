"""What does not add up on a board or in a model card: who is touched, how bad it is, and what to do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from src.board.cards import CardClaim, Cell
from src.board.claims.comparing import NOTABLE, compare_claims
from src.board.live.per_frame import per_frame
from src.core.frames.cells import Cells, some
from src.core.frames.contents import AVERAGES, FIELDS
from src.core.model.sizes import doubtful_sizes
from src.core.scoring import averages
from src.core.suites import Benchmark, Suite, load

Severity = Literal["error", "warning", "note"]

TOLERANCE = 0.01  # points: two decimals of the average and of a cell each hide half a unit
NEAR = 0.1  # points: a claim this close is taken for the same run
ORDER: tuple[Severity, ...] = ("error", "warning", "note")
SENTINEL = -1
BUILT_ON_OTHERS = ("finetuned", "chat", "merge", "continued")
DESCRIBED = {
    "license": "a licence",
    "upload_date": "an upload date",
    "submission_date": "a submission date",
    "revision": "a hash",
}


@dataclass(frozen=True)
class AuditCheck:
    """One kind of fault: how bad it is, and what mends it."""

    title: str
    severity: Severity
    todo: str


CHECKS: dict[str, AuditCheck] = {
    "average": AuditCheck(
        "Average is not that of its cells", "error", "Recompute it, or find the cell that was changed after it."
    ),
    "columns": AuditCheck(
        "Average over other columns than the rest", "error", "Leave it empty until every benchmark has a score."
    ),
    "card-sum": AuditCheck(
        "Card contradicts itself", "error", "Renew the card's table from the board, all cells together."
    ),
    "card-table": AuditCheck(
        "Card differs from the board", "warning", "Renew the card from the board, or say which run it reports."
    ),
    "identical": AuditCheck(
        "Same scores, different models", "warning", "See whether these are the same weights, or one result filed twice."
    ),
    "sentinel": AuditCheck("-1 in place of unknown", "warning", "Leave the cell empty: -1 counts as a value."),
    "size": AuditCheck(
        "Size contradicts name, base or packing", "warning", "Count the weights again; until then charts leave it out."
    ),
    "dates": AuditCheck("Submitted before its upload", "warning", "Check both dates; the weights may have changed."),
    "claim": AuditCheck(
        "Claim differs from the measurement", "note", "Compare how both were measured; ask the makers, or run it again."
    ),
    "several": AuditCheck("Several rows of one model", "note", "Compare rows of one precision and revision."),
    "missing": AuditCheck("Not described", "note", "Fill it in from the model's repository."),
    "weights": AuditCheck(
        "Weights did not fit the model", "error", "Put it back into the queue: `audit --weights --requeue`."
    ),
    "unread": AuditCheck("Weights could not be read", "note", "See whether the model is still there."),
    "unlisted": AuditCheck("Not on the board", "note", "Evaluate the model, or check the name in the card."),
}  # fmt: skip


@dataclass(frozen=True)
class AuditFinding:
    """One fault. rows: ids of the rows it touches (row names of a raw table, the model of a card)."""

    check: str
    severity: Severity
    rows: tuple[str, ...]
    message: str
    todo: str


def audit(frame: pd.DataFrame, suite: Suite) -> list[AuditFinding]:
    """Return every check that a tidy frame (`src.core.frames.frame`) allows, worst first."""
    checks: Sequence[Callable[[pd.DataFrame, Suite], Iterable[AuditFinding]]] = (
        _averages, _columns, _identical, _sizes, _dates, _claims, _several, _missing,
    )  # fmt: skip
    return _worst_first(finding for check in checks for finding in check(frame, suite))


def audit_table(table: pd.DataFrame, suite: Suite) -> list[AuditFinding]:
    """Return what reading a published table into a frame would mend in silence.

    -1 for unknown, averages of too few cells.
    """
    cells = Cells(table)
    names = cells.text(*FIELDS[0].columns).fillna("(nameless)")
    unknown = cells.table.select_dtypes("number").eq(SENTINEL)
    found = [
        finding("sentinel", names[unknown[column]], f"'{column}' is -1 in {_count(unknown[column].sum(), 'row')}.")
        for column in unknown.columns[unknown.any()]
    ]
    frame = pd.DataFrame({"id": names, "average": cells.number(*AVERAGES)})
    for each in suite.averaged:
        frame[f"{each.key}.score"] = cells.number(each.column, *each.columns, each.key)
    return _worst_first([*found, *_columns(frame, suite)])


def audit_card(claims: Iterable[CardClaim], frame: pd.DataFrame, suite: Suite) -> list[AuditFinding]:
    """Return a card's claims about this suite against themselves and against the board's rows."""
    found: list[AuditFinding] = []
    for claim in claims:
        if claim.suite != suite.name:
            continue
        row = _closest(claim, frame, suite)
        if claim.adds_up is False:
            found.append(_contradiction(claim, row, suite))
        if row is None:
            found.append(finding("unlisted", [claim.model], f"{_place(claim)}: the board has no row of {claim.model}."))
        elif off := _differing(claim, row, suite):
            data = "; ".join(_difference(claim.cells[each.key], row, each) for each in off)
            found.append(finding("card-table", [str(row["id"])], f"{_place(claim)}: {data}."))
    return _worst_first(found)


def by_row(findings: Iterable[AuditFinding], least: Severity = "warning") -> Mapping[str, tuple[AuditFinding, ...]]:
    """Row → its findings of at least that severity, worst first: what a badge shows."""
    rows: dict[str, list[AuditFinding]] = defaultdict(list)
    for finding in _worst_first(findings):
        for row in finding.rows if ORDER.index(finding.severity) <= ORDER.index(least) else ():
            rows[row].append(finding)
    return {row: tuple(of_row) for row, of_row in rows.items()}


@per_frame(4)
def touched(frame: pd.DataFrame, suite: str) -> Mapping[str, tuple[AuditFinding, ...]]:
    """Return the rows of a tidy frame that deserve a badge, and why."""
    return by_row(audit(frame, load(suite)))


def lines(findings: Sequence[AuditFinding], most: int = 5) -> Iterator[str]:
    """Yield the report as text: each check once, with its first few findings and what to do."""
    by_check: dict[str, list[AuditFinding]] = defaultdict(list)
    for finding in _worst_first(findings):
        by_check[finding.check].append(finding)
    for name, of_check in by_check.items():
        check = CHECKS[name]
        touched = len({row for finding in of_check for row in finding.rows})
        yield f"{check.severity}: {check.title} ({_count(touched, 'row')})"
        yield from (f"  {finding.message}" for finding in of_check[:most])
        if len(of_check) > most:
            yield f"  … and {len(of_check) - most:,} more of the kind"
        yield f"  → {check.todo}"
    if not findings:
        yield "Nothing found."


def _averages(frame: pd.DataFrame, suite: Suite) -> Iterator[AuditFinding]:
    reckoned = averages(frame, suite)
    off = (frame["average"] - reckoned).abs() > TOLERANCE + 1e-9
    for row, stated, computed in zip(frame["id"][off], frame["average"][off], reckoned[off], strict=True):
        message = f"{row} states {stated:.2f}; its cells give {computed:.2f} ({stated - computed:+.2f})."
        yield finding("average", [row], message)


def _columns(frame: pd.DataFrame, suite: Suite) -> Iterator[AuditFinding]:
    scores = frame[[f"{each.key}.score" for each in suite.averaged]].notna()
    partial = frame["average"].notna() & ~scores.all(axis=1)
    titles = [each.title for each in suite.averaged]
    for present, rows in frame["id"][partial].groupby([scores[column] for column in scores]):
        has = [title for title, there in zip(titles, _as_tuple(present), strict=True) if there]
        message = f"{_count(len(rows), 'average')} over {len(has)} of {len(titles)} columns ({some(has) or 'none'}): "
        yield finding("columns", rows, f"{message}{some(rows, 3)}.")


def _identical(frame: pd.DataFrame, suite: Suite) -> Iterator[AuditFinding]:
    columns = [f"{each.key}.score" for each in suite.averaged]
    if len(columns) < 2:
        return
    whole = frame[frame[columns].notna().all(axis=1) & (frame[columns] != 0).any(axis=1)]
    same = whole[whole.duplicated(columns, keep=False)]
    for _, rows in same.groupby(columns):
        if rows["model"].nunique() > 1:
            yield finding("identical", rows["id"], f"{some(rows['id'])} agree in all {len(columns)} scores.")


def _several(frame: pd.DataFrame, suite: Suite) -> Iterator[AuditFinding]:
    for model, rows in frame[frame["model"].duplicated(keep=False)].groupby("model"):
        data = some([identity.removeprefix(f"{model}~") for identity in rows["id"]])
        yield finding("several", rows["id"], f"{model} has {len(rows)} rows: {data}.")


@per_frame(4)
def sizes_in_doubt(frame: pd.DataFrame) -> Mapping[str, str]:
    """Return the rows whose size contradicts their name, base or packing, by id, each with the reason."""
    return {str(frame["id"].iat[at]): reason for at, reason in doubtful_sizes(frame).items()}


def _sizes(frame: pd.DataFrame, suite: Suite) -> Iterator[AuditFinding]:
    for row, reason in sizes_in_doubt(frame).items():
        yield finding("size", [row], f"{row}: {reason}")


def _dates(frame: pd.DataFrame, suite: Suite) -> Iterator[AuditFinding]:
    submitted, uploaded = frame["submission_date"].str[:10], frame["upload_date"].str[:10]
    early = (submitted < uploaded).fillna(False).astype(bool)
    for row, asked, there in zip(frame["id"][early], submitted[early], uploaded[early], strict=True):
        yield finding("dates", [row], f"{row} was submitted on {asked}; its upload is dated {there}.")


def _claims(frame: pd.DataFrame, suite: Suite) -> Iterator[AuditFinding]:
    if "claim.z" not in frame:
        return
    for row in frame[frame["claim.z"].abs() > NOTABLE].to_dict("records"):
        for claim in compare_claims(row, suite):
            if claim.is_notable:
                title = suite.benchmark(claim.benchmark).title
                unlike = "; the shots differ" if claim.alike is False else ""
                yield finding(
                    "claim",
                    [row["id"]],
                    f"{row['id']}: {title} {claim.claimed:.1f} claimed ({claim.note}), {claim.measured:.1f} measured, "
                    f"{claim.difference:+.1f} ± {1.96 * claim.error:.1f}{unlike}.",
                )


def _missing(frame: pd.DataFrame, suite: Suite) -> Iterator[AuditFinding]:
    for key, word in DESCRIBED.items():
        rows = frame["id"][frame[key].isna()]
        if len(rows):
            yield finding("missing", rows, f"{_count(len(rows), 'row')} without {word}: {some(rows, 3)}.")
    orphans = frame["id"][frame["base_model"].isna() & frame["model_type"].isin(BUILT_ON_OTHERS)]
    if len(orphans):
        message = (
            f"{_count(len(orphans), 'row')} made from another model without saying from which: {some(orphans, 3)}."
        )
        yield finding("missing", orphans, message)


def _closest(claim: CardClaim, frame: pd.DataFrame, suite: Suite) -> pd.Series | None:
    """Return the row a claim is most likely about: of its model, the one most of its values are near to."""
    rows = frame[frame["model"].str.lower() == claim.model.lower()]
    if rows.empty:
        return None
    claimed = {f"{each.key}.score": claim.cells[each.key].value for each in suite.averaged if each.key in claim.cells}
    if claim.average:
        claimed["average"] = claim.average.value
    distance = (rows[list(claimed)] - pd.Series(claimed)).abs()
    order = pd.DataFrame({"far": -(distance < NEAR).sum(axis=1), "total": distance.sum(axis=1)})
    return rows.loc[order.sort_values(["far", "total"], kind="stable").index[0]]


def _contradiction(claim: CardClaim, row: pd.Series | None, suite: Suite) -> AuditFinding:
    assert claim.average is not None
    assert claim.recomputed is not None
    stated, gap = claim.average.value, claim.average.value - claim.recomputed
    message = (
        f"{_place(claim)} of {claim.model} states an average of {stated:.2f}; its cells give {claim.recomputed:.2f}."
    )
    off = _differing(claim, row, suite) if row is not None else []
    if row is not None and off:
        share = 1 / len(claim.cells)

        def left(each: Benchmark) -> float:
            """Return what the average would still be off, had this cell the board's value."""
            return abs(gap - share * (row[f"{each.key}.score"] - claim.cells[each.key].value))

        stale = min(off, key=left)
        if left(stale) < abs(gap) / 2:
            message += f" Stale is {_difference(claim.cells[stale.key], row, stale)}, which accounts for it."
    return finding("card-sum", [claim.model if row is None else str(row["id"])], message)


def _differing(claim: CardClaim, row: pd.Series, suite: Suite) -> list[Benchmark]:
    """Benchmarks whose cell is not the board's value, rounding on both sides granted; the farthest first."""
    off: list[tuple[float, Benchmark]] = []
    for each in suite.averaged:
        cell, score = claim.cells.get(each.key), row[f"{each.key}.score"]
        if cell is None or pd.isna(score):
            continue
        distance = abs(cell.value - float(score))
        if distance > 0.5 * 10**-cell.decimals + TOLERANCE:
            off.append((distance, each))
    return [each for _, each in sorted(off, key=lambda pair: -pair[0])]


def _difference(cell: Cell, row: pd.Series, benchmark: Benchmark) -> str:
    score = row[f"{benchmark.key}.score"]
    return f"{benchmark.title} (line {cell.line}): the card has {cell.value:.2f}, the table {score:.2f}"


def _place(claim: CardClaim) -> str:
    return {"model-index": "The model-index", "block": "The block", "table": "The table"}[
        claim.where
    ] + f" at line {claim.line}"


def finding(check: str, rows: Iterable[str], message: str) -> AuditFinding:
    """Return a finding of one of the `CHECKS`."""
    known = CHECKS[check]
    return AuditFinding(check, known.severity, tuple(map(str, rows)), message, known.todo)


def _worst_first(findings: Iterable[AuditFinding]) -> list[AuditFinding]:
    return sorted(findings, key=lambda finding: (ORDER.index(finding.severity), list(CHECKS).index(finding.check)))


def _as_tuple(value: object) -> tuple:
    return value if isinstance(value, tuple) else (value,)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
