"""The tokenizer of a repository, read as data: how many tokens it has, and whether the embeddings have room."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from src.core.errors import BadInputError
from src.core.model.fit.known import decoder, model_types
from src.core.model.repository import Repository

FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "spiece.model", "tekken.json")
LARGEST = 256 * 2**20
LARGEST_READ = 64 * 2**20  # bytes of a tokenizer that are read to count its tokens


def check_tokenizer(repository: Repository) -> tuple[Literal["passed", "noted"], str]:
    """Return what to say of a repository's own tokenizer.

    Raise BadInputError if it is too large, or has tokens that the embeddings have no row for.
    """
    if (large := max(repository.source.files.get(name, 0) for name in FILES)) > LARGEST:
        raise BadInputError(f"The tokenizer is {large / 2**20:,.0f} MiB; at most {LARGEST // 2**20} are taken.")
    tokenizer = _read(repository, "tokenizer.json")
    # an adapter's embeddings are made as large as its tokenizer
    rows = None if repository.weight_type == "Adapter" else embedding_rows(repository)
    highest = max(_ids(tokenizer, _read(repository, "added_tokens.json")), default=None)
    if rows is not None and highest is not None and highest >= rows:
        raise BadInputError(
            f"The tokenizer has tokens up to number {highest:,}, but the embeddings have only {rows:,} rows. Upload "
            "the tokenizer that the model was trained with, or resize the embeddings (`resize_token_embeddings`)."
        )
    if end := _appended(tokenizer, repository.side_files.get("tokenizer_config.json", {})):
        return "noted", f"It appends {end} to every text, so every prompt ends with that."
    return "passed", "Found."


def embedding_rows(repository: Repository) -> int | None:
    """Return how many tokens the input embeddings have a row for; None if that tensor is not known or is packed."""
    config = decoder(repository.config) or repository.config
    name = model_types().get(str(config.get("model_type")), {}).get("embedding")
    if name is None or repository.fit is None:
        return None
    last = ".".join(str(name).split(".")[-2:])  # `embed_tokens.weight`, whatever stands before it
    for tensor in repository.tensors:
        if f".{tensor.name}".endswith(f".{last}") and len(tensor.shape) == 2 and "vision" not in tensor.name:
            return tensor.shape[0] if tensor.dtype in PLAIN else None
    return None


PLAIN = {"F32", "F16", "BF16", "F64"}


def _read(repository: Repository, path: str) -> Mapping[str, Any]:
    size = repository.source.files.get(path, 0)
    if not 0 < size <= LARGEST_READ:
        return {}
    try:
        table = json.loads(repository.source.read(path, 0, size))
    except (ValueError, RecursionError) as error:
        raise BadInputError(f"{path} is not readable as JSON. Upload it again.") from error
    return table if isinstance(table, dict) else {}


def _ids(tokenizer: Mapping[str, Any], added: Mapping[str, Any]) -> Iterator[int]:
    model = tokenizer.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    if isinstance(vocabulary, dict):
        yield from (value for value in vocabulary.values() if isinstance(value, int))
    elif isinstance(vocabulary, list):  # unigram: pairs in order
        yield len(vocabulary) - 1
    tokens = tokenizer.get("added_tokens")
    for token in tokens if isinstance(tokens, list) else []:
        if isinstance(token, dict) and isinstance(token.get("id"), int):
            yield token["id"]
    if not tokenizer:  # a sentencepiece file beside it holds the rest
        yield from (value for value in added.values() if isinstance(value, int))


def _appended(tokenizer: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """Return the token that is put behind every text, such as `</s>`; None if there is none."""
    if settings.get("add_eos_token") is True:
        end = settings.get("eos_token")
        return str(end.get("content") if isinstance(end, dict) else end)[:40]
    waiting = [tokenizer.get("post_processor")]
    while waiting:
        each = waiting.pop()
        if not isinstance(each, dict):
            continue
        waiting += each.get("processors") or []
        parts = each.get("single")
        if each.get("type") == "TemplateProcessing" and isinstance(parts, list) and parts:
            last = parts[-1].get("SpecialToken") if isinstance(parts[-1], dict) else None
            if isinstance(last, dict):
                return str(last.get("id"))[:40]
    return None
