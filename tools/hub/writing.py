"""What clients write to the Hub: repositories, large files, commits, pull requests."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from tools.hub.desk import Body, HubRequest, base, user_of, web_path
from tools.hub.repos import Blob, RefusedError, Tree, is_large


def add_writing(app: FastAPI, desk: HubRequest) -> None:  # noqa: PLR0915 (a list of routes)
    """Add the routes."""
    hub = desk.hub

    @app.post("/api/repos/create")
    @desk.faulty("create")
    def create(request: Request, body: Body) -> Any:
        token, output = desk.writer(request), json.loads(body)
        owner = output.get("organization") or user_of(token)
        kind = (output.get("type") or "model") + "s"
        private = output.get("private") is True or output.get("visibility") == "private"
        repo = hub.create(kind, f"{owner}/{output['name']}", private)
        return {"url": f"{base(request)}/{web_path(repo)}", "name": repo.id}

    @app.post("/api/validate-yaml")
    def validate_yaml(body: Body) -> Any:
        return {"errors": [], "warnings": []}

    @app.post("/api/{kind}/{ns}/{name}/preupload/{rev:path}")
    @desk.faulty("preupload")
    def preupload(request: Request, rev: str, body: Body) -> Any:
        desk.writer(request)
        commit = desk.stale(desk.seen(request), rev, "preupload")

        def answer(file: Mapping[str, Any]) -> dict[str, Any]:
            there = commit.tree.get(file["path"])
            mode = "lfs" if is_large(file["path"], file["size"]) else "regular"
            oid = (there.sha256 or there.oid) if isinstance(there, Blob) else None
            return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": oid}

        return {"files": [answer(file) for file in json.loads(body)["files"]]}

    @app.post("/{kind}/{ns}/{name}.git/info/lfs/objects/batch")
    @app.post("/{ns}/{name}.git/info/lfs/objects/batch")
    @desk.faulty("lfs")
    def lfs_batch(request: Request, body: Body) -> Any:
        desk.writer(request)

        def answer(file: Mapping[str, Any]) -> dict[str, Any]:
            upload = {"upload": {"href": f"{base(request)}/lfs/{file['oid']}", "header": {}}}
            return {"oid": file["oid"], "size": file["size"]} | ({} if hub.has(file["oid"]) else {"actions": upload})

        output = {"transfer": "basic", "objects": [answer(file) for file in json.loads(body)["objects"]]}
        return JSONResponse(output, media_type="application/vnd.git-lfs+json")

    @app.put("/lfs/{oid}")
    @desk.faulty("lfs")
    def lfs_put(oid: str, body: Body) -> Any:
        if hub.put_large(body) != oid:
            raise RefusedError(400, "The bytes are not those that were announced")
        return {}

    @app.post("/api/{kind}/{ns}/{name}/commit/{rev:path}")
    @desk.faulty("commit")
    def commit(request: Request, rev: str, body: Body) -> Any:
        desk.writer(request)
        repo, branch = desk.seen(request), rev
        files: dict[str, bytes | str | None] = {}
        header: dict[str, Any] = {}
        with repo.lock:
            now = repo.at(branch).tree
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                match line["key"]:
                    case "header":
                        header = value
                    case "file":
                        files[value["path"]] = base64.b64decode(value["content"])
                    case "lfsFile":
                        files[value["path"]] = value["oid"]
                    case "deletedFile":
                        if not isinstance(now.get(value["path"]), Blob):
                            raise RefusedError(404, "A file with this name doesn't exist", "EntryNotFound")
                        files[value["path"]] = None
                    case "deletedFolder":
                        folder = now.get(value["path"].rstrip("/"))
                        if isinstance(folder, Tree):
                            below = folder.walk(value["path"].rstrip("/") + "/")
                            files |= {path: None for path, item in below if isinstance(item, Blob)}
            pull = None
            if request.query_params.get("create_pr") == "1":
                repo.pulls.append(header["summary"])
                branch = f"refs/pr/{len(repo.pulls)}"
                repo.refs[branch] = repo.at("main").oid
                pull = f"{base(request)}/{web_path(repo)}/discussions/{len(repo.pulls)}"
            made = hub.commit(repo, files, header["summary"], parent=header.get("parentCommit"), branch=branch)
        url = f"{base(request)}/{web_path(repo)}/commit/{made.oid}"
        return {"success": True, "commitOid": made.oid, "commitUrl": url, "hookOutput": "", "pullRequestUrl": pull}
