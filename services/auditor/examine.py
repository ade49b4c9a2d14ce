"""Compares what should have been alerted with what was: some patients at a time, reading the database only."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from schemas.base import iso
from services.auditor.domain.audit import apart
from services.auditor.domain.timeline import Expected
from services.auditor.domain.walk import NOT_FOLLOWED
from services.auditor.domain.world import Families
from services.auditor.settings import Rules
from services.chassis import clock, sql
from services.chassis.postgres import Db

SQL = sql.load("services.auditor")

AT_ONCE = 200
"""How many families of patients are held in memory at a time."""

SETTLED = timedelta(minutes=10)
"""What arrived later than this may still be on its way through the services."""

Tell = Callable[[int, int], None]


class Row(NamedTuple):
    """An alert as both sides tell it."""

    kind: str
    root: UUID
    raised: str
    status: str
    ended: str
    severity: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One alert on which system and audit do not agree. `case` is None where no case was opened at all."""

    case: str | None
    kind: str
    sentence: str


@dataclass(slots=True)
class Report:
    """What came of one audit. `left_out` counts groups of patients, by the reason."""

    until: datetime
    not_followed: list[str]
    audited: int = 0
    alerts: int = 0
    left_out: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    differences: list[Difference] = field(default_factory=list)


async def examine(
    db: Db,
    rules: Rules,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    tell: Tell | None = None,
) -> Report:
    """Audit everything that is kept. `since` and `until` bound the instants at which alerts were raised."""
    settled = await clock.now(db) - SETTLED
    until = min(until, settled) if until else settled
    report = Report(until.astimezone(UTC), rules.protocols.present.not_followed())
    groups = await _families(db)
    done = 0
    for some in _batches(groups):
        # A snapshot each, not one over the whole night: vacuum could remove nothing meanwhile.
        async with _snapshot(db):
            for ids in some:
                await _one(db, rules, ids, since, report)
        done += len(some)
        if tell:
            tell(done, len(groups))
    return report


@asynccontextmanager
async def _snapshot(db: Db) -> AsyncIterator[None]:
    """All services' rows of one instant."""
    async with db.transaction(isolation="repeatable_read", readonly=True):
        yield


async def _families(db: Db) -> list[list[UUID]]:
    """The ids of patients and visits that belong together."""
    joined = Families()
    ids = set()
    async with _snapshot(db):
        async for row in db.cursor(SQL["kinships"]):
            joined.join(row["one"], row["other"])
            ids |= {row["one"], row["other"]}
    groups: dict[UUID, list[UUID]] = defaultdict(list)
    for each in ids:
        groups[joined.root(each)].append(each)
    return list(groups.values())


def _batches(groups: list[list[UUID]]) -> Iterator[list[list[UUID]]]:
    for start in range(0, len(groups), AT_ONCE):
        yield groups[start : start + AT_ONCE]


async def _one(db: Db, rules: Rules, ids: list[UUID], since: datetime | None, report: Report) -> None:
    if await db.fetchval(SQL["pruned"], ids):
        report.left_out["raw messages are no longer kept"] += 1
        return
    rows = await db.fetch(SQL["messages"], ids)
    acts = await db.fetch(SQL["actions"], ids)
    taken_back = await db.fetch(SQL["withdrawals"], ids)
    cases = await db.fetch(SQL["cases"], ids)
    reason = _not_now(rules, report.until, rows, [*acts, *taken_back], cases)
    if reason:
        report.left_out[reason] += 1
        return
    actions = [(row["at"], {**json.loads(row["body"]), "id": row["action_id"]}) for row in acts]
    actions += [(row["at"], {"type": "action_withdrawn", "id": row["action_id"]}) for row in taken_back]
    roots = {
        (row["feed"], row["authority"], row["number"]): row["root_id"]
        for row in await db.fetch(SQL["roots"], ids)
    }
    under = {row["root_id"]: rules.protocols.of(row["protocol"]) for row in cases}
    others = {key: other for key, root in roots.items() if (other := under.get(root))}
    alerts, late = apart(
        [(row["at"], rules.feeds[row["feed"]], bytes(row["raw"])) for row in rows],
        actions,
        rules.protocols.present,
        rules.facilities,
        report.until,
        others,
    )
    case_of = {row["root_id"]: row["episode_id"] for row in cases}
    report.audited += 1
    report.alerts += len(alerts)
    known = frozenset[str]().union(*(each.alerts() for each in (rules.protocols.present, *others.values())))
    found = list(await _alerts(db, ids, known, report))
    _compare(_ours(alerts, roots), found, case_of, since, report)
    _compare_late(late, roots, await db.fetch(SQL["late_items"], ids), case_of, report)


