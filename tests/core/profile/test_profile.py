"""What `board.toml` may say, and how the dataset `board` is followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from src.core import suites
from src.core.errors import BadInputError
from src.core.profile.config import BoardConfig, parse
from src.core.profile.reading import ProfileReader, read_logo
from src.core.store import LocalStore
from src.settings import Settings, effective
from tests.boards.own import LOGO, suite


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('acent = "#112233"', "There is no key `acent`. Did you mean `accent`?"),
        ('name = "x"\n[submissions]\nper_usr = 3', "There is no key `submissions.per_usr`. Did you mean `per_user`?"),
        ('[[links]]\ntitel = "x"\nurl = "https://a.example"', "Did you mean `title`?"),
        ('accent = "red"', "`accent`: write a colour as #1a6fd0."),
        ('url = "javascript:alert(1)"', "no address"),
        ('logo = "../secret.svg"', "name a file beside board.toml"),
        ("[submissions]\nper_user = 0", "greater than or equal to 1"),
        ('operators = ["a b"]', "no user name"),
        ('name = "a"\nname = "b"', "It is no TOML"),
        ("", "It is empty"),
    ],
)
def test_a_board_toml_with_an_error_is_refused_with_a_sentence(text: str, words: str) -> None:
    with pytest.raises(BadInputError) as refused:
        parse(text.encode())
    assert words in str(refused.value)


def test_a_flag_counts_before_the_file_and_the_file_before_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    config = parse(b'name = "File"\n[submissions]\nper_user = 9\nlargest = 3.0')
    monkeypatch.setenv("BOARD_PER_USER", "7")
    reported = effective(Settings(name="Flag"), config)
    assert (reported.name, reported.per_user, reported.largest) == ("Flag", 7, 3.0)
    assert effective(Settings(), config).name == "File"
    assert effective(Settings(), BoardConfig()).name == Settings().name


def test_operators_of_a_flag_cannot_be_removed_by_the_file() -> None:
    settings = Settings(operators=frozenset({"root"}))
    assert effective(settings, parse(b'operators = ["alice"]')).operators == {"root", "alice"}
    assert effective(settings, BoardConfig()).operators == {"root"}


def test_what_is_edited_by_hand_in_a_folder_is_followed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    reader = ProfileReader(store)
    assert reader.read().config.name is None
    (tmp_path / "board").mkdir()
    (tmp_path / "board/board.toml").write_text('name = "One"')
    assert reader.read().config.name == "One"
    assert reader.read() is reader.read()  # nothing changed: nothing is made again
    (tmp_path / "board/board.toml").write_text('name = "Two"')
    assert reader.read().config.name == "Two"
    (tmp_path / "board/board.toml").unlink()
    assert reader.read().config.name is None


def test_a_file_with_an_error_leaves_the_last_good_one_in_place_and_says_so(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    files = {
        "board/board.toml": b'name = "One"\nsuite = "latvian"',
        "board/suites/latvian.toml": suite("latvian", "Latvian").encode(),
    }
    head = store.replace(dict(files), None)
    reader = ProfileReader(store)
    assert reader.read().suite_names == ("latvian",)
    head = store.replace({"board/board.toml": b'name = "Two"\nacent = 1', "board/suites/latvian.toml": b"name ="}, head)
    profile = reader.read()
    assert profile.config.name == "One"
    assert suites.load("latvian").title == "Latvian"
    assert set(profile.problems) == {"board.toml", "suites/latvian.toml"}
    for path, sentence in profile.problems.items():
        assert sentence.startswith(f"board/{path}")
        assert sentence.endswith("The last good one counts.")
    store.replace(
        {"board/board.toml": b'name = "Two"', "board/suites/latvian.toml": files["board/suites/latvian.toml"]}, head
    )
    assert reader.read().config.name == "Two"
    assert not reader.read().problems


def test_a_logo_is_known_by_its_bytes_and_has_a_size_limit() -> None:
    assert read_logo(LOGO.encode()).kind == "image/svg+xml"
    assert read_logo(b"\x89PNG\r\n\x1a\n....").kind == "image/png"
    for data in (b"<html><svg", b"<!doctype html><svg></svg>", b"GIF89a", b"\x89PNG\r\n\x1a\n" + bytes(300_000)):
        if data.startswith(b"<html"):
            continue
        with pytest.raises(BadInputError):
            read_logo(data)
