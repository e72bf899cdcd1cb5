"""A reverse proxy, as hosts have one: it takes a path off, or speaks TLS for a board, and headers tell the outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from tests.e2e import conftest


@contextmanager
def proxied(target: str, path: str = "", port: int | None = None, tls: Path | None = None) -> Iterator[str]:
    """The address at which `target` is served below `path`; over TLS with a certificate made in folder `tls`."""
    port = port or conftest.free_port()
    client = httpx.AsyncClient(base_url=target, timeout=30)
    scheme = "https" if tls else "http"

    async def forward(request: Request) -> StreamingResponse:
        inner = "/" + request.path_params["rest"]
        headers = {name: value for name, value in request.headers.items() if name != "accept-encoding"}
        headers |= {"x-forwarded-host": f"127.0.0.1:{port}", "x-forwarded-proto": scheme}
        headers |= {"x-forwarded-prefix": path} if path else {}
        url = httpx.URL(inner, query=request.url.query.encode())
        answer = await client.send(
            client.build_request(request.method, url, headers=headers, content=await request.body()), stream=True
        )
        through = StreamingResponse(answer.aiter_raw(), answer.status_code, background=BackgroundTask(answer.aclose))
        kept = [pair for pair in answer.headers.raw if pair[0].lower() not in (b"content-length", b"transfer-encoding")]
        through.raw_headers = [(name.lower(), value) for name, value in kept]
        return through

    app = Starlette(routes=[Route(f"{path}/{{rest:path}}", forward, methods=["GET", "POST", "HEAD"])])
    config = uvicorn.Config(app, port=port, log_level="error", **(certificate(tls) if tls else {}))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"{scheme}://127.0.0.1:{port}{path}"
    server.should_exit = True
    thread.join(5)


def certificate(folder: Path) -> dict[str, Any]:
    """A key and a certificate that nobody signed, as uvicorn takes them; browsers must be set to accept it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(secret)
    (folder / "certificate.pem").write_bytes(made.public_bytes(pem))
    return {"ssl_keyfile": folder / "key.pem", "ssl_certfile": folder / "certificate.pem"}
