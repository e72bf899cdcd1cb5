"""Files from anywhere into a store: contents tables and result files become its results and its published tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from src.core import suites
from src.core.contents import settle
from src.core.errors import BadInput, Conflict, NotFound
from src.core.frame import from_contents, from_records, read_table, suite_of, to_contents, write_parquet
from src.core.names import result_path
from src.core.preferences import from_votes
from src.core.records import Request, Result
from src.core.store import Store
from src.core.tables import unpacked

TRIES = 5  # when somebody else publishes meanwhile


@dataclass(frozen=True)
class Imported:
    """What an import did: rows each suite's table has now, rows that came, result files kept, and what to know."""

    rows: Mapping[str, int]
    fresh: Mapping[str, int]
    results: int
    notes: tuple[str, ...]


def import_files(files: Sequence[Path | str], store: Store, suite: str | None = None) -> Imported:
    """Bring tables and result files (or folders of result files) into `store`; a row that is there already is renewed.

    Tables may be of any age; without `suite` their columns say which suite they are of. Nothing is written unless
    every file could be read. Raises BadInput, naming the file.
    """
    tables, results = _read_all(files, suite)
    notes = [f"{path.name}: {note}" for path, frame in tables for note in frame.attrs["notes"]]
    frames: dict[str, list[pd.DataFrame]] = defaultdict(list)
    for _, frame in tables:
        frames[frame.attrs["suite"]].append(frame)
    if results:
        store.append({path: data for path, (_, data) in results.items()}, "Import result files")
        for frame in frames_of(
            {result.model for result, _ in results.values()}, store, [suite] if suite else suites.names()
        ):
            frames[frame.attrs["suite"]].append(frame)
        if not frames:
            raise BadInput(
                "No file holds a benchmark of any suite whole; `python app.py explain FILE` tells what is missing."
            )
    rows = {name: publish(merged(parts), store) for name, parts in frames.items()}
    return Imported(rows, {name: sum(map(len, parts)) for name, parts in frames.items()}, len(results), tuple(notes))


def import_votes(files: Sequence[Path | str], store: Store, suite: str | None = None) -> Imported:
    """Fit a rating to the votes of these tables together and publish it over the store's ratings.

    Ratings hold among the models voted on together, so earlier ones are replaced, never mixed in. Raises BadInput.
    """
    known = suites.load(suite or "votes")
    frame = from_votes(pd.concat([read_table(path) for path in files], ignore_index=True), known)
    rows = publish(frame, store, keep=False)
    return Imported({known.name: rows}, {known.name: len(frame)}, 0, frame.attrs["notes"])


def frames_of(
    models: Iterable[str], store: Store, names: Iterable[str] | None = None, requests: Iterable[Request] = ()
) -> list[pd.DataFrame]:
    """What a store's results say of these models, one frame for each suite that any of them ran; `publish` takes them.

    All runs of a model are read, for earlier ones complete later ones. `requests`, and the request files of the old
    layout, tell what harnesses do not know.
    """
    results, asked = [], list(requests)
    for model in sorted(set(models)):
        results += [Result.read(store.read(path), path) for path in _listed(store, f"results/{model}", "results_")]
        organisation, _, name = model.rpartition("/")
        files = _listed(store, f"requests/{organisation}".rstrip("/"), f"{name}_eval_request_")
        asked += [Request.read(store.read(path)) for path in files]
    built = (from_records(results, asked, name) for name in names or suites.names())
    return [frame for frame in built if len(frame)]


def contents_path(suite: str) -> str:
    """Where a store keeps a suite's published table; the default suite's place is the one other tools read."""
    folder = "data" if suite == suites.DEFAULT else suite
    return f"contents/{folder}/train-00000-of-00001.parquet"


def history_path(suite: str, day: date) -> str:
    """Where a store keeps a suite's table as it was on a day."""
    return f"history/{suite}/{day.isoformat()}.parquet"


def publish(frame: pd.DataFrame, store: Store, keep: bool = True) -> int:
    """Write `frame` over its suite's published table; `keep` the rows it does not speak of. Returns the rows now."""
    suite = frame.attrs["suite"]
    path = contents_path(suite)
    owner = store.name.removeprefix("hub:") if store.name.startswith("hub:") else "open-llm-leaderboard"
    for attempt in range(TRIES):
        head, known = published(store, path)
        whole = merged([known, frame]) if keep and known is not None else frame
        try:
            store.replace({path: write_parquet(to_contents(whole, suite, owner))}, head, f"Publish {suite}")
            return len(whole)
        except Conflict:
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


