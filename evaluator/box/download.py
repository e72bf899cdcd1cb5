"""Download a model: allow-listed files at one commit, checked again, without settings that a loader would execute."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from evaluator.box import disk, model_cache
from evaluator.box.tidy import tidy
from evaluator.job import RunFailure
from src.core.errors import DeniedError, NotFoundError, StoreError
from src.core.model.checks import SAFETY, ModelLimits, Repository, examine, facts
from src.core.model.config import read_json
from src.core.model.source import FolderModel, HubModel, ModelSource
from src.core.records import Request

WANTED = {
    "config.json", "generation_config.json", "adapter_config.json", "tokenizer_config.json", "tokenizer.json",
    "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt", "merges.txt",
    "spiece.model", "chat_template.jinja", "quantization_config.json", "quantize_config.json", "tekken.json",
}  # fmt: skip
"""Files to download besides the weights and their index. Nothing else is downloaded: no code, pickles or images."""

ROOM = 1.05  # free disk space needed ÷ size of the download


class NotReadyError(Exception):
    """Raised if a model could not be brought onto this machine; `failure` holds the reason."""

    def __init__(self, failure: RunFailure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True)
class Weights:
    """Folders on this machine: the model to load, and the adapter or delta applied to it."""

    folder: Path
    adapter: Path | None = None
    delta: Path | None = None

    @property
    def tokenizer(self) -> Path | None:
        """The folder of the tokenizer and the chat template if they are not the base model's."""
        own = self.adapter or self.delta
        return own if own is not None and Repository(FolderModel("", "", own)).has_tokenizer else None

    @property
    def notes(self) -> list[str]:
        """What the checks noted about the weights, for the result."""
        return [note for folder in self.folders for note in _read_notes(folder)]

    @property
    def folders(self) -> list[Path]:
        """All folders that a run reads."""
        return [folder for folder in (self.folder, self.adapter, self.delta) if folder is not None]


@dataclass(frozen=True)
class Downloads:
    """Where models go on this machine, and what it takes.

    stop: set to end a download between two files. unsupported: method of quantisation → why it cannot be loaded.
    """

    models: Path
    limits: ModelLimits
    token: str | None = None
    stop: threading.Event | None = None
    unsupported: Mapping[str, str] = field(default_factory=dict)


def bring(request: Request, downloads: Downloads) -> Weights:
    """Download everything that `request` needs.

    Raise NotReadyError if that fails or is stopped, or before the download if the weights are quantised by a method
    that cannot be loaded here.
    """
    own = _bring_one(request, downloads)
    below = bring_base(request, downloads)
    return Weights(own) if below is None else _joined(request, own, below)


def bring_base(request: Request, downloads: Downloads) -> Path | None:
    """Return the folder of the base model of an adapter or a delta, downloaded or copied; None for a whole model."""
    if request.weight_type == "Original":
        return None
    if not request.base_model:
        raise NotReadyError(RunFailure("refused", f"`{request.model}` needs a base model but names none."))
    changes = {
        "model": request.base_model,
        "revision": request.base_revision or "main",
        "weight_type": "Original",
        "use_chat_template": None,
    }
    base = request.model_copy(update=changes)
    local = Path(request.base_model).expanduser()
    if local.is_absolute() and local.is_dir():  # given on this machine's command line; no request names a folder
        return adopt(local, base, downloads.models, downloads.limits)[1].folder
    return _bring_one(base, downloads)


def _joined(request: Request, own: Path, below: Path) -> Weights:
    """Return an adapter or a delta with its base. Raise NotReadyError if the two lack a chat template together."""
    parts = (FolderModel(request.model, request.revision, folder) for folder in (own, below))
    mine, base = (Repository(part, request.precision) for part in parts)
    mine.base, mine.use_chat_template, mine.weight_type = base, request.use_chat_template, request.weight_type
    _refuse_if(mine, {"template"})
    return Weights(below, adapter=own) if request.weight_type == "Adapter" else Weights(below, delta=own)


def adopt(
    folder: Path, request: Request, models: Path, limits: ModelLimits, base: Path | None = None
) -> tuple[Request, Weights]:
    """Copy a model from a local folder; its revision is a hash of its bytes. Raise NotReadyError if it is refused.

    `base`: the folder of the model that an adapter or a delta is applied to, which was brought already.
    """
    source = FolderModel(request.model, content_hash(folder), folder)
    to = _place(models, request.model, source.revision)
    if not (to / COMPLETE).exists():
        repository = _judge(source, request, limits)
        with model_cache.filling(to):
            shutil.rmtree(to, ignore_errors=True)
            to.mkdir(parents=True)
            for name in _wanted(source, request.weight_type):
                if name in WANTED:
                    (to / name).write_bytes((folder / name).read_bytes())
                else:
                    _link(folder / name, to / name)
            _finish(to, repository)
    request = request.model_copy(update={"revision": source.revision})
    return request, Weights(to) if base is None else _joined(request, to, base)


