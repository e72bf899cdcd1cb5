"""Signing in with the stand-in: OpenID Connect as the Hub does it, with a page on which a person says who they are."""

from __future__ import annotations

import base64
import secrets
import time
from functools import cache
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from joserfc import jwt
from joserfc.jwk import RSAKey

from tools.hub.desk import Body, HubRequest, base
from tools.hub.repos import RefusedError

CLIENT, SECRET = "board-client", "board-secret"
"""The one app that may sign people in; its callback is on whatever host it names, at `/oauth/huggingface/callback`."""
PEOPLE = ("alice", "bob", "carol")


def add_oauth(app: FastAPI, desk: HubRequest) -> None:
    """Add the routes."""
    granted: dict[str, dict[str, str]] = {}  # code → what was asked, and by whom

    @app.get("/.well-known/openid-configuration")
    def configuration(request: Request) -> Any:
        here = base(request)
        return {
            "issuer": here,
            "authorization_endpoint": f"{here}/oauth/authorize",
            "token_endpoint": f"{here}/oauth/token",
            "userinfo_endpoint": f"{here}/oauth/userinfo",
            "jwks_uri": f"{here}/oauth/jwks",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    @app.get("/oauth/jwks")
    def jwks() -> Any:
        return {"keys": [_key().as_dict(private=False)]}

    @app.get("/oauth/authorize")
    def authorize(request: Request) -> Any:
        asked = dict(request.query_params)
        if asked.get("client_id") != CLIENT or urlsplit(asked["redirect_uri"]).path != "/oauth/huggingface/callback":
            raise RefusedError(400, "Unknown app, or not its callback.")
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in asked.items()
        )
        choices = "".join(f'<button name="user" value="{name}">Authorize as {name}</button>' for name in PEOPLE)
        return HTMLResponse(f'<form action="decided">{hidden}{choices}<button name="user" value="">Cancel</button>')

    @app.get("/oauth/decided")
    def decided(request: Request) -> Any:
        asked = dict(request.query_params)
        output = {"state": asked["state"]}
        if asked["user"]:
            output["code"] = secrets.token_urlsafe(16)
            granted[output["code"]] = asked
        else:
            output |= {"error": "access_denied", "error_description": "The user denied the request."}
        joint = "&" if "?" in asked["redirect_uri"] else "?"
        return RedirectResponse(asked["redirect_uri"] + joint + urlencode(output), 303)

    @app.post("/oauth/token")
    def token(request: Request, body: Body) -> Any:
        output = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        proof = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {proof}":
            raise RefusedError(401, "Not the secret of this app.")
        asked = granted.pop(output["code"], None)  # a code counts once
        if asked is None or asked["redirect_uri"] != output["redirect_uri"]:
            raise RefusedError(400, "No such code.")
        now, user = int(time.time()), asked["user"]
        about = {"sub": f"id-{user}", "name": user.title(), "preferred_username": user}
        about |= {"profile": f"{base(request)}/{user}", "picture": f"{base(request)}/{user}.png"}
        claims = about | {"iss": base(request), "aud": CLIENT, "iat": now, "exp": now + 3600, "nonce": asked["nonce"]}
        return {
            "access_token": f"hf_oauth_{secrets.token_urlsafe(24)}",
            "token_type": "bearer",
            "expires_in": 3600,
            "scope": asked["scope"],
            "id_token": jwt.encode({"alg": "RS256", "kid": _key().kid}, claims, _key()),
        }


@cache
def _key() -> RSAKey:
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
