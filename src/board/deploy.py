"""This board as a Space on the Hub: its datasets, its files in one commit, its settings, and whether it came up."""

from __future__ import annotations

import json
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import get_session, httpx

from src.core.errors import BadInputError, BoardError, DeniedError, UnknownOutcomeError
from src.core.profile.config import BoardConfig
from src.core.profile.reading import ProfileReader
from src.core.store import LocalStore
from src.core.store.client import as_store_error, use_client
from src.core.store.files import blob_id, sha256
from src.core.store.hub import HubStore
from src.settings import ROOT

DATASETS = ("requests", "results", "contents", "votes", "history", "board")
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
    own: Path | None = None,
) -> Deployed:
    """Create or update the Space `OWNER/NAME` and its owner's datasets; doing it again changes only what differs.

    own: a folder whose `board/` goes into the dataset `board`; what is there already stays. `secrets` are set as they
    are given; those that are neither given nor set come back as `missing`. Raise BadInputError for a name that is none,
    DeniedError if the token may not, and other StoreErrors.
    """
    use_client()
    owner, _, name = space.partition("/")
    if not owner or not name or "/" in name:
        raise BadInputError(f"A Space is OWNER/NAME, not '{space}'.")
    with _told(f"the Space {space}"):
        created = [
            repo
            for kind, repo in (("space", space), *(("dataset", f"{owner}/{each}") for each in DATASETS))
            if _ensure(repo, kind, private, api)
        ]
        for key, value in (secrets or {}).items():
            api.add_space_secret(space, key, value, description=SECRETS.get(key, "").format(owner=owner))
        api.add_space_variable(space, "BOARD_STORE", f"hub:{owner}")
        changed = _upload_own(f"{owner}/board", own, api) if own else []
        changed += _upload(space, root, api, _config(owner, api))
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

    Raises BoardError with the Hub's words if the build or the app failed, Unknown if it takes longer.
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
            data = str(runtime.raw.get("errorMessage") or "").strip()[:500]
            raise BoardError(
                f"{deployed.space} did not come up: {stage}. {data} Its log is at "
                f"https://huggingface.co/spaces/{deployed.space}?logs=container."
            )
        sleep(PAUSE)
    raise UnknownOutcomeError(f"{deployed.space} is still {stage} after {wait:.0f} s; look at it again in a while.")


def files(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the Space's files: path in the repository, bytes."""
    for part in PARTS:
        start = root / part
        for path in sorted(start.rglob("*")) if start.is_dir() else [start]:
            name = path.relative_to(root).as_posix()
            if path.is_file() and not any(word in name for word in LEFT_OUT):
                yield name, path.read_bytes()


def _config(owner: str, api: HfApi) -> BoardConfig:
    """Return what the owner's dataset `board` says of itself now."""
    token = api.token if isinstance(api.token, str) else None
    with TemporaryDirectory() as cache:
        store = HubStore(owner, token=token, endpoint=api.endpoint, cache_dir=Path(cache))
        return ProfileReader(store).read().config


def _entitled(readme: bytes, config: BoardConfig) -> bytes:
    """Return a Space's README with the board's own name and sentence in its head, which the Hub shows."""
    head, mark, rest = readme.decode("utf-8").partition("\n---\n")
    for key, value in (("title", config.name), ("short_description", (config.description or "")[:60])):
        if config.name and value:
            line = f"{key}: {json.dumps(value, ensure_ascii=False)}"
            head = re.sub(rf"^{key}:.*$", lambda _, line=line: line, head, flags=re.MULTILINE)  # type: ignore[misc]
    return f"{head}{mark}{rest}".encode()


def _upload(space: str, root: Path, api: HfApi, config: BoardConfig) -> list[str]:
    """Return one commit with what differs; files of ours that are no more are deleted, others' stay."""
    head = api.repo_info(space, repo_type="space").sha
    there = {
        each.path: each
        for each in api.list_repo_tree(space, repo_type="space", revision=head, recursive=True)
        if isinstance(each, RepoFile)
    }
    ours = dict(files(root))
    ours["README.md"] = _entitled(ours["README.md"], config)
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


def _upload_own(dataset: str, folder: Path, api: HfApi) -> list[str]:
    """Bring the dataset `board` in step with a folder's; return the files that changed. Nothing is deleted."""
    store = LocalStore(folder)
    if not ProfileReader(store).read().files:
        raise BadInputError(f"{folder} has no board/board.toml. `python app.py new {folder}` makes one.")
    info = api.repo_info(dataset, repo_type="dataset")
    there = {
        each.path: each
        for each in api.list_repo_tree(dataset, repo_type="dataset", revision=info.sha, recursive=True)
        if isinstance(each, RepoFile)
    }
    paths = (entry.path for entry in store.list("board"))
    ours = {path.partition("/")[2]: store.read(path) for path in paths}
    fresh = {path: data for path, data in ours.items() if not _same(there.get(path), data)}
    if fresh:
        operations = [CommitOperationAdd(path, data) for path, data in fresh.items()]
        message = "Renew the board's own files"
        api.create_commit(dataset, operations, commit_message=message, repo_type="dataset", parent_commit=info.sha)
    return [f"board/{path}" for path in sorted(fresh)]


def _same(there: RepoFile | None, data: bytes) -> bool:
    if there is None:
        return False
    return there.lfs.sha256 == sha256(data) if there.lfs else there.blob_id == blob_id(data)


def _ensure(repo: str, kind: str, private: bool, api: HfApi) -> bool:
    """Return whether the repository had to be made."""
    if api.repo_exists(repo, repo_type=kind):
        return False
    api.create_repo(
        repo, repo_type=kind, private=private, exist_ok=True, space_sdk="gradio" if kind == "space" else None
    )
    return True


def _answers(url: str, token: str | bool | None) -> str | None:
    """Return what the board says of its rows, or None while it does not answer."""
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
            data = as_store_error(error, self.what, writing=True)
            if isinstance(data, DeniedError):
                data = DeniedError(f"{data} It needs the right to write to repositories of this owner.")
            raise data from error