def merged(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame of several of one suite. A row that comes again is the later one's, with its unknown facts filled in.

    Rows are the same by model, precision and revision; one that does not tell its revision is the row of the only
    revision there is. Scores are never mixed: they are those of the last whole row, or of the last that has any where
    none is whole, so a partial run never takes the place of a whole one.
    """
    suite = suites.load(frames[0].attrs["suite"])
    if len(frames) == 1:
        return frames[0]
    stacked = pd.concat([frame.drop(columns=["id", "family"]) for frame in frames], keys=range(len(frames)))
    stacked = stacked.reset_index(level=0, names="_frame").reset_index(drop=True)
    of_model = stacked.groupby(["model", "precision"], sort=False, dropna=False)["revision"]
    only = of_model.transform("first").where(of_model.transform("nunique") == 1)
    stacked["revision"] = stacked["revision"].fillna(only)
    key = ["model", "precision", "revision"]
    # rows of one frame are never one row, even where a table without precisions makes them look it
    nth = stacked.groupby(["_frame", *key], sort=False, dropna=False).cumcount()
    row = stacked.groupby([*key, nth], sort=False, dropna=False).ngroup()
    scores = [name for name in stacked if "." in name or name in ("average", "scorer", "result_path")]
    facts = stacked.drop(columns=["_frame", *scores]).groupby(row, sort=True).last()  # the last that is known
    held = stacked[[f"{benchmark.key}.score" for benchmark in suite.benchmarks]].notna()
    counts = stacked[[f"{benchmark.key}.score" for benchmark in suite.averaged or suite.benchmarks]].notna()
    position = pd.Series(stacked.index, index=stacked.index)
    told = position.groupby(row).max()
    for worth in (held.any(axis=1), counts.all(axis=1)):  # the last word is a whole row's, else one's with any score
        told = position.where(worth).groupby(row).max().fillna(told)
    told = told.astype(int)
    whole = facts.join(stacked.loc[told, scores].set_axis(told.index))
    return settle(whole, suite, whole["average"].copy())


def published(store: Store, path: str) -> tuple[str | None, pd.DataFrame | None]:
    """The head of the store's contents, and the frame published at `path` there; None for what is not there yet."""
    try:
        head = store.head("contents")
    except NotFound:
        return None, None
    try:
        return head, from_contents(read_table(store.read(path, head), path), suite_of_path(path))
    except NotFound:
        return head, None


def _listed(store: Store, folder: str, start: str) -> list[str]:
    """The .json files of one folder whose names begin with `start`."""
    try:
        paths = [entry.path for entry in store.list(folder)]
    except NotFound:
        return []
    return [path for path in paths if path.startswith(f"{folder}/{start}") and path.endswith(".json")]


def suite_of_path(path: str) -> str:
    """The suite whose table lies at `path` (see `contents_path`)."""
    folder = path.split("/")[1]
    return folder if folder in suites.names() else suites.DEFAULT


def _read_all(
    files: Iterable[Path | str], suite: str | None
) -> tuple[list[tuple[Path, pd.DataFrame]], dict[str, tuple[Result, bytes]]]:
    """Tables in their order, and results by the path they get in a store."""
    tables: list[tuple[Path, pd.DataFrame]] = []
    results: dict[str, tuple[Result, bytes]] = {}
    for path in _walk(files):
        try:
            if _is_json(path):
                data = _unpacked(path)
                result = Result.read(data, str(path))
                results[result_path(result.model, _time_of(result, path))] = (result, data)
            else:
                table = read_table(path)
                tables.append((path, from_contents(table, suite or suite_of(table))))
        except BadInput as error:
            raise BadInput(str(error) if path.name in str(error) else f"{path}: {error}") from error
    return tables, results


def _walk(files: Iterable[Path | str]) -> Iterable[Path]:
    for path in map(Path, files):
        if not path.exists():
            raise BadInput(f"There is no file {path}.")
        if path.is_dir():
            found = sorted(inner for inner in path.rglob("*") if inner.is_file() and _is_json(inner))
            if not found:
                raise BadInput(f"The folder {path} holds no result files (.json, .json.gz).")
            yield from found
        else:
            yield path


def _is_json(path: Path) -> bool:
    return path.name.endswith((".json", ".json.gz"))


def _unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    return unpacked(data, path.name) if data[:2] == b"\x1f\x8b" else data


def _time_of(result: Result, path: Path) -> datetime:
    if when := result.written or result.date:
        return when
    raise BadInput("it tells no time of its run; call it results_YYYY-MM-DDTHH-MM-SS.json")
