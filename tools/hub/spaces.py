"""What the Hub adds for Spaces: secrets that cannot be read back, variables, and how the app stands."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI, Request

from tools.hub.desk import Body, HubRequest, base


def add_spaces(app: FastAPI, desk: HubRequest) -> None:
    """Add the routes; before those of reading, since a Space's own description says more."""
    spaces = desk.hub.spaces

    def place(request: Request, ns: str, name: str) -> None:
        desk.writer(request)
        desk.hub.repo("spaces", f"{ns}/{name}")

    @app.get("/api/spaces/{ns}/{name}")
    @desk.faulty("info")
    def info(request: Request, ns: str, name: str) -> Any:
        repo = desk.hub.repo("spaces", f"{ns}/{name}")
        host = f"{base(request)}/running/{ns}/{name}"
        return {"_id": repo.id, "id": repo.id, "sha": repo.chain[-1].oid, "host": host, "sdk": "gradio"}

    @app.post("/api/spaces/{ns}/{name}/secrets")
    def set_secret(request: Request, ns: str, name: str, body: Body) -> Any:
        place(request, ns, name)
        output = json.loads(body)
        spaces.secrets[output["key"]] = output["value"]
        return {}

    @app.get("/api/spaces/{ns}/{name}/secrets")
    def list_secrets(request: Request, ns: str, name: str) -> Any:
        place(request, ns, name)
        return {key: {"key": key, "updatedAt": "2025-02-08T00:00:00.000Z"} for key in spaces.secrets}

    @app.post("/api/spaces/{ns}/{name}/variables")
    def set_variable(request: Request, ns: str, name: str, body: Body) -> Any:
        place(request, ns, name)
        output = json.loads(body)
        spaces.variables[output["key"]] = output["value"]
        return {key: {"value": value} for key, value in spaces.variables.items()}

    @app.get("/api/spaces/{ns}/{name}/runtime")
    def runtime(request: Request, ns: str, name: str) -> Any:
        place(request, ns, name)
        stage = spaces.stages.pop(0) if len(spaces.stages) > 1 else spaces.stages[0]
        return {"stage": stage, "hardware": {"current": "cpu-basic"}, "errorMessage": spaces.error}

    @app.get("/running/{ns}/{name}/status.json")
    def status(ns: str, name: str) -> Any:
        return {"source": "live"} if spaces.answers else "not yet"
