"""Our block offered to a model's repository on the Hub, as a pull request its owner may take or leave."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
from huggingface_hub.utils import httpx

from src.board.cards.merging import merge
from src.board.cards.writing import CardBlock
from src.core.errors import BoardError, ConflictError, UnknownOutcomeError
from src.core.store.client import as_store_error, use_client

README = "README.md"
TRIES = 3


@dataclass(frozen=True)
class Proposal:
    """What came of it: the pull request, and whether it is a new one; no `url` if the card says it all already."""

    url: str | None
    opened: bool


def propose(block: CardBlock, files: dict[str, str], api: HfApi) -> Proposal:
    """Open a pull request with the merged card and the `.eval_results` files, unless one of ours is open already.

    The card is read at a commit and the request is made against that commit: what the owner writes meanwhile is never
    overwritten. Raises StoreError, or BadInputError for a card that cannot be merged into.
    """
    use_client()
    title = f"{block.board} results ({block.suite})"
    for attempt in range(TRIES):
        waiting = _open_request(block.model, title, api)
        if waiting:
            return Proposal(waiting, opened=False)
        try:
            return _propose_once(block, files, title, api)
        except (ConflictError, UnknownOutcomeError):
            # the owner wrote meanwhile, or nobody knows whether it landed: look again before another try
            if attempt + 1 == TRIES:
                raise
    raise AssertionError("unreachable")


def _propose_once(block: CardBlock, files: dict[str, str], title: str, api: HfApi) -> Proposal:
    try:
        sha = api.model_info(block.model, expand=["sha"]).sha
        wanted = {README: merge(_read(block.model, README, sha, api), block), **files}
        changed = {path: text for path, text in wanted.items() if text != _read(block.model, path, sha, api)}
        if not changed:
            return Proposal(None, opened=False)
        made = api.create_commit(
            repo_id=block.model,
            operations=[CommitOperationAdd(path, _bytes(text)) for path, text in changed.items()],
            commit_message=title,
            commit_description="Scores as published; other text is unchanged. "
            "Made with `python app.py card --open-pr`.",
            create_pr=True,
            parent_commit=sha,
        )
    except BoardError:
        raise
    except (HfHubHTTPError, httpx.HTTPError) as error:
        raise as_store_error(error, f"the pull request on {block.model}", writing=True) from error
    return Proposal(made.pr_url, opened=True)


def _open_request(model: str, title: str, api: HfApi) -> str | None:
    try:
        found = [
            each
            for each in api.get_repo_discussions(model, discussion_type="pull_request", discussion_status="open")
            if each.title == title
        ]
    except (HfHubHTTPError, httpx.HTTPError) as error:
        raise as_store_error(error, f"the pull requests of {model}", writing=False) from error
    return found[0].url if found else None


def _read(model: str, path: str, sha: str | None, api: HfApi) -> str:
    """Return a file's text; nothing if there is none. Bytes that are no UTF-8 come back as they were."""
    with TemporaryDirectory() as folder:
        try:
            local = Path(api.hf_hub_download(model, path, revision=sha, local_dir=folder))
        except EntryNotFoundError:
            return ""
        return local.read_bytes().decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
