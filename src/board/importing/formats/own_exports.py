"""What this program itself gives out: its tables (`models.csv`, `models.parquet`) and the records of its API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pandas as pd

from src.board.importing.reader import FormatReader, Hints, ImportBatch, SourceFile, nothing
from src.core.errors import BadInputError
from src.core.frames.contents import EXTRAS, FIELDS, error_columns
from src.core.frames.frame import from_contents, read_table
from src.core.suites import Suite, load, names

LISTS = ("models", "rows")
FLAGS = {"is_not_available_on_hub": "available", "is_merged": "merged", "is_moe": "moe", "is_flagged": "flagged",
         "is_official_provider": "official"}  # fmt: skip
"""Names of the original API: its first flag is true for models that are there."""
NAMES = FLAGS | {
    "name": "model", "sha": "revision", "average_score": "average", "type": "model_type", "hub_license": "license",
    "hub_hearts": "likes", "params_billions": "params_b", "co2_cost": "co2_kg", "has_chat_template": "chat_template",
}  # fmt: skip


def read(source: SourceFile, hints: Hints) -> ImportBatch:
    """Return the rows of a table or an answer in any of its shapes. Raises BadInputError."""
    name, data = source.path.name, source.data
    if data[:4] == b"PAR1" or data.lstrip()[:1] not in (b"[", b"{"):
        table = read_table(data, name)
    else:
        table = pd.DataFrame([dict(_flat(each)) for each in _records(data, name)])
    if "fullname" in table:  # a contents table
        suite = load(hints.suite) if hints.suite else None
        return ImportBatch(tables=[from_contents(table, suite)])
    suite = load(hints.suite) if hints.suite else _suite_of(table, name)
    return ImportBatch(tables=[from_contents(_as_contents(table, suite), suite)])


def recognises(source: SourceFile) -> bool:
    """Return whether a file has our names: `rank,id,…` in a table, `benchmarks` or `evaluations` in a record."""
    name, head = source.path.name, source.data[:65536].lstrip()
    if head[:4] == b"PAR1":
        tail = source.data[-262144:]
        return b"average" in tail and b".score" in tail and b"precision" in tail
    if name.endswith((".csv", ".csv.gz")):
        return head.startswith((b"rank,id,model,", b"\xef\xbb\xbfrank,id,model,"))
    if not name.endswith((".json", ".jsonl", ".json.gz", ".jsonl.gz")) or head[:1] not in (b"[", b"{"):
        return False
    ours = (b'"benchmarks":', b'"evaluations":', b'"fullname":')
    return b'"results":' not in head[:200] and any(word in head for word in ours) and b'"average' in head.lower()


def _records(data: bytes, name: str) -> list[Mapping[str, Any]]:
    try:
        payload = orjson.loads(data)
    except orjson.JSONDecodeError:
        try:
            payload = [orjson.loads(line) for line in data.splitlines() if line.strip()]
        except orjson.JSONDecodeError as error:
            raise BadInputError(f"{name} is neither JSON nor JSON lines: {error}.") from error
    if isinstance(payload, dict):
        payload = next((payload[key] for key in LISTS if isinstance(payload.get(key), list)), [payload])
    if not payload or not all(isinstance(each, dict) for each in payload):
        raise BadInputError(f"{name} has no rows.")
    return list(payload)


def _flat(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the cells of one record under the names of the frame; a contents table's keep theirs."""
    if "fullname" in record:
        yield from record.items()
        return
    for name, value in record.items():
        if name in ("benchmarks", "evaluations") and isinstance(value, Mapping):
            for key, measure in value.items():
                if isinstance(measure, Mapping):
                    yield f"{key}.raw", measure.get("raw", measure.get("value"))
                    yield f"{key}.score", measure.get("score", measure.get("normalized_score"))
                    if measure.get("se") is not None and not measure.get("approximate"):
                        yield f"{key}.se", measure["se"]
        elif isinstance(value, Mapping):
            yield from _flat(value)
        elif name not in ("id", "rank"):
            yield NAMES.get(name, name), value


def _suite_of(table: pd.DataFrame, name: str) -> Suite:
    """Return the suite that has most of the table's `key.score` columns. Raises BadInputError if none has any."""
    keys = {column.removesuffix(".score") for column in table if str(column).endswith(".score")}
    best = max(map(load, names()), key=lambda suite: len(keys & {each.key for each in suite.benchmarks}))
    if not keys & {each.key for each in best.benchmarks}:
        raise BadInputError(
            f"{name}: no suite has its benchmarks ({', '.join(sorted(keys)[:8])}); name one with --suite."
        )
    return best


def _as_contents(table: pd.DataFrame, suite: Suite) -> pd.DataFrame:
    """Return a table with our names as a contents table."""
    renames = {field.key: field.columns[0] for field in (*FIELDS, *EXTRAS)} | {"average": "Average ⬆️"}
    for benchmark in suite.benchmarks:
        renames |= {f"{benchmark.key}.score": benchmark.column} | error_columns(benchmark)
        if benchmark.raw_column:
            renames[f"{benchmark.key}.raw"] = benchmark.raw_column
        # errors from counts follow from the scores again
        counted = table.get(f"{benchmark.key}.approximate")
        if counted is not None and f"{benchmark.key}.se" in table:
            table[f"{benchmark.key}.se"] = table[f"{benchmark.key}.se"].mask(counted.astype("boolean").fillna(False))
    kept = table[[column for column in table if column in renames]]
    return kept.rename(columns=renames)


READER = FormatReader("this program's exports and API (.csv, .parquet, .json, .jsonl)", recognises, read, nothing)
