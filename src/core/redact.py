"""Take secrets out of text before it leaves this machine: logs, failures, notices, published files.

The one place that knows what a secret looks like. Secrets that look like nothing are known by value: those of this
process's environment, by the names of their variables.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

MARK = "[redacted]"

PATTERNS = (
    (re.compile(r"(hf_oauth|hf_jwt|api_org|hf)_[A-Za-z0-9][A-Za-z0-9._-]{14,}[A-Za-z0-9]"), rf"\1_{MARK}"),
    (re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}"), rf"\1{MARK}"),
    (
        re.compile(
            r"(?i)([?&](?:x-amz-[a-z-]+|x-goog-[a-z-]+|signature|sig|policy|key-pair-id|token|access_token|expires)=)"
            r"[^&\s'\"<>)\\]+"
        ),
        rf"\1{MARK}",
    ),
    (re.compile(r"(://[^/\s:@'\"]{1,256}:)[^/\s:@'\"]{1,1024}(?=@)"), rf"\1{MARK}"),  # a password in an address
)

SECRET_NAME = re.compile(
    r"(?i)(^|_)(token|secret|secrets|password|passwd|pat|apikey|api_?key|access_?key|private_?key|credentials?)(_|\d*$)"
)
NO_SECRET = re.compile(r"(?i)_(path|file|dir|folder|url|name|id|ttl|seconds)$")
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""All but tab and new line: commands to a terminal, changes of direction, halves of characters."""

SHORTEST = 8  # characters; shorter values are words that stand in ordinary text


def is_secret_name(variable: str) -> bool:
    """Return whether the value of an environment variable of this name is taken out of text."""
    return SECRET_NAME.search(variable) is not None and NO_SECRET.search(variable) is None


def redact(text: str, environment: Mapping[str, str] | None = None) -> str:
    """Return the text without tokens, signed query strings and secret values of `environment` (this process's)."""
    for secret in _values(tuple((os.environ if environment is None else environment).items())):
        text = text.replace(secret, MARK)
    for pattern, instead in PATTERNS:
        text = pattern.sub(instead, text)
    return text


def clean(text: str) -> str:
    """Return a stranger's text as it may be shown: `redact`ed, without control characters and broken Unicode."""
    return redact(CONTROL.sub("\ufffd", text))


def redact_bytes(data: bytes) -> bytes:
    """`redact` for UTF-8 text; bytes that are not UTF-8 stay as they are."""
    return redact(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")


class RedactSecrets(logging.Filter):
    """Take secrets out of every log record, and out of the traceback it carries."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_text = redact(record.exc_text) if record.exc_text else None
        return True


def redact_logs(*names: str) -> None:
    """Let every handler that the root logger and the named ones have by now redact what it writes."""
    for name in ("", *names):
        for handler in logging.getLogger(name).handlers:
            if not any(isinstance(one, RedactSecrets) for one in handler.filters):
                handler.addFilter(RedactSecrets())


@lru_cache(maxsize=4)
def _values(environment: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the secret values, longest first, as they stand in text, in JSON and in addresses."""
    found = {
        spelling
        for name, value in environment
        if len(value) >= SHORTEST and is_secret_name(name)
        for spelling in (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], quote(value, ""))
    }
    return tuple(sorted(found, key=lambda value: (-len(value), value)))