def content_hash(folder: Path) -> str:
    """Return 40 hex digits that change with any byte of what is run of a folder: not with its README."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        is_run = path.name in WANTED or ".safetensors" in path.name
        if is_run and path.is_file() and not path.is_symlink():
            digest.update(path.relative_to(folder).as_posix().encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:40]


COMPLETE = ".complete"


def _bring_one(request: Request, downloads: Downloads) -> Path:
    model, revision = request.model, request.revision
    to = _place(downloads.models, model, revision)
    if (to / COMPLETE).exists():
        return to
    try:
        source = HubModel(model, revision, downloads.token)
        _judge(source, request, downloads.limits)
        require_quantiser(source, downloads.unsupported)
        with model_cache.filling(to, downloads.stop):
            if (to / COMPLETE).exists():
                return to  # another run on this machine has downloaded it in the meantime
            _fetch(source, request.weight_type, to, downloads)
            # check the files that arrived, not the listing
            _finish(to, _judge(FolderModel(model, revision, to, source.about), request, downloads.limits))
    except InterruptedError as error:
        raise NotReadyError(
            RunFailure("stopped", "The evaluator was stopped while it waited for a download.")
        ) from error
    except NotFoundError as error:
        raise NotReadyError(RunFailure("not-found", str(error))) from error
    except DeniedError as error:
        raise NotReadyError(RunFailure("gated", str(error))) from error
    except StoreError as error:
        raise NotReadyError(RunFailure("download-failed", str(error))) from error
    return to


def _place(models: Path, model: str, revision: str) -> Path:
    return models / hashlib.sha256(f"{model}@{revision}".encode()).hexdigest()[:32]


def _judge(source: ModelSource, request: Request, limits: ModelLimits) -> Repository:
    is_whole = request.weight_type == "Original"
    asked = request.use_chat_template if is_whole else None  # an adapter may use the template of its base
    repository = Repository(source, request.precision, request.weight_type, limits, asked)
    _refuse_if(repository, SAFETY)
    return repository


def _refuse_if(repository: Repository, keys: set[str]) -> None:
    reasons = [check.sentence for check in examine(repository) if check.state == "refused" and check.key in keys]
    if reasons:
        raise NotReadyError(RunFailure("refused", "\n".join(reasons)))


def require_quantiser(source: ModelSource, unsupported: Mapping[str, str]) -> None:
    """Raise NotReadyError if this machine cannot load weights quantised as `config.json` says."""
    quantization = (
        read_json(source, "config.json").get("quantization_config") if "config.json" in source.files else None
    )
    if not isinstance(quantization, dict):
        return
    method = str(quantization.get("quant_method"))
    if method == "bitsandbytes":
        method += "_8bit" if quantization.get("load_in_8bit") else "_4bit"
    if method in unsupported:
        raise NotReadyError(RunFailure("unsuited", f"This machine cannot load {method} weights: {unsupported[method]}"))


def _wanted(source: ModelSource, weight_type: str) -> list[str]:
    weights = Repository(source, weight_type=weight_type).weights
    index = [f"{single}.index.json" for single in ("model.safetensors", "adapter_model.safetensors")]
    return [name for name in source.files if name in WANTED or name in weights or name in index]


def _fetch(source: HubModel, weight_type: str, to: Path, downloads: Downloads) -> None:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError
    from huggingface_hub.utils import httpx

    names = _wanted(source, weight_type)
    to.mkdir(parents=True, exist_ok=True)
    needed = sum(source.files[name] for name in names)
    free = model_cache.make_room(downloads.models, needed * ROOM, keep=to)
    if free < needed * ROOM:
        raise NotReadyError(
            RunFailure("disk-full", f"`{source.model}` needs {needed / 1e9:.1f} GB; {free / 1e9:.1f} GB are free.")
        )
    for name in names:
        if downloads.stop is not None and downloads.stop.is_set():
            raise NotReadyError(RunFailure("stopped", "The evaluator was stopped while a model was downloaded."))
        try:
            hf_hub_download(source.model, name, revision=source.revision, local_dir=to, token=downloads.token or False)
        except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
            if isinstance(error, OSError) and (failure := disk.failure_of(error, to)):
                raise NotReadyError(failure) from error
            raise NotReadyError(
                RunFailure("download-failed", f"The download of {name} was interrupted: {type(error).__name__}.")
            ) from error
    shutil.rmtree(to / ".cache", ignore_errors=True)


def _finish(folder: Path, repository: Repository) -> None:
    """Tidy a complete folder, and keep what the checks noted in the file that says it is complete."""
    notes = facts(repository).notes
    tidy(folder, repository)
    (folder / COMPLETE).write_text(json.dumps(notes), encoding="utf-8")


def _read_notes(folder: Path) -> list[str]:
    try:
        return [str(note) for note in json.loads((folder / COMPLETE).read_bytes())]
    except (OSError, ValueError, TypeError):  # a folder that an earlier version completed
        return []


def _link(path: Path, to: Path) -> None:
    """Hard-link a file if the disk allows it, because weights are large; else copy it."""
    try:
        to.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, to)


@contextmanager
def in_use(weights: Weights) -> Iterator[None]:
    """Keep these weights on the disk while the context lasts. Raise NotReadyError if they are gone already."""
    with model_cache.using(weights.folders):
        if not all((folder / COMPLETE).exists() for folder in weights.folders):
            raise NotReadyError(RunFailure("download-failed", "Another run removed the weights as this run started."))
        yield


def forget(weights: Weights) -> None:
    """Delete these weights from the disk unless another run on this machine uses them."""
    for folder in weights.folders:
        if (folder / COMPLETE).exists():
            model_cache.remove(folder)
