"""The API: what it answers, what it refuses, and its manners."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import brotli
import pandas as pd
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from src.board.api.app import build_api
from src.board.api.context import Context
from src.board.live.history import History
from src.board.live.snapshot import Board
from src.core.lifecycle import Status
from src.core.queue.failures import FAILURES
from src.core.queue.state import FailureReport, QueueEntry, QueueState
from src.core.records import Request
from tests.boards.small_board import AS_OF, ROWS, board, row, snapshot

NOW = datetime(2025, 2, 9, tzinfo=UTC)


@pytest.fixture
def shown(tmp_path: Path) -> Board:
    return board(tmp_path / "store")


@pytest.fixture
def client(shown: Board) -> Iterator[TestClient]:
    with serve(shown) as made:
        yield made


def serve(shown: Board, **options) -> TestClient:
    queue = options.pop("queue", lambda: QueueState(NOW, {}))
    context = Context.of(shown, options.pop("history", None), queue)
    app = Starlette(routes=[Mount("/api", app=build_api(context, **options))])
    return TestClient(app, raise_server_exceptions=False)


def models(answer) -> list[str]:
    return [each["model"] for each in answer.json()["rows"]]


# --- rows -------------------------------------------------------------------------------------------------------------


def test_models_are_found_by_the_pages_own_query(client):
    assert models(client.get("/api/v1/models")) == ["org/first", "org/second", "other/small", "other/partial"]
    assert models(client.get("/api/v1/models?q=@license:mit")) == ["org/second"]
    assert models(client.get("/api/v1/models?sort=params_b&params=,50")) == ["other/small", "org/second"]
    assert models(client.get("/api/v1/models?official=1")) == ["other/small"]
    assert models(client.get("/api/v1/models?search=org&filters=is_merged")) == ["org/first", "org/second"]


def test_a_row_says_everything_and_unknown_is_null(client):
    partial = client.get("/api/v1/models/other/partial").json()["rows"][0]
    assert (partial["rank"], partial["average"], partial["license"], partial["params_b"]) == (None, None, None, None)
    assert partial["benchmarks"]["musr"]["score"] is None
    assert partial["benchmarks"]["gpqa"]["score"] == 20.0
    assert partial["benchmarks"]["gpqa"]["low"] < 20 < partial["benchmarks"]["gpqa"]["high"]


def test_pages_link_to_the_next_and_together_hold_each_row_once(client):
    found, url = [], "/api/v1/models?limit=3"
    while url:
        answer = client.get(url)
        found += models(answer)
        url = answer.headers.get("link", "").partition(">")[0].lstrip("<")
    assert found == ["org/first", "org/second", "other/small", "other/partial"]


def test_a_parameter_given_twice_counts_once_on_every_page(client):
    answer = client.get("/api/v1/models?q=second&q=first&limit=1")
    assert models(answer) == ["org/second"]
    assert "q=second&" in answer.headers["link"]


def test_ranks_may_be_among_all_or_among_those_found(client):
    assert [each["rank"] for each in client.get("/api/v1/models?q=other").json()["rows"]] == [3, None]
    assert [each["rank"] for each in client.get("/api/v1/models?q=other&rank=shown").json()["rows"]] == [1, None]


def test_an_average_may_be_of_some_benchmarks(client):
    answer = client.get("/api/v1/models?q=partial&average=shown&columns=gpqa,bbh").json()
    assert answer["rows"][0]["average"] == 20.0


@pytest.mark.parametrize(
    ("asked", "averages"),
    [
        ("weights=math:0,bbh:0,gpqa:0,musr:0,mmlu_pro:0", [90.0, 50.0, 30.0]),
        ("aggregate=median&weights=ifeval:5,bbh:0", [90.0, 50.0, 30.0]),
        ("average=shown&columns=average,ifeval,bbh", [65.0, 50.0, 30.0]),
    ],
)
def test_the_average_that_ranks_is_the_one_that_is_told_and_its_certainty_is_unknown(tmp_path, asked, averages):
    rows = (row("org/even", 50.0), row("org/odd", 40.0, **{"IFEval": 90.0, "Average ⬆️": 48.3333}), row("org/low", 30.0))
    with serve(board(tmp_path, *rows)) as client:
        answer = client.get(f"/api/v1/models?limit=1&{asked}").json()
        first = answer["rows"]
        rest = client.get(f"/api/v1/models?offset=1&{asked}").json()["rows"]
        file = pd.read_csv(io.BytesIO(client.get(f"/api/v1/models.csv?{asked}").content))
        plain = client.get("/api/v1/models").json()["rows"]
    reported = [(each["rank"], each["model"], each["average"]) for each in first + rest]
    assert reported == list(zip([1, 2, 3], ["org/odd", "org/even", "org/low"], averages, strict=True))
    assert "average" not in file
    assert file[answer["ranked_by"]].tolist() == averages
    of_the_average = {"average_se", "average_low", "average_high", "average_approximate"}
    of_the_published = of_the_average | {"rank_low", "rank_high", "tied", "tier"}
    assert set(plain[0]) - set(first[0]) == of_the_published
    assert not {name for name in file if name.startswith(("average.", "rank."))}


def test_parameters_that_filter_nothing_are_named(client):
    assert client.get("/api/v1/models?types=nonsense&q=org&sort=-average").json()["unread"] == ["types"]


def test_one_model_is_found_in_any_case_and_an_unknown_one_is_said_so(client):
    assert client.get("/api/v1/models/ORG/First").json()["model"] == "org/first"
    answer = client.get("/api/v1/models/org/none")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("Open LLM Leaderboard v2 has no results of 'org/none'.")


def test_models_are_compared_with_the_first(client):
    answer = client.get("/api/v1/compare?models=org/first,org/second").json()
    assert answer["ids"] == ["org/first~bfloat16", "org/second~float16"]
    assert answer["average"]["scores"] == [50.0, 40.0]
    assert answer["average"]["contrasts"][1]["value"] == pytest.approx(-10)
    assert answer["average"]["contrasts"][1]["clear"] is True
    assert [each["title"] for each in answer["unlike"]] == ["Precision"]


@pytest.mark.parametrize("names", ["", "org/first", "org/first,org/first", ",".join(f"a/{n}" for n in range(7))])
def test_too_few_or_too_many_models_are_not_compared(client, names):
    assert client.get(f"/api/v1/compare?models={names}").status_code == 400


def test_a_card_of_the_api_is_the_card_of_the_command(client):
    card = client.get("/api/v1/models/org/first/card").json()
    assert "|Avg.               |50.00|" in card["section"]
    assert card["metadata"].startswith("model-index:\n- name: first\n")
    assert len(card["eval_results"]) == 6


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "tex", "md", "bib", "eee.zip"])
def test_every_format_is_a_download_named_by_suite_and_day(client, form):
    answer = client.get(f"/api/v1/models.{form}?q=org")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == f'attachment; filename="open-llm-v2-2025-02-08.{form}"'
    assert answer.content


def test_a_models_records_are_a_download_named_by_the_model(client):
    answer = client.get("/api/v1/models/org/first/records.eee.zip")
    assert answer.headers["content-disposition"] == 'attachment; filename="open-llm-v2-org__first.eee.zip"'
    assert len(zipfile.ZipFile(io.BytesIO(answer.content)).namelist()) == 1  # nobody published its answers
    assert client.get("/api/v1/models/org/nobody/records.eee.zip").status_code == 404


# --- past -------------------------------------------------------------------------------------------------------------


def test_the_board_of_a_day_stays_at_its_address(tmp_path):
    shown = board(tmp_path, row("org/first", 55.0), row("org/new", 60.0))
    history = History(shown.store)
    assert history.keep(snapshot(row("org/first", 50.0), row("org/gone", 20.0)), date(2025, 2, 1))
    with serve(shown, history=history) as client:
        past = client.get("/api/v1/models?at=2025-02-08")
        assert models(past) == ["org/first", "org/gone"]
        assert "max-age=86400" in past.headers["cache-control"]
        assert models(client.get("/api/v1/models")) == ["org/new", "org/first"]
        assert client.get("/api/v1/suites").json()[0]["snapshots"] == ["2025-02-01"]
        assert client.get("/api/v1/models?at=2025-01-31").json()["detail"] == (
            "No snapshot of open-llm-v2 is kept for 2025-01-31 or before; the first is of 2025-02-01."
        )


def test_changes_tell_what_came_what_went_and_what_was_graded_anew(tmp_path):
    shown = board(tmp_path, row("org/first", 50.0, **{"MATH Lvl 5": 62.0, "Average ⬆️": 52.0}), row("org/new", 60.0))
    history = History(shown.store)
    history.keep(snapshot(row("org/first", 50.0), row("org/gone", 20.0)), date(2025, 2, 1))
    with serve(shown, history=history) as client:
        found = client.get("/api/v1/changes?since=2025-02-01").json()
    assert [each["model"] for each in found["rows_added"]] == ["org/new"]
    assert [each["model"] for each in found["rows_removed"]] == ["org/gone"]
    assert found["rows_rescored"] == [
        {
            "id": "org/first~bfloat16",
            "model": "org/first",
            "precision": "bfloat16",
            "scores": {"average": [50.0, 52.0], "math": [50.0, 62.0]},
        }
    ]


# --- queue and results ------------------------------------------------------------------------------------------------


def test_the_queue_says_who_waits_and_why_somebody_failed(shown):
    def standing(name: str, status: Status, **options) -> QueueEntry:
        return QueueEntry(name, Request(model=name, status=status, private=name == "org/secret"), status, **options)

    crashed = FAILURES["crashed"]
    state = QueueState(
        NOW,
        {
            each.key: each
            for each in (
                standing("org/waits", Status.PENDING, place=1, wait=timedelta(minutes=5)),
                standing("org/fails", Status.FAILED, failure=FailureReport("crashed", crashed.title, crashed.advice)),
                standing("org/secret", Status.PENDING, place=2),
            )
        },
    )
    with serve(shown, queue=lambda: state) as client:
        answer = client.get("/api/v1/queue").json()
        only = client.get("/api/v1/queue?status=FAILED").json()
    assert [(each["model"], each["place"], each["wait_s"]) for each in answer["requests"]] == [
        ("org/waits", 1, 300.0),
        ("org/fails", None, None),
    ]
    assert answer["counts"]["PENDING"] == 2
    assert [each["failure"] for each in only["requests"]] == ["The evaluation crashed."]


def test_result_files_are_listed_and_read_by_their_listed_name_only(tmp_path):
    shown = board(tmp_path)
    shown.store.append({"results/org/first/results_2025-02-01T00-00-00.json": b'{"results": {}}'})
    shown.store.append({"votes/votes_data.jsonl": b"secret"})
    with serve(shown) as client:
        (file,) = client.get("/api/v1/results?model=org/first").json()["files"]
        assert file["url"] == "/api/v1/results/org/first/results_2025-02-01T00-00-00.json"
        assert client.get(file["url"]).json() == {"results": {}}


PATHS = [
    "../votes/votes_data.jsonl", "..%2Fvotes%2Fvotes_data.jsonl", "%2e%2e/%2e%2e/etc/passwd", "/etc/passwd",
    "org/first/../../votes/votes_data.jsonl", "org/first/..%5c..%5cvotes", "org/first/results_x.json%00.txt",
    "....//....//etc/passwd", "org/first/%c0%ae%c0%ae/passwd", "file:///etc/passwd", "C:\\windows\\win.ini",
    "org//first/results_2025-02-01T00-00-00.json", "org/first/.git/config", "org/first/", "", "org", "~root/.bashrc",
    "org/first/results_2025-02-01T00-00-00.json/", "org/first/RESULTS_2025-02-01T00-00-00.json",
    "http://169.254.169.254/latest/meta-data", "//evil.example/x", "org/first/http://localhost:6379/",
]  # fmt: skip


@pytest.fixture(scope="module")
def secretive(tmp_path_factory) -> Iterator[TestClient]:
    """A board whose store holds something that no address gives."""
    shown = board(tmp_path_factory.mktemp("store"))
    shown.store.append({"results/org/first/results_2025-02-01T00-00-00.json": b'{"results": {}}'})
    shown.store.append({"votes/votes_data.jsonl": b'{"secret": 1}'})
    with serve(shown) as made:
        yield made


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_out_of_a_models_result_files(secretive, path):
    answer = secretive.get(f"/api/v1/results/{path}")
    assert answer.status_code in (400, 404, 422)
    assert "secret" not in answer.text
    assert "root:" not in answer.text


SSRF = [
    "http://169.254.169.254/latest/meta-data/", "http://localhost:6379/", "http://[::1]/", "http://0x7f000001/",
    "file:///etc/passwd", "gopher://localhost/", "//evil.example/", "org/first@evil.example", "http://2130706433/",
    "..", "org/first?x=http://localhost", "org/first#http://localhost", "http://localhost.evil.example/",
]  # fmt: skip


@pytest.mark.parametrize("address", SSRF)
def test_no_address_given_as_a_model_is_ever_asked(secretive, address, monkeypatch):
    import socket

    def refuse(*args, **options):
        raise AssertionError("the API opened a connection")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for asked in (
        secretive.get(f"/api/v1/models/{address}"),
        secretive.get("/api/v1/results", params={"model": address}),
        secretive.get("/api/v1/compare", params={"models": f"{address},org/first"}),
        secretive.get("/api/v1/models", params={"suite": address}),
    ):
        # a client drops what follows ? and #, so that the model before it is simply found
        assert asked.status_code in (400, 404, 422) or asked.json().get("model") == "org/first"


REDOS = [
    "/(a+)+$/", "/(a|aa)+$/", "/(.*)*x/", "/([a-zA-Z]+)*$/", "/(x+x+)+y/", "/^(a?){25}a{25}$/", "/(.*a){20}/",
    "/((a*)*)*b/", "/(?=a)(a+)+/", "/(a+)\\1+/", "/" + "a?" * 120 + "a" * 120 + "/", "/[[[[[[/", "/\\/", "/(/",
    "a" * 512, ";" * 512, "@" * 512, "@license:" * 56, '"' * 512, "/a" * 256, " " * 512, "\u0000" * 100,
    "/\\p{L}+/", "/(?i)(a+)+$/", "/a{1000}{1000}/", "/(a{0,99}){0,99}/", "𝒜" * 250, "İ" * 500, "/.*.*.*.*.*.*.*x/",
]  # fmt: skip


def test_no_search_takes_long(tmp_path, shared):
    """No pattern takes many times what a plain word takes, on the whole real board; the best of three counts."""
    from time import thread_time

    from src.board.table.query import Query, run
    from src.board.table.rows import Rows
    from src.core.frames.frame import from_contents, read_table

    frame = from_contents(read_table(shared("data/contents/v2_final_merged_4576.parquet")))
    frame.loc[0, "model"] = "a" * 5000 + "!"
    rows = Rows(frame)
    run(rows, Query(q="warm"))

    def took(q: str) -> float:
        start = thread_time()
        run(rows, Query.parse({"q": q}))
        return thread_time() - start

    plain = min(took("instruct") for _ in range(9))
    assert [q for q in REDOS if min(took(q) for _ in range(3)) > 40 * plain] == []


# --- manners ----------------------------------------------------------------------------------------------------------


def test_an_unchanged_answer_costs_nothing(client):
    first = client.get("/api/v1/models")
    again = client.get("/api/v1/models", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


def test_a_new_snapshot_is_a_new_answer(shown):
    with serve(shown) as client:
        before = client.get("/api/v1/models").headers["etag"]
        shown._state = board(Path(shown.store.root) / "x", row("org/other", 1.0))._state
        after = client.get("/api/v1/models", headers={"If-None-Match": before})
    assert after.status_code == 200
    assert models(after) == ["org/other"]


@pytest.mark.parametrize(
    ("accepts", "encoding"),
    [
        ("br, gzip", "br"),
        ("gzip", "gzip"),
        ("identity", None),
        ("br;q=0, gzip", "gzip"),
        ("*;q=0", None),
        ("nonsense", None),
    ],
)
def test_answers_come_in_the_form_the_reader_takes(client, accepts, encoding):
    with client.stream("GET", "/api/leaderboard/formatted", headers={"Accept-Encoding": accepts}) as answer:
        body = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == encoding
    unpack = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[encoding]
    assert len(json.loads(unpack(body))) == len(ROWS)
    assert "Accept-Encoding" in answer.headers["vary"]


def test_other_sites_may_read_but_not_write(client):
    answer = client.get("/api/v1/suites", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    assert client.options("/api/v1/suites", headers=asked).status_code == 400
    assert client.post("/api/v1/suites").status_code == 405


def test_head_is_get_without_a_body(client):
    get, head = client.get("/api/v1/models"), client.head("/api/v1/models")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == get.headers["etag"]


def test_a_fault_of_ours_is_said_without_its_insides(shown):
    def broken():
        raise RuntimeError("password=hunter2")

    with serve(shown, queue=broken) as client:
        answer = client.get("/api/v1/queue")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "hunter2" not in answer.text


def test_answers_do_not_pile_up(shown):
    from src.board.api.answers import AnswerCache, CachedAnswer

    answers = AnswerCache(room=10_000)
    for number in range(100):
        answers.get(number, lambda: CachedAnswer(b"x" * 1000))
    assert answers.size <= 10_000


def test_one_makes_the_answer_and_the_others_wait():
    from concurrent.futures import ThreadPoolExecutor
    from time import sleep

    from src.board.api.answers import AnswerCache, CachedAnswer

    made = []

    def make():
        sleep(0.05)
        made.append(1)
        return CachedAnswer(b"x")

    answers = AnswerCache()
    with ThreadPoolExecutor(8) as pool:
        assert {file.body for file in pool.map(lambda _: answers.get("key", make), range(8))} == {b"x"}
    assert len(made) == 1


def test_links_in_a_feed_are_the_readers_own_host(client):
    first = client.get("/api/feeds/results.atom", headers={"Host": "one.example"}).text
    other = client.get("/api/feeds/results.atom", headers={"Host": "two.example"}).text
    assert "http://one.example/model/org/first" in first
    assert "one.example" not in other


def test_the_reference_lists_every_address_and_loads_nothing(client):
    page = client.get("/api/").text
    for path in client.get("/api/openapi.json").json()["paths"]:
        assert f"/api{path}".replace("{", "{") in page
    assert "<script" not in page
    assert 'src="' not in page
    assert AS_OF.year == 2025


def test_addresses_that_ask_for_the_same_file_share_one_answer(client, monkeypatch):
    from src.board.table import listing

    made = []
    monkeypatch.setattr(listing.Listing, "json", lambda self: made.append(1) or [])
    for query in ("", "?types=nonsense", "?uploaded=0000", "?sort=-average"):
        assert client.get(f"/api/v1/models.jsonl{query}").status_code == 200
    assert len(made) == 1
