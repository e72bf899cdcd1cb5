"""What every route of the stand-in needs: who asks, which repository, what goes wrong, how an answer is spelled."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import yaml
from fastapi import Depends, Request, Response

from tools.hub.repos import Blob, Commit, Hub, RefusedError, Repo, Tree


class HungError(Exception):
    """In one process nobody can wait for an answer that never comes: the transport turns this into a time-out."""


async def read_body(request: Request) -> bytes:
    return await request.body()


Body = Annotated[bytes, Depends(read_body)]

BEFORE = {
    "busy": (409, "Another commit is in progress."),
    "moved": (412, "A commit has happened since."),
    "throttle": (429, "Too many requests."),
    "before": (500, "Internal Error"),
}


class HubRequest:
    """`patient`: a hanging call sleeps; else it raises `HungError`."""

    def __init__(self, hub: Hub, patient: bool) -> None:
        self.hub, self.patient = hub, patient

    def faulty(self, endpoint: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Count the calls of a route, and makes them fail as `hub.faults` says."""

        def wrap(answer: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(answer)
            def call(*args: Any, **kwargs: Any) -> Any:
                faults = self.hub.faults
                self.hub.calls[endpoint] += 1
                kind = faults.draw(endpoint)
                if kind in BEFORE:
                    raise RefusedError(*BEFORE[kind], headers={"Retry-After": str(faults.retry_after)})
                if kind == "hang-before":
                    self._hang()
                output = answer(*args, **kwargs)
                if kind == "after":
                    raise RefusedError(500, "Internal Error")
                if kind == "hang":
                    self._hang()
                if kind == "truncate" and isinstance(output, Response):
                    output.body = bytes(output.body)[: len(output.body) // 2]
                return output

            @functools.wraps(answer)
            async def at_once(*args: Any, **kwargs: Any) -> Any:
                return call(*args, **kwargs)

            # an answer that may sleep needs a thread of its own; in one process none does
            return call if self.patient else at_once

        return wrap

    def who(self, request: Request) -> str | None:
        output = request.headers.get("authorization", "")
        return output.removeprefix("Bearer ") if output.startswith("Bearer ") else None

    def writer(self, request: Request) -> str:
        token = self.who(request)
        if token is None:
            raise RefusedError(401, "Invalid username or password.")
        if token in self.hub.readers:
            raise RefusedError(403, "You don't have the rights for this.")
        return token

    def seen(self, request: Request) -> Repo:
        """Return the repository of a route, if this client may see it."""
        path = request.path_params
        repo = self.hub.repo(path.get("kind", "models"), f"{path['ns']}/{path['name']}")
        if repo.private and self.who(request) is None:
            raise RefusedError(401, "Repository not found", "RepoNotFound")
        return repo

    def entry(self, path: str, item: Tree | Blob, expand: bool = False) -> dict[str, Any]:
        """Return a file or a folder as a listing names it."""
        if isinstance(item, Tree):
            return {"type": "directory", "oid": "" if self.hub.sparse else item.oid, "size": 0, "path": path}
        output: dict[str, Any] = {"type": "file", "oid": item.oid, "size": item.size, "path": path}
        if item.sha256:
            output["lfs"] = {"oid": item.sha256, "size": item.size, "pointerSize": 130}
        if expand and not self.hub.sparse:
            output["lastCommit"] = {"id": item.stamp.commit, "title": item.stamp.title, "date": iso(item.stamp.date)}
        return output

    def stale(self, repo: Repo, rev: str, endpoint: str) -> Commit:
        """Return the commit that a read sees: of main, sometimes an older one."""
        return repo.at(rev, self.hub.faults.staleness(endpoint) if rev == "main" else 0)

    def _hang(self) -> None:
        if not self.patient:
            raise HungError
        time.sleep(self.hub.hang)
        raise RefusedError(504, "Gateway Timeout")


def base(request: Request) -> str:
    return str(request.base_url).rstrip("/")


def web_path(repo: Repo) -> str:
    return repo.id if repo.kind == "models" else f"{repo.kind}/{repo.id}"


def user_of(token: str) -> str:
    return token.removeprefix("hf_")


def iso(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def split_rev(rest: str) -> tuple[str, str]:
    """(revision, path) of what follows `tree/` or `resolve/`."""
    parts = rest.split("/")
    cut = 3 if parts[0] == "refs" else 1
    return "/".join(parts[:cut]), "/".join(parts[cut:])


def sibling(path: str, blob: Blob, blobs: bool) -> dict[str, Any]:
    """Return a file as the information on a repository names it."""
    output: dict[str, Any] = {"rfilename": path}
    if blobs:
        output |= {"size": blob.size, "blobId": blob.oid}
        if blob.sha256:
            output["lfs"] = {"sha256": blob.sha256, "size": blob.size, "pointerSize": 130}
    return output


def card(hub: Hub, commit: Commit) -> dict[str, Any] | None:
    readme = commit.tree.get("README.md")
    parts = hub.data(readme).decode(errors="replace").split("---") if isinstance(readme, Blob) else []
    output = yaml.safe_load(parts[1]) if len(parts) >= 3 else None
    return output if isinstance(output, dict) else None
