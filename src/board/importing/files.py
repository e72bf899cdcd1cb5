"""Files and folders into a store: result files are kept, and everything becomes rows of its suites' tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from src.board.importing import answers, reasons
from src.board.importing.formats import (
    contents_tables,
    evalscope,
    every_eval_ever,
    helm,
    hub_results,
    inspect_logs,
    lighteval,
    lm_eval,
    own_exports,
)
from src.board.importing.item_blocks import with_item_blocks
from src.board.importing.measurements import gathered
from src.board.importing.placing import placed
from src.board.importing.preview import Preview
from src.board.importing.reader import FormatReader, FoundResult, Hints, ImportBatch, SourceFile, first
from src.core import suites
from src.core.errors import BadInputError
from src.core.frames.merging import merged
from src.core.published import frames_of, publish
from src.core.store import Store

READERS: tuple[FormatReader, ...] = (
    every_eval_ever.READER,
    inspect_logs.READER,
    lighteval.READER,
    helm.READER,
    evalscope.READER,
    hub_results.READER,
    own_exports.READER,
    lm_eval.READER,  # recognises every JSON file
    contents_tables.READER,  # recognises every file: keep it last
)


@dataclass(frozen=True)
class Imported:
    """What an import did: rows in each suite's table now, rows that came, result files kept, and notes.

    `taken` names the rows of each suite that came; `left` names each file that was not taken, with the reason.
    """

    rows: Mapping[str, int]
    fresh: Mapping[str, int]
    results: int
    notes: tuple[str, ...]
    left: tuple[str, ...] = ()
    samples: int = 0  # tasks whose answers were kept
    taken: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def import_files(
    files: Sequence[Path | str], store: Store, hints: Hints | None = None, *, dry_run: bool = False
) -> Imported:
    """Bring files, or folders of them, into `store`; rows that exist already are updated.

    A file that cannot be read is left out and named; the others are taken. With `dry_run`, or if no file can be taken,
    nothing is written. Raises BadInputError if no file can be taken.
    """
    hints = hints or Hints()
    batches, left = _read_all(files, hints)
    tables = [(path, frame) for path, batch in batches for frame in batch.tables]
    found = [each for _, batch in batches for each in batch.results]
    found, lost = answers.attached(found, [each for _, batch in batches for each in batch.samples])
    left += lost
    wanted = [hints.suite] if hints.suite else list(suites.names())
    measured, unknown = gathered([each for _, batch in batches for each in batch.records], wanted)
    if not tables and not found and not measured:
        raise BadInputError("\n".join([*left, *unknown]))
    notes = [f"{path.name}: {note}" for path, batch in batches for note in batch.notes]
    notes += [f"{path.name}: {note}" for path, frame in tables for note in frame.attrs["notes"]]
    notes += [*unknown, *(note for frame in measured for note in frame.attrs["notes"])]
    frames: dict[str, list[pd.DataFrame]] = defaultdict(list)
    for frame in [*(frame for _, frame in tables), *measured]:
        frames[frame.attrs["suite"]].append(frame)
    kept: Mapping[str, FoundResult] = {}
    if found:
        described = [with_item_blocks(each, wanted) for each in found]
        found = [each for each, _ in described]
        notes += [note for _, note in described if note]
        kept = placed(found, store)
        preview = Preview(store)
        preview.append({path: each.data for path, each in kept.items()})
        for frame in frames_of({each.result.model for each in found}, preview, wanted):
            frames[frame.attrs["suite"]].append(frame)
            notes += frame.attrs["notes"]
        lacking = reasons.of_results([each.result for each in found], wanted)
        if not frames:
            raise BadInputError("\n".join([*left, "No file has a complete benchmark of any suite.", *lacking]))
        notes += lacking
    if dry_run:
        store = Preview(store)
    if kept:  # everything is known to fit; answers come before the results they belong to
        answers.write(store, kept, wanted)
        store.append({path: each.data for path, each in kept.items()}, "Import result files")
    rows_answers = [each for _, batch in batches for each in batch.answers]
    answers.write_of_rows(store, rows_answers, wanted)
    joined = {name: merged(parts) for name, parts in frames.items()}
    rows = {name: publish(frame, store) for name, frame in joined.items()}
    return Imported(
        rows=rows,
        fresh={name: sum(map(len, parts)) for name, parts in frames.items()},
        results=len(kept),
        notes=tuple(notes),
        left=tuple(left),
        samples=sum(len(each.samples) for each in kept.values()) + len(rows_answers),
        taken={name: tuple(frame["id"]) for name, frame in joined.items()},
    )


def _read_all(files: Iterable[Path | str], hints: Hints) -> tuple[list[tuple[Path, ImportBatch]], list[str]]:
    """Return what each file contains, and a sentence for each that cannot be taken."""
    batches, left = [], []
    for path in _walk(files):
        try:
            source = SourceFile.open(path)
            batches.append((path, first(READERS, source).read(source, hints)))
        except BadInputError as error:
            left.append(str(error) if path.name in str(error) else f"{path}: {error}")
        except OSError as error:
            left.append(f"{path} cannot be read: {error.strerror}.")
    return batches, left


def _walk(files: Iterable[Path | str]) -> Iterable[Path]:
    for path in map(Path, files):
        if not path.exists():
            raise BadInputError(f"There is no file {path}.")
        if path.is_dir():
            inner = sorted(each for each in path.rglob("*") if each.is_file() and _is_of_board(path, each))
            collected = [
                each
                for each in inner
                if any(reader.collects(each) for reader in READERS)
                and not any(reader.is_part(each) for reader in READERS)
            ]
            if not collected:
                raise BadInputError(f"The folder {path} contains no file of a format that is known (docs/formats.md).")
            yield from collected
        else:
            yield path


def _is_of_board(folder: Path, path: Path) -> bool:
    """Return whether a file of a board's folder is one that an import takes: not its queue, votes and history."""
    if not (folder / "contents").is_dir():
        return True
    dataset = path.relative_to(folder).parts[0]
    return dataset in ("contents", "results") or dataset.endswith("-details")
