"""Feeds that a reader of feeds reads: well-formed, with ids that stay and times that are real."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from src.board.exports import feeds
from src.core.lifecycle import Status
from src.core.queue.failures import FAILURES
from src.core.queue.state import FailureReport, QueueEntry, QueueState
from src.core.records import Request
from tests.boards.small_board import row, snapshot

ATOM = {"a": "http://www.w3.org/2005/Atom"}
SITE = "https://board.example"


def read(xml: bytes) -> list[dict[str, str]]:
    """Title, id, time, link and text of every entry; what RFC 4287 asks of a feed is asked of it."""
    feed = ET.fromstring(xml)
    for name in ("title", "id", "updated", "author"):
        assert feed.find(f"a:{name}", ATOM) is not None
    found = []
    for entry in feed.findall("a:entry", ATOM):
        reported = {
            name: entry.findtext(f"a:{name}", namespaces=ATOM) for name in ("title", "id", "updated", "content")
        }
        assert None not in reported.values()
        assert datetime.fromisoformat(reported["updated"] or "").tzinfo
        found.append(reported | {"link": entry.find("a:link", ATOM).attrib["href"]})
    assert len({each["id"] for each in found}) == len(found)
    return found


def test_new_results_come_newest_first_with_their_scores():
    entries = read(feeds.results(snapshot(), SITE))
    assert [entry["title"] for entry in entries][:2] == [
        "org/first (bfloat16): 50.00",
        "org/second (float16): 40.00",
    ]
    assert entries[0]["link"] == f"{SITE}/model/org/first"
    assert entries[0]["updated"] == "2025-02-07T00:00:00+00:00"
    assert "IFEval 50.0, BBH 50.0" in entries[0]["content"]
    assert "other/partial (bfloat16): not whole yet" in [entry["title"] for entry in entries]


def test_a_result_keeps_its_id_whatever_else_changes():
    ids = {entry["id"] for entry in read(feeds.results(snapshot(), SITE))}
    more = {entry["id"] for entry in read(feeds.results(snapshot(row("org/new", 60.0), row("org/first", 50.0)), SITE))}
    assert len(ids & more) == 1


def test_changes_at_the_top_are_told_and_quiet_days_are_not():
    days = [
        snapshot(row("org/a", 50.0), row("org/b", 40.0)),
        snapshot(row("org/a", 50.0), row("org/b", 40.0), as_of=datetime(2025, 2, 9, tzinfo=UTC)),
        snapshot(row("org/a", 50.0), row("org/b", 60.0), row("org/c", 45.0), as_of=datetime(2025, 2, 10, tzinfo=UTC)),
    ]
    (entry,) = read(feeds.top(days, SITE))
    assert entry["content"] == "org/c enters at 3 · org/b rises from 2 to 1"
    assert entry["title"] == "org/c enters at 3 and 1 more"
    assert entry["updated"] == "2025-02-10T00:00:00+00:00"


def test_evaluations_that_ended_say_how_and_private_ones_are_kept_quiet():
    now = datetime(2025, 2, 9, tzinfo=UTC)
    crashed = FAILURES["crashed"]

    def ended(name: str, status: Status, **options) -> QueueEntry:
        request = Request(model=name, status=status, private=name == "org/secret")
        return QueueEntry(name, request, status, ended=now, **options)

    standings = [
        ended("org/good", Status.FINISHED),
        ended("org/bad", Status.FAILED, failure=FailureReport("crashed", crashed.title, crashed.advice)),
        ended("org/secret", Status.FINISHED),
    ]
    entries = read(feeds.finished(QueueState(now, {each.key: each for each in standings}), SITE))
    assert {entry["title"]: entry["content"] for entry in entries} == {
        "org/good (bfloat16, open-llm-v2) finished": "Its scores appear at the next sync.",
        "org/bad (bfloat16, open-llm-v2) failed": f"{crashed.title} {crashed.advice}",
    }


def test_no_text_of_a_stranger_breaks_the_xml():
    hostile = "a\x00b\x1b<script>&]]>\ufffe\u2028" + "'\""
    entries = read(feeds.results(snapshot(row(f"org/m{hostile}", 1.0)), SITE))
    assert "<script>" in entries[0]["title"]  # as text
