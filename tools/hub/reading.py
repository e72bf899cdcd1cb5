"""What clients read from the Hub: who they are, repositories, trees, commits, files."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from tools.hub.desk import Body, HubRequest, base, card, iso, sibling, split_rev, user_of
from tools.hub.repos import Blob, Commit, RefusedError, Tree

PAGE, EXPANDED_PAGE, COMMITS_PAGE = 1000, 50, 50


def add_reading(app: FastAPI, desk: HubRequest) -> None:  # noqa: PLR0915 (a list of routes)
    """Add the routes."""
    hub = desk.hub

    @app.get("/api/whoami-v2")
    @desk.faulty("whoami")
    def whoami(request: Request) -> Any:
        token = desk.who(request)
        if token is None:
            raise RefusedError(401, "Invalid username or password.")
        role = "read" if token in hub.readers else "write"
        auth = {"type": "access_token", "accessToken": {"displayName": "test", "role": role}}
        return {
            "type": "user",
            "id": user_of(token),
            "name": user_of(token),
            "fullname": user_of(token),
            "orgs": [],
            "auth": auth,
        }

    @app.get("/api/{kind}/{ns}/{name}/auth-check/write")
    @desk.faulty("auth-check")
    def may_write(request: Request) -> Any:
        desk.writer(request)
        desk.seen(request)
        return {}

    @app.get("/api/agent-harnesses")
    def harnesses() -> Any:
        return {"standardEnvVars": [], "harnesses": {}}

    @app.get("/api/{kind}")
    @desk.faulty("search")
    def search(kind: str, limit: int = 100) -> Any:
        return [{"id": repo.id} for repo in hub.repos.values() if repo.kind == kind][:limit]

    @app.get("/api/{kind}/{ns}/{name}")
    @app.get("/api/{kind}/{ns}/{name}/revision/{rev:path}")
    @desk.faulty("info")
    def info(request: Request, rev: str = "main") -> Any:
        repo = desk.seen(request)
        commit = desk.stale(repo, rev, "info")
        output: dict[str, Any] = {"_id": repo.id, "id": repo.id, "sha": commit.oid}
        if "sha" in request.query_params.getlist("expand"):
            return output
        files = [(path, item) for path, item in commit.tree.walk() if isinstance(item, Blob)]
        blobs = bool(request.query_params.get("blobs")) and not hub.sparse
        output |= {
            "private": repo.private,
            "gated": "manual" if repo.gated else False,
            "disabled": False,
            "likes": 0,
            "downloads": 0,
            "tags": [],
            "createdAt": iso(repo.chain[0].date),
            "lastModified": iso(commit.date),
            "siblings": [sibling(path, blob, blobs) for path, blob in files],
        }
        return output if hub.sparse else output | {"cardData": card(hub, commit)}

    @app.get("/api/{kind}/{ns}/{name}/tree/{rest:path}")
    @desk.faulty("tree")
    def tree(request: Request, rest: str) -> Any:
        repo = desk.seen(request)
        rev, path = split_rev(rest)
        commit = desk.stale(repo, rev, "tree")
        folder = commit.tree.get(path)
        if not isinstance(folder, Tree):
            raise RefusedError(404, f"{path} does not exist on {rev}", "EntryNotFound")
        wants = request.query_params
        expand = wants.get("expand", "").lower() == "true"
        start, size = int(wants.get("cursor", 0)), EXPANDED_PAGE if expand else PAGE
        prefix = f"{path}/" if path else ""
        deep = wants.get("recursive", "").lower() == "true"
        found = [
            (path, item)
            for path, item in folder.walk(prefix, deep)
            if not (deep and hub.sparse and isinstance(item, Tree))
        ]
        output = JSONResponse([desk.entry(path, item, expand) for path, item in found[start : start + size]])
        if start + size < len(found):
            query = urlencode(dict(wants) | {"cursor": start + size})
            here = f"/api/{repo.kind}/{repo.id}/tree/{commit.oid}" + (f"/{path}" if path else "")
            output.headers["Link"] = f'<{base(request)}{here}?{query}>; rel="next"'
        return output

    @app.post("/api/{kind}/{ns}/{name}/paths-info/{rev:path}")
    @desk.faulty("paths")
    def paths_info(request: Request, rev: str, body: Body) -> Any:
        commit = desk.stale(desk.seen(request), rev, "paths")
        output = parse_qs(body.decode())
        expand = output.get("expand", [""])[0].lower() == "true"
        found = [(path, commit.tree.get(path)) for path in output.get("paths", [])]
        return [desk.entry(path, item, expand) for path, item in found if item is not None]

    @app.get("/api/{kind}/{ns}/{name}/commits/{rev:path}")
    @desk.faulty("commits")
    def commits(request: Request, rev: str) -> Any:
        repo = desk.seen(request)
        page, here = int(request.query_params.get("p", 0)), repo.at(rev)
        chain: list[Commit] = []
        at: str | None = here.oid
        while at:
            chain.append(repo.commits[at])
            at = chain[-1].parent
        part = chain[page * COMMITS_PAGE : (page + 1) * COMMITS_PAGE]
        output = JSONResponse(
            [
                {"id": c.oid, "title": c.title, "message": "", "date": iso(c.date), "authors": [{"user": "test"}]}
                for c in part
            ]
        )
        if len(chain) > (page + 1) * COMMITS_PAGE:
            output.headers["Link"] = f'<{base(request)}{request.url.path}?p={page + 1}>; rel="next"'
        return output

    @app.get("/api/{kind}/{ns}/{name}/refs")
    @desk.faulty("refs")
    def refs(request: Request) -> Any:
        repo = desk.seen(request)
        pulls = [{"name": r, "ref": r, "targetCommit": oid} for r, oid in repo.refs.items()]
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo.at("main").oid}
        return {"branches": [main], "tags": [], "converts": [], "pullRequests": pulls}

    @app.get("/api/{kind}/{ns}/{name}/discussions")
    @desk.faulty("discussions")
    def discussions(request: Request) -> Any:
        repo = desk.seen(request)
        found = [
            {
                "num": number, "title": title, "status": "open", "isPullRequest": True, "author": {"name": "test"},
                "createdAt": iso(repo.chain[0].date), "repo": {"name": repo.id, "type": repo.kind.rstrip("s")},
            }
            for number, title in enumerate(repo.pulls, start=1)
        ]  # fmt: skip
        return {"discussions": found, "count": len(found), "start": 0}

    @app.api_route("/{kind}/{ns}/{name}/resolve/{rest:path}", methods=["GET", "HEAD"])
    @app.api_route("/{ns}/{name}/resolve/{rest:path}", methods=["GET", "HEAD"])
    @desk.faulty("resolve")
    def resolve(request: Request, rest: str) -> Any:
        repo = desk.seen(request)
        if repo.gated and desk.who(request) is None:
            raise RefusedError(401, "Access to this repository is restricted", "GatedRepo")
        rev, path = split_rev(rest)
        at = desk.stale(repo, rev, "resolve")
        blob = at.tree.get(path)
        headers = {"X-Repo-Commit": at.oid, "Accept-Ranges": "bytes"}
        if not isinstance(blob, Blob):
            raise RefusedError(404, "Entry not found", "EntryNotFound")
        data, status = hub.data(blob), 200
        headers |= {"ETag": f'"{blob.sha256 or blob.oid}"', "X-Linked-Size": str(blob.size)}
        if wanted := request.headers.get("range", "").removeprefix("bytes="):
            first, _, last = wanted.partition("-")
            low, high = (
                (int(first), min(int(last or len(data)), len(data) - 1))
                if first
                else (len(data) - int(last), len(data) - 1)
            )
            headers["Content-Range"] = f"bytes {low}-{high}/{len(data)}"
            data, status = data[low : high + 1], 206
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers | {"Content-Length": str(len(data))})
        return Response(data, status, headers, "application/octet-stream")
