"""Brings a model onto the box: files of an allow-list at one commit, checked again, cleaned of what a loader obeys."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluator import shelf
from evaluator.job import Failure
from src.core.errors import Denied, NotFound, StoreError
from src.core.model.checks import SAFETY, Limits, Repository, examine
from src.core.model.config import HARMLESS_PRIVATE
from src.core.model.source import FolderModel, HubModel, ModelSource
from src.core.records import Request

WANTED = {
    "config.json", "generation_config.json", "adapter_config.json", "tokenizer_config.json", "tokenizer.json",
    "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt",
    "spiece.model", "chat_template.jinja", "quantization_config.json", "quantize_config.json",
}  # fmt: skip
"""Beside the weights and their index. Nothing else leaves the Hub: no code, no pickle, no picture."""

ROOM = 1.05  # of free disk over the download


class Unready(Exception):
    """A model that is not on the box, and why."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True)
class Weights:
    """Folders on this box: the model to load, and what goes on top of it."""

    folder: Path
    adapter: Path | None = None
    delta: Path | None = None


def bring(
    request: Request,
    models: Path,
    limits: Limits,
    token: str | None = None,
    stop: threading.Event | None = None,
) -> Weights:
    """Everything that `request` needs, below `models`. Raises Unready, also when `stop` is set between two files."""
    call = Call(models, limits, token, stop)
    own = _bring_one(request, call)
    if request.weight_type == "Original":
        return Weights(own)
    if not request.base_model:
        raise Unready(Failure("refused", f"`{request.model}` is no whole model, and names no base model."))
    base = request.model_copy(
        update={"model": request.base_model, "revision": request.base_revision or "main", "weight_type": "Original"}
    )
    below = _bring_one(base, call)
    return Weights(below, adapter=own) if request.weight_type == "Adapter" else Weights(below, delta=own)


def adopt(folder: Path, request: Request, models: Path, limits: Limits) -> tuple[Request, Weights]:
    """A model that lies in a folder of this machine, named by a hash of its bytes. Raises Unready."""
    source = FolderModel(request.model, content_hash(folder), folder)
    to = _place(models, request.model, source.revision)
    if not (to / COMPLETE).exists():
        _judge(source, request, limits)
        with shelf.filling(to):
            shutil.rmtree(to, ignore_errors=True)
            to.mkdir(parents=True)
            for name in _wanted(source, request.weight_type):
                if name in WANTED:
                    (to / name).write_bytes((folder / name).read_bytes())
                else:
                    _link(folder / name, to / name)
            _clean(to)
    return request.model_copy(update={"revision": source.revision}), Weights(to)


def content_hash(folder: Path) -> str:
    """40 hex digits that change with any byte of a folder's files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            digest.update(path.relative_to(folder).as_posix().encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:40]


COMPLETE = ".complete"


@dataclass(frozen=True)
class Call:
    """What one call of `bring` was told."""

    models: Path
    limits: Limits
    token: str | None
    stop: threading.Event | None


def _bring_one(request: Request, call: Call) -> Path:
    model, revision = request.model, request.revision
    to = _place(call.models, model, revision)
    if (to / COMPLETE).exists():
        return to
    try:
        source = HubModel(model, revision, call.token)
        _judge(source, request, call.limits)
        with shelf.filling(to, call.stop):
            if (to / COMPLETE).exists():
                return to  # somebody else on this box wanted it too
            _fetch(source, request.weight_type, to, call)
            # what arrived is judged, not what was announced
            _judge(FolderModel(model, revision, to, source.about), request, call.limits)
            _clean(to)
    except InterruptedError as error:
        raise Unready(Failure("stopped", "The evaluator was stopped while it waited for a download.")) from error
    except NotFound as error:
        raise Unready(Failure("not-found", str(error))) from error
    except Denied as error:
        raise Unready(Failure("gated", str(error))) from error
    except StoreError as error:
        raise Unready(Failure("download-failed", str(error))) from error
    return to


def _place(models: Path, model: str, revision: str) -> Path:
    return models / hashlib.sha256(f"{model}@{revision}".encode()).hexdigest()[:32]


def _judge(source: ModelSource, request: Request, limits: Limits) -> None:
    repository = Repository(source, request.precision, request.weight_type, limits)
    reasons = [check.sentence for check in examine(repository) if check.state == "refused" and check.key in SAFETY]
    if reasons:
        raise Unready(Failure("refused", "\n".join(reasons)))


def _wanted(source: ModelSource, weight_type: str) -> list[str]:
    weights = Repository(source, weight_type=weight_type).weights
    index = [f"{single}.index.json" for single in ("model.safetensors", "adapter_model.safetensors")]
    return [name for name in source.files if name in WANTED or name in weights or name in index]


def _fetch(source: HubModel, weight_type: str, to: Path, call: Call) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import httpx

    names = _wanted(source, weight_type)
    to.mkdir(parents=True, exist_ok=True)
    needed = sum(source.files[name] for name in names)
    free = shelf.make_room(call.models, needed * ROOM, keep=to)
    if free < needed * ROOM:
        raise Unready(
            Failure("disk-full", f"`{source.model}` needs {needed / 1e9:.1f} GB; {free / 1e9:.1f} GB are free.")
        )
    for name in names:
        if call.stop is not None and call.stop.is_set():
            raise Unready(Failure("stopped", "The evaluator was stopped while a model was downloaded."))
        try:
            hf_hub_download(source.model, name, revision=source.revision, local_dir=to, token=call.token or False)
        except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
            raise Unready(
                Failure("download-failed", f"The download of {name} broke off: {type(error).__name__}.")
            ) from error
    shutil.rmtree(to / ".cache", ignore_errors=True)


def _clean(folder: Path) -> None:
    """Drop from the settings what only old releases wrote and newer ones might obey."""
    for path in folder.glob("*.json"):
        if path.name in WANTED and path.name not in LARGE:
            table = json.loads(path.read_bytes())
            path.write_text(json.dumps(_without_private(table), ensure_ascii=False, indent=1), encoding="utf-8")
    (folder / COMPLETE).touch()


LARGE = {"tokenizer.json", "vocab.json", "added_tokens.json"}  # no settings in there
DROPPED = set(HARMLESS_PRIVATE) - {"__type"}


def _without_private(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_private(each) for key, each in value.items() if key not in DROPPED}
    if isinstance(value, list):
        return [_without_private(each) for each in value]
    return value


def _link(path: Path, to: Path) -> None:
    """Weights are large: another name for the same bytes where the disk allows it."""
    try:
        to.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, to)


@contextmanager
def in_use(weights: Weights) -> Iterator[None]:
    """Within, these weights stay on the disk, whoever else on this box is done with them. Raises Unready."""
    folders = [folder for folder in (weights.folder, weights.adapter, weights.delta) if folder is not None]
    with shelf.using(folders):
        if not all((folder / COMPLETE).exists() for folder in folders):
            raise Unready(Failure("download-failed", "Another run removed the weights just as this one began."))
        yield


def forget(weights: Iterable[Path | None]) -> None:
    """Make room again, where nobody else on this box uses these folders."""
    for folder in weights:
        if folder is not None and (folder / COMPLETE).exists():
            shelf.remove(folder)
