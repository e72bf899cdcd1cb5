"""What counts in a folder that was copied while somebody wrote, or was damaged: its manifests against its files."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from src.core.store.files import blob_id_of_file
from src.core.store.manifests import Manifest, Written
from src.core.store.placing import Placing


def given_up(manifests: Sequence[Manifest], is_there: Callable[[str, str, str], bool]) -> dict[int, list[str]]:
    """Return what manifests name and the folder does not hold: number of the commit → paths with dataset.

    `is_there(dataset, path, oid)` looks for bytes. A file keeps the newest bytes that are there. What a commit deletes
    stays if something it wrote is missing: it may have moved the one into the other. In a copy, all of this belongs to
    commits that came after the copy began; the bytes of older ones lie where `Placing` kept them.
    """
    before = _given_up(manifests)
    decided: set[str] = set()
    missing: dict[int, list[str]] = {}
    for manifest in reversed(manifests):
        names = {f"{manifest.dataset}/{path}": (path, file) for path, file in manifest.files.items()}
        counts = {name: names[name] for name in names.keys() - decided if (manifest.number, name) not in before}
        lost = sorted(
            name for name, (path, file) in counts.items() if file and not is_there(manifest.dataset, path, file.oid)
        )
        if lost:
            lost += sorted(name for name, (_, file) in counts.items() if file is None)
            missing[manifest.number] = lost
        decided |= counts.keys() - {*lost}
    return missing


def last_known(manifests: Sequence[Manifest]) -> dict[tuple[str, str], Written | None]:
    """Return what the files (dataset, path) are after these manifests; None: deleted."""
    without = _given_up(manifests)
    return {
        (manifest.dataset, path): file
        for manifest in manifests
        for path, file in manifest.files.items()
        if (manifest.number, f"{manifest.dataset}/{path}") not in without
    }


def _given_up(manifests: Sequence[Manifest]) -> set[tuple[int, str]]:
    return {(number, path) for one in manifests for number, paths in one.given_up.items() for path in paths}


def differing(placing: Placing, known: Mapping[tuple[str, str], Written | None]) -> Iterator[tuple[str, str, Written]]:
    """Yield (dataset, path, bytes) of the files in the folder that are not as known, without those known as deleted."""
    for dataset, path, place in placing.lying():
        if known.get((dataset, path), MISSING) is not None:
            size = place.stat().st_size
            written = Written(blob_id_of_file(place, size), size)
            if written != known.get((dataset, path)):
                yield dataset, path, written


def completed(manifests: Sequence[Manifest], logged: Sequence[Manifest]) -> list[Manifest]:
    """Return the manifests with those that only the log has: lines that were damaged, or are not in this copy yet."""
    known = {manifest.number: manifest for manifest in manifests}
    if any(known[one.number].rev != one.rev for one in logged if one.number in known):
        return [*manifests]  # a log of something else
    whole = {one.number: one for one in logged} | known
    return [whole[number] for number in sorted(whole)]


MISSING = Written("", 0)


def adoption(files: Iterable[tuple[str, str, Written]], number: int, at: str, message: str) -> list[Manifest]:
    """Return manifests that commit files as they lie there, one a dataset, numbered from `number` on."""
    datasets: dict[str, dict[str, Written | None]] = {}
    for dataset, path, written in files:
        datasets.setdefault(dataset, {})[path] = written
    return [
        Manifest(number + place, at, dataset, uuid.uuid4().hex + "0" * 8, message, paths)
        for place, (dataset, paths) in enumerate(sorted(datasets.items()))
    ]
