"""Flags first, then variables, then defaults; a value out of its range is refused in words."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from src.core.errors import BadInputError
from src.settings import Settings, add_options, read

Read = Callable[..., Settings]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Read:
    for name in os.environ:
        if re.match("BOARD_|GRADIO_|SPACE_ID", name):
            monkeypatch.delenv(name)

    def settings(*flags: str, **environ: str) -> Settings:
        parser = argparse.ArgumentParser()
        add_options(parser)
        with monkeypatch.context() as patch:
            for name, text in environ.items():
                patch.setenv(name, text)
            return read(parser.parse_args(flags))

    return settings


def test_nothing_needs_to_be_set(settings: Read) -> None:
    assert settings() == Settings()


def test_a_flag_wins_over_our_variable_and_that_over_the_hosts(settings: Read) -> None:
    assert settings("--port", "9001", BOARD_PORT="9002", GRADIO_SERVER_PORT="9003").port == 9001
    assert settings(BOARD_PORT="9002", GRADIO_SERVER_PORT="9003").port == 9002
    assert settings(GRADIO_SERVER_PORT="9003").port == 9003


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_has_a_flag_and_a_variable(settings: Read, name: str) -> None:
    text, shown = {"trusted_proxies": ("10.0.0.42", "42"), "allow_gated_models": ("yes", "True")}.get(
        name, ("42", "42")
    )
    by_flag = settings("--" + name.replace("_", "-"), text)
    by_variable = settings(**{f"BOARD_{name.upper()}": text})
    assert getattr(by_flag, name) == getattr(by_variable, name)
    assert shown in str(getattr(by_flag, name))


def test_names_have_commas_between_them(settings: Read) -> None:
    assert settings(BOARD_OPERATORS="alice, bob,").operators == {"alice", "bob"}


def test_an_empty_variable_is_no_setting(settings: Read) -> None:
    assert settings(BOARD_STORE="") == Settings()


@pytest.mark.parametrize(
    ("flags", "environ", "says"),
    [
        (["--port", "99999"], {}, "--port is '99999', but N should be less than or equal to 65535."),
        (["--poll", "0"], {}, "--poll is '0', but SECONDS should be greater than or equal to 1."),
        (["--poll", "nan"], {}, "--poll is 'nan', but SECONDS should be a finite number."),
        (
            ["--trusted-proxies", "nginx"], {},
            "--trusted-proxies is 'nginx', but Value error, 'nginx' does not appear to be an IPv4 or IPv6 network.",
        ),
        ([], {"BOARD_LARGEST": "0"}, "BOARD_LARGEST is '0', but BILLIONS should be greater than 0."),
        (
            [], {"GRADIO_SERVER_PORT": "http"},
            "GRADIO_SERVER_PORT is 'http', but N should be a valid integer, unable to parse string as an integer.",
        ),
    ],
)  # fmt: skip
def test_a_value_out_of_its_range_is_refused_in_words(
    settings: Read, flags: list[str], environ: dict[str, str], says: str
) -> None:
    with pytest.raises(BadInputError) as refused:
        settings(*flags, **environ)
    assert str(refused.value) == says


def test_a_space_is_served_to_the_outside(settings: Read) -> None:
    assert settings(SPACE_ID="somebody/board").host == "0.0.0.0"
    assert settings("--host", "127.0.0.1", SPACE_ID="somebody/board").host == "127.0.0.1"


def test_paths_are_paths(settings: Read) -> None:
    assert settings("--cache", "/srv/cache").cache == Path("/srv/cache")


def test_help_shows_each_default(settings: Read) -> None:
    parser = argparse.ArgumentParser(formatter_class=lambda prog: argparse.HelpFormatter(prog, width=200))
    add_options(parser)
    assert "models one person may submit per week (default: 5)" in parser.format_help()
    assert "(default: ~/.cache/open-llm-leaderboard)" in parser.format_help()