def _not_now(
    rules: Rules, until: datetime, messages: list[Any], people: list[Any], cases: list[Any]
) -> str | None:
    """Why these patients are not audited this time, if there is a reason."""
    arrived = (messages, people)
    if any(row["at"] > until for rows in arrived for row in rows):
        return "something arrived just now"
    if any(row["trigger"] in NOT_FOLLOWED for row in messages):
        return "their identifiers were linked, moved or re-labelled"
    feeds = {row["feed"] for row in messages}
    if any(name not in rules.feeds or rules.feeds[name].not_followed for name in feeds):
        return "their feed's profile says what the audit does not follow"
    if any(rules.protocols.of(row["protocol"]) is None for row in cases):
        return "the protocol of a case of theirs cannot be read"
    if len({(row["root_id"], row["protocol"]) for row in cases}) > len({row["root_id"] for row in cases}):
        return "cases of one visit of theirs are under several protocols"
    if any(row.get("type") == "protocol_moved" for row in people):
        return "a case of theirs was moved to another protocol"
    return None


async def _alerts(
    db: Db, ids: list[UUID], known: frozenset[str], report: Report
) -> Iterator[tuple[Row, str]]:
    """What was alerted by the end of the audit, as it stood then."""
    found = []
    for row in await db.fetch(SQL["alerts"], ids):
        if row["kind"] not in known or row["raised_at"] > report.until:
            continue
        ended = row["ended_at"] if row["ended_at"] and row["ended_at"] <= report.until else None
        if ended != row["raised_at"]:
            told = row["kind"], row["root_id"], row["raised_at"], row["status"], ended, row["severity"]
            found.append((_row(*told), row["episode_id"]))
    return iter(found)


def _ours(alerts: Iterable[Expected], roots: Mapping[Any, UUID]) -> list[Row]:
    return [
        _row(each.kind, roots[each.named], each.raised_at, each.status, each.ended_at, each.severity)
        for each in alerts
        if each.named in roots and each.ended_at != each.raised_at
    ]


def _row(kind: str, root: UUID, raised: datetime, status: str, ended: datetime | None, severity: str) -> Row:
    """Who has taken an alert that still stands makes no difference here."""
    status = status if ended else "standing"
    return Row(kind, root, iso(raised), status, iso(ended) if ended else "", severity)


def _compare(
    ours: list[Row],
    found: list[tuple[Row, str]],
    case_of: Mapping[UUID, str],
    since: datetime | None,
    report: Report,
) -> None:
    start = iso(since) if since else ""
    rest = [(row, case) for row, case in found if row.raised >= start]
    for row in [row for row in ours if row.raised >= start]:
        same = next((each for each in rest if each[0] == row), None)
        if same:
            rest.remove(same)
            continue
        near = next((each for each in rest if each[0][:3] == row[:3]), None)
        if near:
            rest.remove(near)
            same_end = row[:-1] == near[0][:-1]
            say = _loud if same_end else _stood
            sentence = f"should be {say(row)}, and is {say(near[0])}"
            report.differences.append(_difference(near[1], row, sentence))
        else:
            report.differences.append(
                _difference(
                    case_of.get(row.root), row, f"should have been raised at {row.raised}, and was not"
                )
            )
    for row, case in rest:
        report.differences.append(
            _difference(case, row, f"was raised at {row.raised}, and should not have been")
        )


def _stood(row: Row) -> str:
    return f"{row.status} since {row.ended}" if row.ended else "standing"


def _loud(row: Row) -> str:
    return f"of severity {row.severity}"


def _difference(case: str | None, row: Row, what: str) -> Difference:
    name = f"Case {case}" if case else "A visit without a case"
    return Difference(case, row.kind, f"{name}: {row.kind} {what}.")


def _compare_late(
    late: Iterable[Expected],
    roots: Mapping[Any, UUID],
    items: Iterable[Any],
    case_of: Mapping[UUID, str],
    report: Report,
) -> None:
    """The lists hold only what is still owed, so only that can be compared."""
    skipped = set(report.not_followed)
    ours = {(each.duty, roots[each.named]) for each in late if each.ended_at is None and each.named in roots}
    theirs = {
        (row["kind"], row["root_id"]): row["episode_id"]
        for row in items
        if row["kind"] not in skipped and row["since"] <= report.until
    }
    for kind, root in sorted(ours - theirs.keys()):
        row = Row(kind, root, "", "", "", "")
        what = "should stand on the list of what was late when learned, and does not"
        report.differences.append(_difference(case_of.get(root), row, what))
    for kind, root in sorted(theirs.keys() - ours):
        row = Row(kind, root, "", "", "", "")
        what = "stands on the list of what was late when learned, and should not"
        report.differences.append(_difference(theirs[kind, root], row, what))
