"""What every store promises, kept by the folder and by the Hub."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from src.core.errors import BadInputError, ConflictError, NotFoundError
from src.core.store import Store
from src.core.store.files import blob_id

ONE = {"requests/a/1.json": b"one"}


def paths(store: Store, prefix: str, rev: str | None = None) -> list[str]:
    return [entry.path for entry in store.list(prefix, rev) if not entry.path.endswith(".gitattributes")]


def test_what_was_appended_is_there_at_the_revision_that_append_returns(store: Store) -> None:
    rev = store.append(ONE | {"requests/b.json": b"two"}, "hello")
    assert paths(store, "requests", rev) == ["requests/a/1.json", "requests/b.json"]
    assert store.read("requests/a/1.json", rev) == b"one"
    assert store.head("requests") == rev


def test_a_listing_names_sizes_and_git_ids(store: Store) -> None:
    rev = store.append(ONE)
    (entry,) = store.list("requests/a", rev)
    assert entry == ("requests/a/1.json", blob_id(b"one"), 3)


def test_a_dataset_that_nobody_wrote_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.head("requests")
    with pytest.raises(NotFoundError):
        store.list("requests")
    with pytest.raises(NotFoundError):
        store.read("requests/x.json")


def test_a_folder_that_is_not_there_lists_nothing_and_a_file_is_not_found(store: Store) -> None:
    store.append(ONE)
    assert paths(store, "requests/nobody") == []
    with pytest.raises(NotFoundError, match="nobody"):
        store.read("requests/nobody.json")


def test_a_revision_keeps_showing_what_it_showed(store: Store) -> None:
    first = store.append(ONE)
    second = store.append({"requests/a/2.json": b"two"})
    third = store.replace({"requests/a/1.json": b"uno", "requests/a/2.json": None}, second)
    assert paths(store, "requests", first) == ["requests/a/1.json"]
    assert paths(store, "requests", second) == ["requests/a/1.json", "requests/a/2.json"]
    assert paths(store, "requests", third) == ["requests/a/1.json"]
    assert [store.read("requests/a/1.json", rev) for rev in (first, second, third)] == [b"one", b"one", b"uno"]
    with pytest.raises(NotFoundError):
        store.read("requests/a/2.json", third)


def test_a_revision_nobody_made_is_not_found(store: Store) -> None:
    store.append(ONE)
    with pytest.raises(NotFoundError):
        store.list("requests", "f" * 40)


def test_the_same_append_again_is_no_error_and_changes_nothing(store: Store) -> None:
    rev = store.append(ONE)
    assert store.append(ONE) == rev
    assert store.head("requests") == rev


def test_an_append_that_would_change_a_file_is_refused_whole(store: Store) -> None:
    rev = store.append(ONE)
    with pytest.raises(ConflictError, match=r"a/1\.json"):
        store.append({"requests/a/1.json": b"other", "requests/new.json": b"new"})
    assert store.head("requests") == rev
    assert store.read("requests/a/1.json") == b"one"


def test_a_replace_that_expects_another_head_is_refused(store: Store) -> None:
    old = store.append(ONE)
    new = store.append({"requests/a/2.json": b"two"})
    with pytest.raises(ConflictError):
        store.replace({"requests/a/1.json": b"uno"}, old)
    assert store.read("requests/a/1.json", store.head("requests")) == b"one"
    assert store.replace({"requests/a/1.json": b"uno"}, new) == store.head("requests")


def test_the_first_replace_expects_no_dataset_and_the_second_one_is_refused(store: Store) -> None:
    store.replace({"contents/table.json": b"1"}, None)
    with pytest.raises(ConflictError):
        store.replace({"contents/table.json": b"2"}, None)
    assert store.read("contents/table.json") == b"1"


def test_large_files_come_back_as_they_were(store: Store) -> None:
    data = bytes(range(256)) * 4096
    rev = store.append({"contents/data/train.parquet": data})
    (entry,) = store.list("contents/data", rev)
    assert (entry.size, store.read(entry.path, rev)) == (len(data), data)
    assert store.append({"contents/data/train.parquet": data}) == rev


def test_a_commit_spans_one_dataset(store: Store) -> None:
    with pytest.raises(BadInputError, match="one dataset"):
        store.append({"requests/1": b"", "votes/1": b""})
    with pytest.raises(BadInputError):
        store.append({})


@pytest.mark.parametrize(
    "path",
    ["requests/../../etc/passwd", "requests//x", "../x/y", "requests/a/./b", "requests/.git/hooks/x",
     ".board/log/x", "requests/a\x00b", "requests/a\\..\\b", "requests/" + "x" * 300, "re quests/x"],
)  # fmt: skip
def test_a_path_that_could_leave_its_place_is_refused(store: Store, path: str) -> None:
    with pytest.raises(BadInputError):
        store.append({path: b"x"})
    with pytest.raises(BadInputError):
        store.read(path)


def test_names_with_unusual_letters_are_files_like_others(store: Store) -> None:
    name = "results/org/Ünï %20 #1?/results_2025-02-08T10-00-00.json"
    rev = store.append({name: b"{}"})
    assert paths(store, "results/org", rev) == [name]
    assert store.read(name, rev) == b"{}"


def test_an_empty_file_is_a_file(store: Store) -> None:
    rev = store.append({"requests/empty": b""})
    assert store.read("requests/empty", rev) == b""


def test_order_is_that_of_the_commits_not_of_names(store: Store) -> None:
    wanted = [f"requests/f/{name}.json" for name in ("z", "a", "m", "b")]
    for path in wanted:
        rev = store.append({path: path.encode()})
    store.append({"requests/f/later.json": b""})
    assert list(store.order(sorted(wanted), rev)) == wanted
    with pytest.raises(NotFoundError):
        store.order(["requests/f/nothing.json"], rev)


def test_files_of_one_commit_stay_in_the_order_in_which_they_are_asked_for(store: Store) -> None:
    store.append({"requests/f/c": b"0"})
    rev = store.append({"requests/f/b": b"1", "requests/f/a": b"2"})
    for pair in (["requests/f/a", "requests/f/b"], ["requests/f/b", "requests/f/a"]):
        assert list(store.order([*pair, "requests/f/c"], rev)) == ["requests/f/c", *pair]


def test_eight_appends_at_once_all_land(store: Store) -> None:
    store.append(ONE)
    errors: list[Exception] = []
    together = threading.Barrier(8)

    def work(number: int) -> None:
        together.wait(60)
        try:
            for turn in range(4):
                rev = store.append({f"requests/race/{number}-{turn}": b"%d" % number})
                assert f"requests/race/{number}-{turn}" in paths(store, "requests/race", rev)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    assert len(paths(store, "requests/race")) == 32


def test_the_store_has_a_clock_of_its_own(store: Store) -> None:
    store.append(ONE)
    assert abs(store.now() - datetime.now(UTC)) < timedelta(seconds=2)
    assert store.now() <= store.now()


def test_a_store_has_the_name_a_person_gives_it(store: Store) -> None:
    assert isinstance(store, Store)
    assert store.name.startswith("hub:owner") or store.name.endswith("board")
