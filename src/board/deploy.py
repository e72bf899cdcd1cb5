"""This board as a Space on the Hub: its datasets, its files in one commit, its settings, and whether it came up."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import get_session, httpx

from src.core.errors import BadInput, BoardError, Denied, Unknown
from src.core.store.client import as_store_error, use_client
from src.core.store.files import blob_id, sha256
from src.settings import ROOT

DATASETS = ("requests", "results", "contents", "votes", "history")
PARTS = ("app.py", "requirements.txt", "README.md", "LICENSE", "src", "assets")
"""What a Space runs on; the evaluator and the tests stay at home."""
LEFT_OUT = ("__pycache__", ".pyc", ".pyi")

SECRETS = {
    "HF_TOKEN": "a token that may write to the datasets of {owner}: submissions and votes are stored with it",
}
UP, WAITING = ("RUNNING",), ("BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING")
PAUSE = 5.0  # seconds between looks


@dataclass(frozen=True)
class Deployed:
    """What was done; `missing` are secrets that still have to be set, with what each is for."""

    space: str
    url: str
    created: tuple[str, ...]  # repositories
    changed: tuple[str, ...]  # files
    missing: Mapping[str, str] = field(default_factory=dict)


def deploy(
    space: str,
    api: HfApi,
    root: Path = ROOT,
    private: bool = False,
    secrets: Mapping[str, str] | None = None,
) -> Deployed:
    """Create or update the Space `OWNER/NAME` and its owner's datasets; doing it again changes only what differs.

    `secrets` are set as they are given; those that are neither given nor set come back as `missing`. Raises BadInput
    for a name that is none, Denied where the token may not, and other StoreErrors.
    """
    use_client()
    owner, _, name = space.partition("/")
    if not owner or not name or "/" in name:
        raise BadInput(f"A Space is OWNER/NAME, not '{space}'.")
    with _told(f"the Space {space}"):
        created = [
            repo
            for kind, repo in (("space", space), *(("dataset", f"{owner}/{each}") for each in DATASETS))
            if _ensure(repo, kind, private, api)
        ]
        for key, value in (secrets or {}).items():
            api.add_space_secret(space, key, value, description=SECRETS.get(key, "").format(owner=owner))
        api.add_space_variable(space, "BOARD_STORE", f"hub:{owner}")
        changed = _upload(space, root, api)
        there = set(api.get_space_secrets(space))
        missing = {key: words.format(owner=owner) for key, words in SECRETS.items() if key not in there}
        url = getattr(api.space_info(space), "host", None) or f"https://{owner}-{name}.hf.space".lower().replace(
            "_", "-"
        )
    return Deployed(space, url.rstrip("/"), tuple(created), tuple(changed), missing)


def came_up(
    deployed: Deployed,
    api: HfApi,
    wait: float = 600.0,
    sleep: Callable[[float], None] = time.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> str:
    """Wait up to `wait` seconds until the Space runs and answers; what it says of its rows ("live", "sample", …).

    Raises BoardError with the Hub's words where the build or the app failed, Unknown where it takes longer.
    """
    until = monotonic() + wait
    stage = "unknown"
    while monotonic() < until:
        with _told(f"the Space {deployed.space}"):
            runtime = api.get_space_runtime(deployed.space)
        stage = str(getattr(runtime.stage, "value", runtime.stage))
        if stage in UP and (source := _answers(deployed.url, api.token)):
            return source
        if stage not in (*UP, *WAITING):
            said = str(runtime.raw.get("errorMessage") or "").strip()[:500]
            raise BoardError(
                f"{deployed.space} did not come up: {stage}. {said} Its log is at "
                f"https://huggingface.co/spaces/{deployed.space}?logs=container."
            )
        sleep(PAUSE)
    raise Unknown(f"{deployed.space} is still {stage} after {wait:.0f} s; look at it again in a while.")


def files(root: Path) -> Iterator[tuple[str, bytes]]:
    """The Space's files: path in the repository, bytes."""
    for part in PARTS:
        start = root / part
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            name = path.relative_to(root).as_posix()
            if path.is_file() and not any(word in name for word in LEFT_OUT):
                yield name, path.read_bytes()


def _upload(space: str, root: Path, api: HfApi) -> list[str]:
    """One commit with what differs; files of ours that are no more are deleted, others' stay."""
    head = api.repo_info(space, repo_type="space").sha
    there = {
        each.path: each
        for each in api.list_repo_tree(space, repo_type="space", revision=head, recursive=True)
        if isinstance(each, RepoFile)
    }
    ours = dict(files(root))
    fresh = {path: data for path, data in ours.items() if not _same(there.get(path), data)}
    gone = [path for path in there if path.partition("/")[0] in PARTS and path not in ours]
    if not fresh and not gone:
        return []
    operations = [CommitOperationAdd(path, data) for path, data in fresh.items()]
    deletions = [CommitOperationDelete(path) for path in gone]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the sample's tables are meant to lie in the Space
        api.create_commit(
            space, [*operations, *deletions], commit_message="Renew the board", repo_type="space", parent_commit=head
        )
    return sorted([*fresh, *gone])


def _same(there: RepoFile | None, data: bytes) -> bool:
    if there is None:
        return False
    return there.lfs.sha256 == sha256(data) if there.lfs else there.blob_id == blob_id(data)


def _ensure(repo: str, kind: str, private: bool, api: HfApi) -> bool:
    """Whether the repository had to be made."""
    if api.repo_exists(repo, repo_type=kind):
        return False
    api.create_repo(
        repo, repo_type=kind, private=private, exist_ok=True, space_sdk="gradio" if kind == "space" else None
    )
    return True


def _answers(url: str, token: str | bool | None) -> str | None:
    """What the board says of its rows, or None while it does not answer."""
    try:
        # a private Space lets in who brings a token; no redirect may carry it elsewhere
        headers = {"Authorization": f"Bearer {token}"} if isinstance(token, str) else {}
        answer = get_session().get(f"{url}/status.json", headers=headers, timeout=20, follow_redirects=False)
        return str(answer.json()["source"]) if answer.status_code == 200 else None
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return None


class _told:
    """What the Hub refuses, in our words."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, HfHubHTTPError | httpx.HTTPError):
            told = as_store_error(error, self.what, writing=True)
            if isinstance(told, Denied):
                told = Denied(f"{told} It needs the right to write to repositories of this owner.")
            raise told from error
