"""The Queue page in a real browser: every state in words, votes, one's own requests, and no word that runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from src.board.live.opening import open_sample
from src.board.live.snapshot import Board
from src.core.errors import UnknownOutcomeError
from src.core.queue import Queue
from src.core.store import LocalStore
from src.settings import Settings
from tests.boards.requests import ask
from tests.e2e.conftest import NARROW, Serve, Served
from tests.e2e.queue.queues import busy_store

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def board(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A board with a busy queue, read by anybody."""
    return serve(busy_store(tmp_path_factory.mktemp("queue")))


@pytest.fixture
def mine(serve: Serve, tmp_path: Path) -> Served:
    """The same, for alice alone."""
    return serve(Settings(store=str(busy_store(tmp_path / "board")), user="alice"))


def lane(page: Page, name: str):  # type: ignore[no-untyped-def]
    return page.locator(f"[data-lane={name}]")


def card(page: Page, model: str):  # type: ignore[no-untyped-def]
    return page.locator(".lb-card", has_text=model)


def test_every_state_says_how_it_stands(board: Served, page: Page, shoot: Callable, faults: Callable) -> None:
    page.goto(f"{board.url}/queue")
    expect(page).to_have_title("Queue · Open LLM Leaderboard")
    for name, title in (
        ("waiting", "Pending 3"), ("running", "Running 1"), ("finished", "Finished 1"), ("failed", "Failed 1")
    ):  # fmt: skip
        expect(lane(page, name).locator("h2")).to_have_text(title)
    first = lane(page, "waiting").locator(".lb-card").first
    expect(first).to_contain_text("Place 1, begins in about 94 min.")
    expect(first).to_contain_text("1 vote")
    running = lane(page, "running").locator(".lb-card")
    expect(running).to_contain_text("On box-7 for ")
    expect(running).to_contain_text(re.compile(r"Lease until \d\d:\d\d UTC|Lease until 20"))
    expect(running).to_contain_text("at MATH, 12 of 39 tasks, 4,310 answers")
    expect(running.get_by_role("progressbar", name="Tasks of acme/anvil-70b")).to_be_visible()
    expect(lane(page, "finished")).to_contain_text("It took 94 min.")
    assert not faults(page)
    shoot(page, "queue")


def test_a_failure_says_the_reason_then_what_to_do_then_the_log(board: Served, page: Page) -> None:
    page.goto(f"{board.url}/queue")
    failed = card(page, "broken-7b")
    words = failed.inner_text()
    reason, advice, log = (words.index(each) for each in ("The weights do not load.", "Check that", "Log"))
    assert reason < advice < log
    expect(failed.locator("code")).to_have_text("from_pretrained")
    expect(failed.locator("pre")).to_have_count(0)
    failed.locator("summary").press("Enter")
    expect(failed.locator("pre")).to_contain_text("KeyError: 'model.layers.31.mlp.up_proj.weight'")


def test_what_strangers_wrote_is_shown_and_does_not_run(board: Served, page: Page) -> None:
    page.goto(f"{board.url}/queue")
    card(page, "broken-7b").locator("summary").click()
    expect(card(page, "broken-7b").locator("pre")).to_contain_text("<script>window.fired=1</script>")
    expect(card(page, "model-3")).to_contain_text('by mallory <img src=x onerror="window.fired=1">')
    page.get_by_role("searchbox").fill("<img src=x onerror=window.fired=1>")
    expect(lane(page, "waiting")).to_contain_text("None of these match.")
    assert page.evaluate("window.fired") is None
    assert page.locator(".lb-content img, .lb-content script").count() == 0


def test_a_finished_one_leads_to_its_row(board: Served, page: Page) -> None:
    page.goto(f"{board.url}/queue")
    lane(page, "finished").get_by_role("link", name="acme/anvil-8b").click()
    page.wait_for_url("**/model/acme/anvil-8b")


def test_the_search_narrows_every_lane_and_stands_in_the_address(board: Served, page: Page) -> None:
    page.goto(f"{board.url}/queue")
    page.get_by_role("searchbox", name="Search the queue").fill("anvil")
    expect(lane(page, "waiting").locator("h2")).to_contain_text("0 of 3")
    expect(lane(page, "running").locator(".lb-card")).to_have_count(1)
    page.wait_for_url("**/queue?q=anvil")
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("anvil")
    expect(lane(page, "waiting")).to_contain_text("None of these match.")
    lane(page, "waiting").get_by_role("link", name="Show all").click()
    expect(lane(page, "waiting").locator(".lb-card")).to_have_count(3)


