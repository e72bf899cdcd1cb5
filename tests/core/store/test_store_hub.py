"""What the Hub does to its callers, and what the store makes of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from huggingface_hub.utils import httpx

from src.core.errors import (
    BusyError,
    ConflictError,
    CorruptError,
    DeniedError,
    NotFoundError,
    StoreError,
    ThrottledError,
    UnknownOutcomeError,
)
from src.core.store.client import ServerClock, as_store_error, retry_after
from src.core.store.hub import HubStore
from tests.core.conftest import hub_store
from tools.hub import Faults, Hub, in_process

ONE = {"requests/a/1.json": b"one"}


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def store(hub: Hub, tmp_path: Path, waits: list[float]) -> Iterator[HubStore]:
    with hub_store(hub, tmp_path, sleep=waits.append) as made:
        made.append({"requests/first": b""})
        hub.calls.clear()
        yield made


def names(hub: Hub) -> list[str]:
    """Every file that some commit of the queue wrote, in order, with repetitions."""
    chain = hub.repo("datasets", "owner/requests").chain
    return [path for commit in chain for path in commit.changed if path.startswith("a/")]


@pytest.mark.parametrize("fault", ["busy", "moved", "throttle", "before", "hang-before"])
def test_a_commit_that_did_not_land_is_repeated(hub: Hub, store: HubStore, fault: str) -> None:
    hub.faults.then(fault, fault)
    rev = store.append(ONE)
    assert store.read("requests/a/1.json", rev) == b"one"
    assert names(hub) == ["a/1.json"]


@pytest.mark.parametrize("fault", ["after", "hang"])
def test_a_commit_that_landed_without_an_answer_is_not_repeated(hub: Hub, store: HubStore, fault: str) -> None:
    hub.faults.then(fault)
    rev = store.append(ONE)
    assert store.read("requests/a/1.json", rev) == b"one"
    assert names(hub) == ["a/1.json"]
    assert hub.calls["commit"] == 1


@pytest.mark.parametrize("fault", ["after", "hang", "before"])
def test_a_replace_of_unknown_outcome_is_looked_at_before_it_is_repeated(hub: Hub, store: HubStore, fault: str) -> None:
    start = store.head("requests")
    hub.faults.then(fault)
    rev = store.replace({"requests/a/1.json": b"one", "requests/first": None}, start)
    assert rev == hub.repo("datasets", "owner/requests").chain[-1].oid
    assert names(hub) == ["a/1.json"]


def test_a_replace_of_unknown_outcome_that_another_writer_overtook_is_a_conflict(hub: Hub, store: HubStore) -> None:
    start = store.head("requests")
    hub.faults.then("before")
    hub.seed("datasets", "owner/requests", {"a/other": b""})
    with pytest.raises(ConflictError):
        store.replace({"requests/a/1.json": b"one"}, start)
    assert names(hub) == ["a/other"]


@pytest.mark.slow
def test_a_thousand_commits_with_a_fifth_of_unknown_outcome_lose_and_double_nothing(tmp_path: Path) -> None:
    hub = Hub(
        faults=Faults(
            {"after": 0.1, "before": 0.05, "hang": 0.05, "busy": 0.05, "throttle": 0.05, "stale": 0.2}, seed=7
        )
    )
    with hub_store(hub, tmp_path, max_wait=10_000.0) as store:
        for number in range(1000):
            store.append({f"requests/a/{number}": b"%d" % number})
        wanted = [f"a/{number}" for number in range(1000)]
        unknown = sum(hub.faults.happened[kind] for kind in ("after", "before", "hang"))
        assert unknown > 180
        assert names(hub) == wanted
        head = hub.repo("datasets", "owner/requests").chain[-1]
        assert len(store.list("requests/a", head.oid)) == 1000


def test_the_wait_that_a_429_names_is_kept(hub: Hub, store: HubStore, waits: list[float]) -> None:
    hub.faults.retry_after = 37
    hub.faults.then("throttle")
    store.append(ONE)
    assert [37 <= wait <= 37 + 30 for wait in waits] == [True]


def test_a_429_longer_than_patience_is_handed_on_with_its_wait(hub: Hub, store: HubStore) -> None:
    hub.faults.retry_after = 3000
    hub.faults.then("throttle")
    with pytest.raises(ThrottledError, match="3000 s") as caught:
        store.append(ONE)
    assert caught.value.retry_after == 3000


def test_patience_ends(hub: Hub, tmp_path: Path) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with hub_store(hub, tmp_path, sleep=sleep, monotonic=lambda: now[0], max_wait=60.0) as store:
        store.append(ONE)
        hub.faults.then(*["busy"] * 100)
        with pytest.raises(BusyError):
            store.append({"requests/a/2": b""})
        assert 20 < now[0] <= 60


def test_a_stale_head_takes_back_nothing_that_was_written(hub: Hub, store: HubStore) -> None:
    hub.faults.rates["stale"] = 0.5
    for number in range(30):
        rev = store.append({f"requests/a/{number}": b""})
        assert f"requests/a/{number}" in {entry.path for entry in store.list("requests/a", rev)}
    assert hub.faults.happened["stale"] > 20


def test_half_a_body_is_read_again(hub: Hub, store: HubStore) -> None:
    rev = store.append({"requests/a/long": b"0123456789" * 50})
    hub.faults.then("truncate", "truncate", endpoint="resolve")
    assert len(store.read("requests/a/long", rev)) == 500
    hub.faults.then(*["truncate"] * 20, endpoint="resolve")
    rev = store.append({"requests/a/other": b"abcdefghij" * 50})
    with pytest.raises(CorruptError, match="250 bytes"):
        store.read("requests/a/other", rev)


def test_a_read_survives_an_unsteady_hub(hub: Hub, store: HubStore) -> None:
    rev = store.append(ONE)
    hub.faults.then("before", "throttle", "hang-before", endpoint="resolve").then("before", "hang", endpoint="info")
    assert store.head("requests") == rev
    assert store.read("requests/a/1.json", rev) == b"one"


def test_a_file_is_fetched_once_whatever_revision_it_is_read_at(hub: Hub, store: HubStore, tmp_path: Path) -> None:
    first = store.append(ONE)
    assert store.read("requests/a/1.json", first) == b"one"
    second = store.append({"requests/a/2.json": b"two"})
    store.list("requests", second)
    hub.calls.clear()
    assert store.read("requests/a/1.json", second) == b"one"
    assert not hub.calls
    with in_process(hub) as endpoint:
        other = HubStore("owner", token="hf_owner", endpoint=endpoint, cache_dir=tmp_path / "blobs")
        assert other.read("requests/a/1.json", second) == b"one"
    assert hub.calls["resolve"] == 0


def test_a_damaged_cache_is_not_believed(store: HubStore, tmp_path: Path) -> None:
    rev = store.append(ONE)
    store.read("requests/a/1.json", rev)
    (cached,) = [file for file in (tmp_path / "blobs").rglob("*") if file.is_file()]
    cached.write_bytes(b"evil")
    assert store.read("requests/a/1.json", rev) == b"one"


def test_an_unchanged_dataset_costs_one_call_and_a_changed_folder_a_few(hub: Hub, tmp_path: Path) -> None:
    files = {f"queue/{number % 16:02x}/{number:05d}/request.json": b"%d" % number for number in range(4000)}
    hub.seed("datasets", "owner/requests", files)
    with hub_store(hub, tmp_path) as store:
        assert len(store.list("requests/queue")) == 4000
        hub.calls.clear()
        store.head("requests")
        assert hub.calls == {"info": 1}
        rev = store.append({"requests/queue/03/00003/claim.json": b""})
        hub.calls.clear()
        assert len(store.list("requests/queue", rev)) == 4001
        assert hub.calls == {"tree": 2}  # the folder of folders, and the one that changed


def test_a_token_that_may_only_read_is_told_so(tmp_path: Path) -> None:
    hub = Hub(readers=("hf_owner",))
    hub.seed("datasets", "owner/requests", {"x": b""})
    with hub_store(hub, tmp_path) as store, pytest.raises(DeniedError, match="HF_TOKEN"):
        store.append(ONE)


def test_a_private_dataset_is_not_found_without_a_token(tmp_path: Path) -> None:
    hub = Hub()
    with in_process(hub) as endpoint:
        HubStore("owner", token="hf_owner", endpoint=endpoint, cache_dir=tmp_path, private=True).append(ONE)
        assert hub.repo("datasets", "owner/requests").private
        with pytest.raises(NotFoundError):
            HubStore("owner", token=False, endpoint=endpoint, cache_dir=tmp_path).head("requests")


def test_the_order_is_exact_where_dates_are_equal(tmp_path: Path) -> None:
    hub = Hub(clock=lambda: 1_700_000_000.0)  # every commit in the same second
    with hub_store(hub, tmp_path) as store:
        wanted = [f"requests/f/{name}" for name in random.Random(3).sample("abcdefghijkl", 12)]
        for path in wanted:
            store.append({path: b"", f"requests/other/{path[-1]}": b""})
        assert list(store.order(sorted(wanted))) == wanted


def test_the_order_is_that_of_the_commits_where_dates_run_backwards_a_little(tmp_path: Path) -> None:
    dates = iter(range(1_700_000_100, 1_700_000_000, -1))
    hub = Hub(clock=lambda: float(next(dates)))
    with in_process(hub):
        pass
    wanted = [f"requests/f/{name}" for name in "cab"]
    repo = hub.create("datasets", "owner/requests")
    for path in wanted:
        hub.commit(repo, {path.removeprefix("requests/"): b""}, "one")
    hub.clock = lambda: 1_700_000_000.0
    with hub_store(hub, tmp_path) as store:
        assert list(store.order(sorted(wanted))) == wanted


def test_the_clock_is_the_servers_to_half_a_second() -> None:
    ours = [1000.0]
    clock = ServerClock(lambda: ours[0])
    ahead = 5_000_000.3
    for step in range(40):
        sent = ours[0]
        ours[0] += 0.05 + 0.013 * (step % 7)
        server = sent + 0.02 + ahead
        clock.hear(datetime.fromtimestamp(int(server), UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"), sent)
        ours[0] += 0.31
    assert abs(clock.now().timestamp() - (ours[0] + ahead)) < 0.3


def test_the_stores_time_is_the_hubs_and_not_this_machines(tmp_path: Path) -> None:
    hub = Hub(clock=lambda: 1_500_000_000.0)
    with hub_store(hub, tmp_path) as store:
        assert abs(store.now().timestamp() - 1_500_000_000) < 2


def test_errors_of_the_hub_name_no_secret(hub: Hub, store: HubStore) -> None:
    hub.readers = ("hf_owner",)
    with pytest.raises(StoreError) as caught:
        store.append({"requests/hf_AbCdEfGhIjKlMnOp": b""})
    assert "AbCdEfGhIjKl" not in str(caught.value)
    request = httpx.Request("GET", "https://cdn.test/x?X-Amz-Signature=deadbeef")
    output = as_store_error(httpx.ConnectError(f"no route to {request.url}", request=request), "x", writing=False)
    assert isinstance(output, UnknownOutcomeError)
    assert "deadbeef" not in str(output)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120.0),
        ({"ratelimit": '"api";r=0;t=55'}, 55.0),
        ({}, 60.0),
        ({"retry-after": "soon"}, 60.0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_every_spelling_of_a_wait_is_understood(headers: dict[str, str], seconds: float) -> None:
    assert retry_after(httpx.Headers(headers)) == seconds


def test_every_call_of_the_client_has_a_time_out(hub: Hub) -> None:
    from huggingface_hub.utils import get_session

    with in_process(hub):
        assert None not in get_session().timeout.as_dict().values()


def test_a_disk_that_takes_nothing_more_keeps_nobody_from_reading(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file where the folder would be")
    with hub_store(Hub(), tmp_path) as store:
        store.append({"results/a": b"what was written"})
        assert store.read("results/a") == store.read("results/a") == b"what was written"


def test_o06_write_access_is_checked_without_writing(hub: Hub, store: HubStore, tmp_path: Path) -> None:
    store.check_write("requests")
    store.check_write("results")  # not there yet: the token may create it
    with hub_store(hub, tmp_path, token=False) as nobody, pytest.raises(DeniedError, match="HF_TOKEN"):
        nobody.check_write("requests")
    with hub_store(hub, tmp_path, token=False) as nobody, pytest.raises(DeniedError, match="HF_TOKEN"):
        nobody.check_write("results")
    hub.readers = ("hf_reader",)
    with hub_store(hub, tmp_path, token="hf_reader") as reader, pytest.raises(DeniedError, match="rights"):
        reader.check_write("requests")
