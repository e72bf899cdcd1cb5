"""Names from strangers: which are names, and what is made of them."""

from __future__ import annotations

import string
from datetime import UTC, datetime

import pytest

from src.core.errors import BadInputError
from src.core.names import (
    check_model_name,
    details_dataset,
    folder_of,
    is_model_name,
    model_of_folder,
    model_of_path,
    result_path,
    time_of_path,
)
from src.core.store.files import split_path


@pytest.mark.parametrize("name", ["gpt2", "01-ai/Yi-1.5-34B", "a/b", "org/model_v0.1", "Org-1/x.y-z_0"])
def test_names_the_hub_takes(name):
    assert check_model_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "/",
            "a/",
            "/b",
            "a/b/c",
            "../x",
            "a/..",
            "a/.git",
            "a/b.git",
            "a b/c",
            "a/<b>",
            "a/b\n",
            "a/b\0",
            "a\\b",
        ),
        *(
            "a/b?x",
            "a/b#x",
            "-a/b",
            "a--b/c",
            "a/b..c",
            "a/%2e%2e",
            "ａ/b",
            "a/b\u202e",
            "a/" + "b" * 97,
            "~/x",
            "C:/x",
        ),
        *(None, 3, b"a/b"),
    ],
    ids=repr,
)
def test_what_is_no_name_never_becomes_a_path(name):
    assert not is_model_name(name)
    for made in (details_dataset, lambda it: result_path(it, datetime(2024, 1, 1, tzinfo=UTC))):
        try:
            path = made(name)
        except BadInputError:
            continue
        assert split_path(path)  # of a name that only a row can have: an encoded folder, never a way out
        assert set(path) <= set(string.ascii_letters + string.digits + "-_.%/") or "ａ" in name


@pytest.mark.parametrize(
    "name",
    [
        *(
            "deepseek/deepseek-r1:free",
            "org/x-GGUF:Q8_0",
            "org/x-GGUF/x-Q4_K_M.gguf",
            "/home/me/models/x",
            "組織/模型-7b",
        ),
        *("../../etc/passwd", "..", ".", "a//b", "a/%2F", "gpt 4", "a--b/c", ".hidden/x.", "cafe\u0301/x", "C:\\x"),
    ],
)
def test_a_name_that_is_no_repository_has_a_folder_that_gives_it_back(name):
    folder = folder_of(name)
    assert model_of_folder(folder) == name
    path = result_path(name, datetime(2024, 1, 1, tzinfo=UTC))
    assert split_path(path) == ("results", path.removeprefix("results/"))
    assert model_of_path(path) == name
    assert split_path(details_dataset(name))[1] == ""


def test_folders_of_different_names_differ():
    names = ["a/b", "a:b", "a%3Ab", "/a/b", "a/b/c", "a__b", "a/b%2Fc"]
    assert len({folder_of(name) for name in names}) == len(names)


def test_result_paths_are_those_of_the_board_and_read_back():
    when = datetime(2024, 6, 19, 3, 56, 15, 142347, tzinfo=UTC)
    path = result_path("01-ai/Yi-1.5-34B", when)
    assert path == "results/01-ai/Yi-1.5-34B/results_2024-06-19T03-56-15.142347.json"
    assert (model_of_path(path), time_of_path(path)) == ("01-ai/Yi-1.5-34B", when)


@pytest.mark.parametrize(
    ("path", "model"),
    [
        ("any/where/org__name/results_x.json", "org/name"),
        ("owner/org__name-details/results_x.json", "org/name"),
        ("/home/me/results/org/name/results_x.json", "org/name"),
        ("results/org/name/deeper/results_x.json", None),
        ("home/me/results_x.json", None),
        ("results_x.json", None),
    ],
)
def test_a_path_names_a_model_only_where_boards_put_it(path, model):
    assert model_of_path(path) == model


@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("results_2023-09-09T10:52:17.123456.json", datetime(2023, 9, 9, 10, 52, 17, 123456, tzinfo=UTC)),
        ("results_2023-09-09T10-52-17.json", datetime(2023, 9, 9, 10, 52, 17, tzinfo=UTC)),
        ("results_2023-13-09T10-52-17.json", None),
        ("results.json", None),
    ],
)
def test_times_in_file_names(name, when):
    assert time_of_path(name) == when


def test_details_datasets_keep_their_old_names_and_never_collide():
    assert details_dataset("01-ai/Yi-1.5-34B") == "01-ai__Yi-1.5-34B-details"
    assert details_dataset("a__b/c") != details_dataset("a/b__c")
    long = details_dataset("org/" + "x" * 96)
    assert len(long) <= 96
    assert long != details_dataset("org/" + "x" * 95)
    assert long.endswith("-details")


def test_details_datasets_are_those_of_the_real_board(shared):
    import pandas as pd

    table = pd.read_parquet(shared("data/contents/v2_final_merged_4576.parquet"))
    short = table[table["details_repo"].str.len() <= 96]
    assert len(table) - len(short) < 20  # names the Hub itself would no longer take
    assert (short["fullname"].map(details_dataset) == short["details_repo"]).all()
