"""What every answer says to browsers about itself: its content security policy, and what it may not do."""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from src.ui.web import assets

COMMON = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin-allow-popups",
}


@lru_cache(64)
def policy(embed: str = "", styles: tuple[str, ...] = ()) -> str:
    """Return the policy of a page: files of this host, data: images, and no inline code but `boot.js` and `styles`.

    `embed`: the origins that may show the page in a frame.
    """
    rules = {
        "default-src": "'self'",
        "script-src": f"'self'{_hash(assets.boot())}",
        "style-src": _sources(styles),
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": f"'self' {embed}".strip(),
    }
    return _join(rules)


@lru_cache(64)
def embed_policy(style: str = "") -> str:
    """Return the policy of an embed: shown anywhere, running this board's own files, and nothing else."""
    rules = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": _sources((style,)),
        "img-src": "'self' data:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "base-uri": "'self'",
        "form-action": "'none'",
        "frame-ancestors": "*",
    }
    return _join(rules)


def _sources(styles: tuple[str, ...]) -> str:
    """Return the sources of styles: files of this host, and exactly these inline texts."""
    return f"'self'{''.join(map(_hash, styles))}"


@lru_cache(64)
def _hash(text: str) -> str:
    """Return the source that allows exactly this inline style or script; nothing for an empty one."""
    return f" 'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" if text else ""


def _join(rules: dict[str, str]) -> str:
    return "; ".join(f"{rule} {value}" for rule, value in rules.items())
