"""Flags first, then variables, then defaults; what makes no sense is refused in words."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from src.core.errors import BadInput
from src.settings import OPTIONS, Settings, add_options, read


def settings(*flags: str, **environ: str) -> Settings:
    parser = argparse.ArgumentParser()
    add_options(parser)
    return read(parser.parse_args(flags), environ)


def test_nothing_needs_to_be_set() -> None:
    assert settings() == Settings()


def test_a_flag_wins_over_our_variable_and_that_over_the_hosts() -> None:
    assert settings("--port", "9001", BOARD_PORT="9002", GRADIO_SERVER_PORT="9003").port == 9001
    assert settings(BOARD_PORT="9002", GRADIO_SERVER_PORT="9003").port == 9002
    assert settings(GRADIO_SERVER_PORT="9003").port == 9003


def test_every_option_has_a_flag_and_a_variable() -> None:
    for option in OPTIONS:
        text = "42" if option.metavar in ("N", "SECONDS", "BILLIONS") else "somewhere"
        by_flag = settings("--" + option.name.replace("_", "-"), text)
        by_variable = settings(**{f"BOARD_{option.name.upper()}": text})
        assert getattr(by_flag, option.name) == getattr(by_variable, option.name) == option.parse(text)


def test_an_empty_variable_is_no_setting() -> None:
    assert settings(BOARD_STORE="") == Settings()


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("--port", "99999"), "--port is '99999', but it takes N: a port is a number from 1 to 65535."),
        (("--poll", "0"), "--poll is '0', but it takes SECONDS: give at least 1 second."),
        (("--poll", "nan"), "--poll is 'nan', but it takes SECONDS: give at least 1 second."),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_in_words(flags: tuple[str, ...], says: str) -> None:
    with pytest.raises(BadInput) as refused:
        settings(*flags)
    assert str(refused.value) == says


def test_a_space_is_served_to_the_outside() -> None:
    assert settings(SPACE_ID="somebody/board").host == "0.0.0.0"
    assert settings("--host", "127.0.0.1", SPACE_ID="somebody/board").host == "127.0.0.1"


def test_paths_are_paths() -> None:
    assert settings("--cache", "/srv/cache").cache == Path("/srv/cache")
