"""A model's repository as a reader sees it: names and sizes of files, and their bytes with a cap. Nothing is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from src.core.errors import DeniedError, NotFoundError, StoreError, ThrottledError, UnknownOutcomeError
from src.core.names import check_model_name

TIMEOUT = 20.0  # seconds for one answer of the Hub


@dataclass(frozen=True)
class About:
    """What the Hub says of a model beside its files."""

    likes: int | None = None
    gated: bool = False
    private: bool = False
    tags: tuple[str, ...] = ()
    created: str | None = None  # ISO time


class NoRevisionError(NotFoundError):
    """The model is there, but not this branch, tag or commit of it."""


class ModelSource(Protocol):
    """A model repository at one commit."""

    @property
    def model(self) -> str: ...

    @property
    def revision(self) -> str:
        """A commit."""

    @property
    def about(self) -> About: ...

    @property
    def files(self) -> Mapping[str, int]:
        """Path → size in bytes."""

    def read(self, path: str, start: int, length: int) -> bytes:
        """At most `length` bytes of a file from `start` on. Raises a StoreError."""


class HubModel:
    """A model on the Hub, pinned at the commit that `revision` (a branch, a tag or a commit) stands for now."""

    def __init__(self, model: str, revision: str = "main", token: str | None = None) -> None:
        """Look the model up, with one call.

        Raises NotFoundError (no such model), NoRevisionError, DeniedError (gated or private), ThrottledError, Unknown.
        """
        from huggingface_hub import HfApi

        self.model = check_model_name(model)
        self._api = HfApi(token=token or False)
        info = self._ask(lambda: self._api.model_info(model, revision=revision, files_metadata=True, timeout=TIMEOUT))
        self.revision = str(info.sha)
        self.files = {file.rfilename: int(file.size or 0) for file in info.siblings or ()}
        if not self.files or any(file.size is None for file in info.siblings or ()):  # servers that answer sparingly
            self.files = self._ask(self._listed)
        self.about = About(
            likes=info.likes,
            gated=bool(info.gated),
            private=bool(info.private),
            tags=tuple(info.tags or ()),
            created=info.created_at.isoformat() if info.created_at else None,
        )

    def _listed(self) -> dict[str, int]:
        from huggingface_hub.hf_api import RepoFile

        items = self._api.list_repo_tree(self.model, recursive=True, revision=self.revision)
        return {item.path: item.size for item in items if isinstance(item, RepoFile)}

    def read(self, path: str, start: int, length: int) -> bytes:
        from huggingface_hub import hf_hub_url
        from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

        url = hf_hub_url(self.model, path, revision=self.revision, endpoint=self._api.endpoint)
        headers = build_hf_headers(token=self._api.token) | {"Range": f"bytes={start}-{start + length - 1}"}

        def ask() -> bytes:
            with get_session().stream("GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True) as answer:
                hf_raise_for_status(answer)
                skip = start if answer.status_code == 200 else 0  # 206: the server took the range
                data = b""
                for chunk in answer.iter_bytes():
                    data += chunk
                    if len(data) >= skip + length:
                        break
            return data[skip : skip + length]

        return self._ask(ask)

    def _ask(self, call: Any) -> Any:
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
        from huggingface_hub.utils import httpx

        try:
            return call()
        except GatedRepoError as error:
            raise DeniedError(
                f"`{self.model}` is gated: accept its terms with this board's account, or open it."
            ) from error
        except RevisionNotFoundError as error:
            raise NoRevisionError(f"`{self.model}` has no such branch, tag or commit. Check the revision.") from error
        except RepositoryNotFoundError as error:
            raise NotFoundError(f"There is no public model `{self.model}` on the Hub. Check the spelling.") from error
        except HfHubHTTPError as error:
            status = error.response.status_code if error.response is not None else None
            if status == 429:
                wait = float(error.response.headers.get("Retry-After", 60))
                raise ThrottledError(f"The Hub asks for a pause of {wait:.0f} s; try again then.", wait) from error
            if status in (401, 403):
                raise DeniedError(f"The Hub does not let this board read `{self.model}`.") from error
            raise UnknownOutcomeError(f"The Hub answered {status} for `{self.model}`; try again shortly.") from error
        except (httpx.HTTPError, OSError) as error:
            raise UnknownOutcomeError(
                f"The Hub cannot be reached just now ({type(error).__name__}); try again shortly."
            ) from error
        except StoreError:
            raise


@dataclass(frozen=True)
class FolderModel:
    """A model in a folder on this machine; symbolic links are listed with size −1 and never followed."""

    model: str
    revision: str
    folder: Path
    about: About = field(default_factory=About)

    @property
    def files(self) -> Mapping[str, int]:
        found = (path for path in sorted(self.folder.rglob("*")) if path.is_symlink() or path.is_file())
        return {
            path.relative_to(self.folder).as_posix(): -1 if path.is_symlink() else path.stat().st_size for path in found
        }

    def read(self, path: str, start: int, length: int) -> bytes:
        if self.files.get(path, -1) < 0:
            raise NotFoundError(f"`{self.model}` has no file {path}.")
        with (self.folder / path).open("rb") as file:
            file.seek(start)
            return file.read(length)
