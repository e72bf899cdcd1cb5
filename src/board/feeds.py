"""Atom feeds: what was added, what moved at the top, what ended. Each takes values and gives XML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as ET

from src.board.listing import plain
from src.board.snapshot import Snapshot
from src.core.lifecycle import Status
from src.core.queue.state import QueueState

MOST = 50
TOP = 10
ATOM = "http://www.w3.org/2005/Atom"
# what XML 1.0 cannot hold, not even escaped
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Entry:
    """One piece of news; `key` never changes for it."""

    key: str
    title: str
    text: str
    path: str  # on the site
    when: datetime


def results(snapshot: Snapshot, site: str) -> bytes:
    """The newest rows by the day they were submitted."""
    frame = snapshot.frame.dropna(subset=["submission_date"])
    newest = frame.sort_values(["submission_date", "id"], ascending=[False, True], kind="stable").head(MOST)
    rows = ({name: values[at] for name, values in _columns(newest).items()} for at in range(len(newest)))
    titles = {benchmark.key: benchmark.title for benchmark in snapshot.suite.benchmarks}
    entries = []
    for row in rows:
        average = f"{row['average']:.2f}" if row["average"] is not None else "not whole yet"
        scores = ", ".join(
            f"{title} {score:.1f}" for key, title in titles.items() if (score := row.get(f"{key}.score")) is not None
        )
        entries.append(
            Entry(
                key=f"{snapshot.suite.name}/result/{row['id']}/{row['revision'] or ''}",
                title=f"{row['model']} ({row['precision'] or 'unknown precision'}): {average}",
                text=f"Average {average}; {scores}.",
                path=f"/model/{quote(str(row['model']))}",
                when=_day(row["submission_date"]),
            )
        )
    return _feed(f"{snapshot.suite.title}: new results", "results", site, entries)


def top(snapshots: Sequence[Snapshot], site: str) -> bytes:
    """What changed among the first ten from each snapshot to the next, newest first."""
    entries = []
    for before, after in pairwise(snapshots):
        was, now = _leaders(before), _leaders(after)
        moved = _moves(was, now)
        if moved:
            key = f"{after.suite.name}/top/{'|'.join(now)}"
            title = moved[0] if len(moved) == 1 else f"{moved[0]} and {len(moved) - 1} more"
            entries.append(Entry(key, title, " · ".join(moved), "/", after.as_of))
    title = f"{snapshots[-1].suite.title}: the first {TOP}" if snapshots else "The first ten"
    return _feed(title, "top", site, entries[::-1])


def finished(state: QueueState, site: str) -> bytes:
    """Requests that ended, newest first; a failure says what it was and what to do."""
    ended = [each for each in (*state.finished, *state.failed) if each.ended and not each.request.private]
    newest = sorted(ended, key=lambda each: _utc(each.ended), reverse=True)[:MOST]
    entries = []
    for each in newest:
        run = f"{each.request.model} ({each.request.precision}, {each.request.suite})"
        failure = each.failure if each.status is Status.FAILED else None
        entries.append(
            Entry(
                key=f"queue/{each.key}/{each.status.value}/{_utc(each.ended):%Y%m%dT%H%M%S}",
                title=f"{run} {'failed' if each.status is Status.FAILED else 'finished'}",
                text=f"{failure.title} {failure.advice}" if failure else "Its scores appear at the next sync.",
                path=f"/model/{quote(each.request.model)}",
                when=_utc(each.ended),
            )
        )
    return _feed("Evaluations that ended", "finished", site, entries)


def _leaders(snapshot: Snapshot) -> dict[str, int]:
    ranked = snapshot.frame.dropna(subset=["average"]).sort_values(["average", "id"], ascending=[False, True])
    return {str(row_id): at for at, row_id in enumerate(ranked["id"].head(TOP), start=1)}


def _moves(was: dict[str, int], now: dict[str, int]) -> list[str]:
    said = [f"{_short(each)} enters at {place}" for each, place in now.items() if each not in was]
    said += [
        f"{_short(each)} rises from {was[each]} to {place}" for each, place in now.items() if was.get(each, 0) > place
    ]
    return said + [f"{_short(each)} leaves the first {TOP}" for each in was if each not in now]


def _short(row_id: str) -> str:
    return row_id.partition("~")[0]


def _feed(title: str, name: str, site: str, entries: Iterable[Entry]) -> bytes:
    listed = list(entries)
    host = urlsplit(site).hostname or "localhost"
    feed = ET.Element("feed", xmlns=ATOM)
    _add(feed, "title", title)
    _add(feed, "id", f"tag:{host},2024:feeds/{name}/{quote(title)}")
    _add(feed, "updated", max((each.when for each in listed), default=datetime(2024, 1, 1, tzinfo=UTC)).isoformat())
    ET.SubElement(feed, "link", rel="self", href=f"{site}/api/feeds/{name}.atom")
    ET.SubElement(feed, "link", rel="alternate", href=f"{site}/")
    _add(ET.SubElement(feed, "author"), "name", "Open LLM Leaderboard")
    for each in listed:
        entry = ET.SubElement(feed, "entry")
        _add(entry, "title", each.title)
        _add(entry, "id", f"tag:{host},2024:{quote(each.key)}")
        _add(entry, "updated", each.when.isoformat())
        ET.SubElement(entry, "link", rel="alternate", href=f"{site}{each.path}")
        _add(entry, "content", each.text).set("type", "text")
    return ET.tostring(feed, encoding="utf-8", xml_declaration=True)


def _add(parent: ET.Element, name: str, text: str) -> ET.Element:
    child = ET.SubElement(parent, name)
    child.text = FORBIDDEN.sub("\ufffd", text)
    return child


def _columns(frame):  # type: ignore[no-untyped-def]
    return {name: plain(frame[name]) for name in frame.columns}


def _day(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text[:10]).replace(tzinfo=UTC)
    except ValueError:
        return datetime(2024, 1, 1, tzinfo=UTC)


def _utc(moment: datetime | None) -> datetime:
    assert moment is not None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
