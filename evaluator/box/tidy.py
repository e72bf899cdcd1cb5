"""Make a downloaded model loadable: no private settings, no prefixes on its tensors' names, only its text model."""

from __future__ import annotations

import json
import os
import shutil
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from src.core.model.checks import Repository
from src.core.model.config import OF_TOKENS
from src.core.model.fit.known import decoder, model_keys

NO_SETTINGS = {"tokenizer.json", "vocab.json", "added_tokens.json", "tekken.json"}


def tidy(folder: Path, repository: Repository) -> None:
    """Rewrite a folder's settings and headers so that every backend loads what `repository` was judged to hold."""
    renamed = repository.fit.renamed if repository.fit is not None else {}
    for shard in repository.weights if renamed else ():
        _rename(folder / shard, renamed)
    for index in folder.glob("*.safetensors.index.json") if renamed else ():
        table = json.loads(index.read_bytes())
        table["weight_map"] = {renamed.get(name, name): shard for name, shard in table["weight_map"].items()}
        index.write_text(json.dumps(table), encoding="utf-8")
    if repository.weight_type != "Adapter" and (inner := decoder(repository.config)) is not None:
        (folder / "config.json").write_text(json.dumps(inner), encoding="utf-8")
    if (folder / "tekken.json").exists() and not (folder / "tokenizer_config.json").exists():
        _name_specials(folder)
    for path in folder.glob("*.json"):
        if path.name not in NO_SETTINGS and not path.name.endswith(".index.json"):
            table = json.loads(path.read_bytes())
            path.write_text(json.dumps(_without_private(table), ensure_ascii=False, indent=1), encoding="utf-8")


def _name_specials(folder: Path) -> None:
    """Say which of a tekken file's tokens begin and end a text: transformers reads that from a file of its own."""
    tokens = json.loads((folder / "tekken.json").read_bytes()).get("special_tokens") or []
    present = {token.get("token_str") for token in tokens if isinstance(token, dict)}
    named = {role: token for role, token in SPECIALS.items() if token in present}
    (folder / "tokenizer_config.json").write_text(json.dumps(named), encoding="utf-8")


SPECIALS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}


def _rename(path: Path, renamed: Mapping[str, str]) -> None:
    """Rename tensors in the header of a safetensors file, in place: shorter names leave room, which spaces fill."""
    if path.stat().st_nlink > 1:  # the file is somebody's own, linked here
        copy = path.with_name(f"{path.name}.copy")
        shutil.copyfile(path, copy)
        os.replace(copy, path)
    with path.open("r+b") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        text = json.dumps({renamed.get(name, name): entry for name, entry in header.items()}, separators=(",", ":"),
                          ensure_ascii=False).encode()  # fmt: skip
        file.seek(8)
        file.write(text.ljust(length))


def _without_private(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = OF_TOKENS | model_keys()
        return {key: _without_private(item) for key, item in value.items() if key in kept or key[:1] != "_"}
    if isinstance(value, list):
        return [_without_private(item) for item in value]
    return value