def test_one_lane_by_itself_and_one_request_have_addresses(board: Served, page: Page, shoot: Callable) -> None:
    page.goto(f"{board.url}/queue?lane=failed")
    expect(page.locator("[data-lane]")).to_have_count(1)
    expect(page.get_by_role("navigation", name="Lanes").get_by_role("link", name="Failed 1")).to_have_attribute(
        "aria-current", "page"
    )
    key = card(page, "broken-7b").get_attribute("data-key")
    page.goto(f"{board.url}/queue?request={key}")
    expect(page.get_by_role("region", name="The request you came for")).to_contain_text("broken-7b")
    shoot(page, "queue-one")


def test_the_order_is_explained_and_there_is_a_feed(board: Served, page: Page) -> None:
    page.goto(f"{board.url}/queue")
    page.get_by_text("First come, first served; votes").click()
    expect(page.get_by_text("every vote counts as one more day of waiting")).to_be_visible()
    feed = page.get_by_role("link", name="Feed of finished evaluations").get_attribute("href")
    answer = httpx.get(f"{board.url}/{feed}")
    assert "acme/anvil-8b" in answer.text
    assert "application/atom+xml" in answer.headers["content-type"]


def test_a_reader_sees_no_buttons_and_is_told_why(board: Served, page: Page) -> None:
    page.goto(f"{board.url}/queue")
    expect(page.get_by_text("Nobody can sign in here")).to_be_visible()
    expect(page.locator("[data-do]")).to_have_count(0)


def test_a_vote_counts_once_and_moves_the_model_forward(mine: Served, page: Page, shoot: Callable, faults) -> None:
    page.goto(f"{mine.url}/queue")
    vote = page.get_by_role("button", name="Vote: queue/model-2")
    vote.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".lb-queue-say")).to_have_text("You voted for queue/model-2. It is stored.")
    expect(card(page, "model-2")).to_contain_text("1 vote")
    expect(page.get_by_role("button", name="Voted: queue/model-2")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".lb-queue-say")).to_contain_text("one vote for each person and revision")
    assert (Path(mine.settings.store or "") / "votes/votes_data.jsonl").read_text().count("alice") == 1
    assert not faults(page)
    shoot(page, "queue-mine")


def test_who_submitted_a_request_may_cancel_it_and_retry_a_failed_one(mine: Served, page: Page) -> None:
    page.goto(f"{mine.url}/queue?mine=1")
    expect(lane(page, "waiting").locator("h2")).to_contain_text("1 of 3")
    page.get_by_role("button", name="Cancel: queue/model-1").click()
    expect(page.locator(".lb-queue-say")).to_have_text("queue/model-1 was taken out of the queue.")
    expect(lane(page, "cancelled").locator(".lb-card")).to_contain_text("model-1")
    page.get_by_role("button", name="Retry: bolt/broken-7b").click()
    expect(lane(page, "waiting").locator(".lb-card")).to_contain_text("broken-7b")
    page.get_by_label("my submissions").uncheck()
    page.get_by_role("button", name="Cancel: queue/model-2").click()  # bob's: the board is hers
    expect(page.locator(".lb-queue-say")).to_have_text("queue/model-2 was taken out of the queue.")


def test_an_open_page_learns_of_a_new_request_and_keeps_what_is_open(mine: Served, page: Page) -> None:
    page.clock.install()
    page.goto(f"{mine.url}/queue")
    card(page, "broken-7b").locator("summary").click()
    expect(card(page, "broken-7b").locator("pre")).to_be_visible()
    Queue(LocalStore(mine.settings.store or "")).submit(ask("late/comer"))
    page.wait_for_timeout(4500)  # a look is believed for four seconds
    page.clock.fast_forward(16_000)
    expect(card(page, "late/comer")).to_be_visible()
    expect(card(page, "broken-7b").locator("pre")).to_contain_text("KeyError")


