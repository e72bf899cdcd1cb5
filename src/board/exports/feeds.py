"""Atom feeds: what was added, what moved at the top, what ended. Each takes values and gives XML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from urllib.parse import quote
from xml.etree import ElementTree as ET

from src.board.claims.comparing import NOTABLE, compare_claims
from src.board.live.identity import BoardIdentity
from src.board.live.snapshot import Snapshot
from src.board.table.listing import plain
from src.core.lifecycle import Status
from src.core.moderation.entries import ModerationEntry
from src.core.queue.state import QueueState

MOST = 50
PLACE = "open-llm-leaderboard-open-llm-leaderboard.hf.space"
"""The authority of ids on a board that names none: the same from whatever address a feed is read."""
TOP = 10
ATOM = "http://www.w3.org/2005/Atom"
# what XML 1.0 cannot hold, not even escaped
FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class FeedEntry:
    """One piece of news; `key` never changes for it."""

    key: str
    title: str
    text: str
    path: str  # on the site
    when: datetime


def results(snapshot: Snapshot, site: str, decisions: Sequence[ModerationEntry] = ()) -> bytes:
    """Return the newest rows by the day they were submitted, and what was decided about rows."""
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
            FeedEntry(
                key=f"{snapshot.suite.name}/result/{row['id']}/{row['revision'] or ''}",
                title=f"{row['model']} ({row['precision'] or 'unknown precision'}): {average}",
                text=f"Average {average}; {scores}.",
                path=f"/model/{quote(str(row['model']))}",
                when=_day(row["submission_date"]),
            )
        )
    entries += [_decision(each) for each in decisions]
    newest_first = sorted(entries, key=lambda each: each.when, reverse=True)[:MOST]
    return _feed(f"{snapshot.suite.title}: new results", "results", site, newest_first, snapshot.identity)


def _decision(entry: ModerationEntry) -> FeedEntry:
    """Return a decision of the operators, or an author's answer, as news."""
    about = entry.model or entry.organisation or "an earlier decision"
    change = ""
    if entry.value is not None:
        was = "" if entry.was is None else f", was {entry.was:g}"
        change = f" {entry.benchmark} is {entry.value:g}{was}."
    return FeedEntry(
        key=f"moderation/{entry.id}",
        title=f"{about}: {entry.action} by {entry.by}",
        text=entry.reason + change,
        path=f"/model/{quote(entry.model)}#moderation" if entry.model else "/about",
        when=_utc(entry.when),
    )


def claims(snapshot: Snapshot, site: str) -> bytes:
    """Return the claims of makers that the measurement contradicts, the farthest first."""
    frame = snapshot.frame
    apart = frame[frame["claim.z"].abs() > NOTABLE] if "claim.z" in frame else frame.iloc[:0]
    found = [
        (claim, row)
        for row in apart.to_dict("records")
        for claim in compare_claims(row, snapshot.suite)
        if claim.is_notable
    ]
    entries = []
    for claim, row in sorted(found, key=lambda each: -abs(each[0].z))[:MOST]:
        title = snapshot.suite.benchmark(claim.benchmark).title
        entries.append(
            FeedEntry(
                key=f"{snapshot.suite.name}/claim/{row['id']}/{claim.benchmark}/{claim.claimed:.2f}",
                title=f"{row['model']}: {title} {claim.claimed:.1f} claimed, {claim.measured:.1f} measured",
                text=f"Difference {claim.difference:+.1f} ± {1.96 * claim.error:.1f} points; claimed in {claim.note}.",
                path=f"/model/{quote(str(row['model']))}?tab=certainty",
                when=_day(str(row["submission_date"])),
            )
        )
    return _feed(f"{snapshot.suite.title}: claims and measurements", "claims", site, entries)


def top(snapshots: Sequence[Snapshot], site: str) -> bytes:
    """Return what changed among the first ten from each snapshot to the next, newest first."""
    entries = []
    for before, after in pairwise(snapshots):
        was, now = _leaders(before), _leaders(after)
        moved = _moves(was, now)
        if moved:
            key = f"{after.suite.name}/top/{'|'.join(now)}"
            title = moved[0] if len(moved) == 1 else f"{moved[0]} and {len(moved) - 1} more"
            entries.append(FeedEntry(key, title, " · ".join(moved), "/", after.as_of))
    title = f"{snapshots[-1].suite.title}: the first {TOP}" if snapshots else "The first ten"
    return _feed(title, "top", site, entries[::-1], snapshots[-1].identity if snapshots else None)


def finished(state: QueueState, site: str, identity: BoardIdentity | None = None) -> bytes:
    """Return requests that ended, newest first; a failure says what it was and what to do."""
    ended = [each for each in (*state.finished, *state.failed) if each.ended and not each.request.private]
    newest = sorted(ended, key=lambda each: _utc(each.ended), reverse=True)[:MOST]
    entries = []
    for each in newest:
        run = f"{each.request.model} ({each.request.precision}, {each.request.suite})"
        failure = each.failure if each.status is Status.FAILED else None
        entries.append(
            FeedEntry(
                key=f"queue/{each.key}/{each.status.value}/{_utc(each.ended):%Y%m%dT%H%M%S}",
                title=f"{run} {'failed' if each.status is Status.FAILED else 'finished'}",
                text=f"{failure.title} {failure.advice}" if failure else "Its scores appear at the next sync.",
                path=f"/model/{quote(each.request.model)}",
                when=_utc(each.ended),
            )
        )
    return _feed("Evaluations that ended", "finished", site, entries, identity)


def _leaders(snapshot: Snapshot) -> dict[str, int]:
    ranked = snapshot.frame.dropna(subset=["average"]).sort_values(["average", "id"], ascending=[False, True])
    return {str(row_id): at for at, row_id in enumerate(ranked["id"].head(TOP), start=1)}


def _moves(was: dict[str, int], now: dict[str, int]) -> list[str]:
    data = [f"{_short(each)} enters at {place}" for each, place in now.items() if each not in was]
    data += [
        f"{_short(each)} rises from {was[each]} to {place}" for each, place in now.items() if was.get(each, 0) > place
    ]
    return data + [f"{_short(each)} leaves the first {TOP}" for each in was if each not in now]


def _short(row_id: str) -> str:
    return row_id.partition("~")[0]


def _feed(
    title: str, name: str, site: str, entries: Iterable[FeedEntry], identity: BoardIdentity | None = None
) -> bytes:
    listed = list(entries)
    host = identity.place if identity else PLACE
    feed = ET.Element("feed", xmlns=ATOM)
    _add(feed, "title", f"{identity.name}: {title}" if identity else title)
    _add(feed, "id", f"tag:{host},2024:feeds/{name}/{quote(title)}")
    _add(feed, "updated", max((each.when for each in listed), default=datetime(2024, 1, 1, tzinfo=UTC)).isoformat())
    ET.SubElement(feed, "link", rel="self", href=f"{site}/api/feeds/{name}.atom")
    ET.SubElement(feed, "link", rel="alternate", href=f"{site}/")
    _add(ET.SubElement(feed, "author"), "name", identity.name if identity else "Open LLM Leaderboard")
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
