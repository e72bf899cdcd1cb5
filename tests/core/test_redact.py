"""No token, signature or secret of the environment survives in text that leaves this machine."""

from __future__ import annotations

import logging
import sys
from urllib.parse import quote

import pytest

from src.core.redact import MARK, RedactSecrets, clean, redact, redact_bytes, redact_logs

SECRETS = {
    "a user's token": ("token hf_AbCdEfGhIjKlMnOpQrSt in a message", "AbCdEfGh"),
    "a token glued to a word": ("HF_TOKENhf_AbCdEfGhIjKlMnOpQrSt", "AbCdEfGh"),
    "an OAuth token": ("hf_oauth_AbCdEfGhIjKlMnOp", "AbCdEfGh"),
    "an OAuth token in three parts": ("hf_oauth_eyJhbGciOiJFZERTQSJ9.eyJzY29wZSI6.AbCd-Ef_Gh12", "eyJ"),
    "a JWT": ("hf_jwt_eyJhbGciOiJFZERTQSJ9.eyJzY29wZSI6.AbCd", "eyJ"),
    "an organisation's token": ("api_org_AbCdEfGhIjKlMnOpQrSt", "AbCdEfGh"),
    "a header": ("authorization: Bearer AbCdEfGhIjKl", "AbCdEfGh"),
    "a header in JSON": ('{"a": "Bearer AbCdEfGhIjKlMnOpQrSt"}', "AbCdEfGh"),
    "a signed address": ("https://cdn.test/x?X-Amz-Signature=deadbeef&X-Amz-Credential=AKIA123", "deadbeef"),
    "another signed address": ("https://cdn.test/x?Policy=eyJTdGF0ZW1lbnQi&Signature=AbC~dEf&Key-Pair-Id=K3", "AbC~d"),
    "a signed address in JSON": ('["https://cdn.test/x?Expires=12&Signature=AbCdEfGh\\n"]', "AbCdEfGh"),
    "a password in an address": ("postgres://board:hunter2hunter2@db.test/board", "hunter2"),
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_taken_out(name: str) -> None:
    text, secret = SECRETS[name]
    assert secret in text
    assert secret not in redact(text, {})
    assert secret not in redact_bytes(text.encode()).decode()
    assert MARK in redact(text, {})


@pytest.mark.parametrize(
    "text",
    [
        "hf_hub_download and hf_hub stay",
        "https://huggingface.co/org/model?token_type=x",
        "a bearer of bad news",
        "2 + 2 = 4; see http://example.test:80/a@b",
        "",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact(text, {}) == text


def test_a_secret_of_the_environment_is_known_by_its_value() -> None:
    value = 'p"ss wörd/1234'
    environment = {
        "DATABASE_PASSWORD": value, "OPENAI_API_KEY": "sk-abcdefgh12345678", "TOKENIZERS_PARALLELISM": "sometimes",
        "HF_TOKEN_PATH": "/home/me/token", "SHORT_TOKEN": "true", "WANDB_API_KEY2": "0123456789abcdef",
    }  # fmt: skip
    spelled = f'{value} p\\"ss wörd/1234 p\\"ss w\\u00f6rd/1234 {quote(value, "")} sk-abcdefgh12345678 0123456789abcdef'
    assert redact(spelled, environment).replace(MARK, "").split() == []
    kept = "sometimes true /home/me/token"
    assert redact(kept, environment) == kept


def test_bytes_that_are_no_text_stay() -> None:
    assert redact_bytes(b"\xff\xfe hf_AbCdEfGhIjKlMnOpQrSt \x80") == b"\xff\xfe hf_[redacted] \x80"


def test_a_log_record_is_redacted_with_its_arguments_and_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_SECRET", "open sesame 42")
    try:
        raise ValueError("no open sesame 42")
    except ValueError:
        trace = sys.exc_info()
    arguments = ("hf_AbCdEfGhIjKlMnOpQr", "open sesame 42")
    record = logging.LogRecord("x", logging.INFO, "", 0, "GET %s with %s", arguments, trace)
    assert RedactSecrets().filter(record)
    lines = logging.Formatter().format(record).splitlines()
    assert (lines[0], lines[-1]) == (f"GET hf_{MARK} with {MARK}", f"ValueError: no {MARK}")


def test_a_strangers_text_commands_no_terminal_and_breaks_no_file() -> None:
    hostile = "a\x1b]52;c;aGk=\x07b\x9b2J\tc\nd\re\u202ef\ud800g hf_AbCdEfGhIjKlMnOpQr"
    assert clean(hostile) == f"a\ufffd]52;c;aGk=\ufffdb\ufffd2J\tc\nd\ufffde\ufffdf\ufffdg hf_{MARK}"
    clean(hostile).encode()


def test_the_handlers_of_a_logger_redact_once_each() -> None:
    logger, handler = logging.getLogger("test-redact"), logging.NullHandler()
    logger.addHandler(handler)
    for _ in range(2):
        redact_logs("test-redact")
    logger.removeHandler(handler)
    assert [type(each) for each in handler.filters] == [RedactSecrets]