def test_a_long_lane_goes_on_at_its_own_address(serve: Serve, page: Page, tmp_path: Path) -> None:
    board = serve(busy_store(tmp_path / "board", waiting=63))
    page.goto(f"{board.url}/queue")
    expect(lane(page, "waiting").locator(".lb-card")).to_have_count(12)
    page.get_by_role("link", name="All 63").click()
    expect(page.locator(".lb-card")).to_have_count(60)
    page.get_by_role("link", name="More").click()
    expect(page.locator(".lb-card")).to_have_count(3)
    expect(page.get_by_text("Page 2 of 2")).to_be_visible()


def test_a_store_that_cannot_be_reached_leaves_the_last_picture_with_its_age(
    mine: Served, page: Page, monkeypatch: pytest.MonkeyPatch, shoot: Callable, faults: Callable
) -> None:
    page.goto(f"{mine.url}/queue")
    expect(page.locator(".lb-card")).to_have_count(6)

    def away(dataset: str) -> str:
        raise UnknownOutcomeError("The store does not answer <b>now</b>.")

    monkeypatch.setattr(mine.board.store, "head", away)
    page.wait_for_timeout(4500)  # a look is believed for four seconds
    page.reload()
    stale = page.locator(".lb-stale")
    expect(stale).to_have_text("This is the queue as of 1 min ago. The store does not answer <b>now</b>.")
    expect(page.locator(".lb-card")).to_have_count(6)
    assert not faults(page)
    shoot(page, "queue-stale")


def test_the_sample_has_a_queue_too_and_takes_nothing(
    serve: Serve, page: Page, tmp_path: Path, shoot: Callable
) -> None:
    settings = Settings(store=None, cache=tmp_path / "cache", user="alice")
    board = Board(Away("hub:nobody"), sample=open_sample(tmp_path / "cache"))  # type: ignore[arg-type]
    served = serve(settings, board)
    page.goto(f"{served.url}/queue")
    expect(page.get_by_text("This is made-up sample data: requests and votes are taken once")).to_be_visible()
    expect(lane(page, "finished").locator(".lb-card").first).to_be_visible()
    expect(lane(page, "running").locator(".lb-card")).to_have_count(2)
    expect(lane(page, "running")).to_contain_text("at MMLU-PRO, 38 of 39 tasks, 64,002 answers")
    expect(lane(page, "failed")).to_contain_text("143 B parameters on 80 GB.")
    expect(lane(page, "failed")).to_contain_text("No reason and no log were kept.")  # as boards of old wrote them
    expect(page.locator("[data-do]")).to_have_count(0)
    shoot(page, "queue-sample")


class Away:
    """A store that nobody reaches."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, call: str) -> object:
        def away(*_: object) -> None:
            raise UnknownOutcomeError(f"{self.name} does not answer.")

        return away


def test_an_empty_queue_says_so(serve: Serve, page: Page, tmp_path: Path, shoot: Callable, faults: Callable) -> None:
    (tmp_path / "board").mkdir()
    board = serve(Settings(store=str(tmp_path / "board"), user="alice"))
    page.goto(f"{board.url}/queue")
    expect(page.get_by_text("Nothing is pending: a model submitted now comes next.")).to_be_visible()
    expect(page.get_by_role("link", name="Submit a model")).to_be_visible()
    assert not faults(page)
    shoot(page, "queue-empty")


def test_nothing_is_wider_than_a_phone(board: Served, page: Page, faults: Callable) -> None:
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    for address in ("queue", "queue?lane=failed", "queue?q=nothing"):
        page.goto(f"{board.url}/{address}")
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        assert not faults(page)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site", "Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://board.example"},  # through somebody's proxy
        {"Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"},
        {"Sec-Fetch-Site": "same-origin", "Host": "evil.example"},  # a name that was pointed at this machine
    ],
    ids=str,
)
def test_another_site_cannot_vote_in_somebodys_name(mine: Served, headers: dict[str, str]) -> None:
    key = next(iter(Queue(LocalStore(mine.settings.store or "")).snapshot().waiting)).key
    for act in ("vote", "cancel", "retry"):
        answer = httpx.post(
            f"{mine.url}/queue/{act}", json={"key": key}, headers={"Content-Type": "application/json"} | headers
        )
        assert answer.status_code == (421 if "Host" in headers else 403)  # a board of one person answers its own hosts
        assert answer.json().get("ok") is not True
    assert "alice" not in (Path(mine.settings.store or "") / "votes/votes_data.jsonl").read_text()
    assert len(Queue(LocalStore(mine.settings.store or "")).snapshot().waiting) == 3
