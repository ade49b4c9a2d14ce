"""A scenario told twice: by the replay's outcome and by the audit, as rows that can be compared."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from baton import replay
from schemas.base import iso
from schemas.reference.facilities import Facilities
from services.auditor.domain.audit import audit
from services.auditor.domain.feed import Feed
from services.auditor.domain.protocol import Protocol
from services.auditor.protocols import Protocols

Row = tuple[Any, ...]
PROTOCOL = "transitions-of-care"
FACILITIES = Facilities.shipped()
LATE = "late_known"


def differences(
    lines: list[replay.Line], until: datetime, outcome: dict[str, Any], label: str = PROTOCOL
) -> list[str]:
    """What the audit and the outcome do not agree on, `expected` what the audit misses, `found` what it would not say."""
    protocol = Protocols(label, None).present
    ours, theirs = expected(lines, until, protocol), alerted(outcome, protocol)
    found = [f"expected {row}" for row in ours if row not in theirs and row[1] != LATE]
    found += [f"found {row}" for row in theirs if row not in ours and row[1] != LATE]
    lists = [row for row in theirs if row[1] == LATE]
    return found + [f"expected {row}" for row in ours if row[1] == LATE and not _covered(row, lists)]


def expected(lines: Iterable[replay.Line], until: datetime, protocol: Protocol) -> list[Row]:
    """What the audit says should have been alerted."""
    lines = list(lines)
    found = audit(
        [(line.at, Feed(), line.adt) for line in lines if line.adt is not None],
        [(line.at, json.loads(line.action)) for line in lines if line.action is not None],
        protocol,
        FACILITIES,
        until,
    )
    return _rows(
        (
            a.kind,
            a.severity,
            a.visit,
            a.index_visit,
            iso(a.raised_at),
            a.status,
            iso(a.ended_at) if a.ended_at else None,
        )
        for a in found
    )


def alerted(outcome: dict[str, Any], protocol: Protocol) -> list[Row]:
    """What the system's own rules alerted, without what the audit does not follow."""
    followed = protocol.alerts() | {LATE}
    return _rows(
        (a["kind"], a["severity"], a["visit"], a["index_visit"], a["raised_at"], a["status"], a["ended_at"])
        for a in outcome["alerts"]
        if a["kind"] in followed
    )


def _rows(alerts: Iterable[Row]) -> list[Row]:
    """In one order; who was told and untold at one instant was told nothing, and a list taken is still a list."""
    kept = []
    for kind, severity, visit, index, raised, status, ended in alerts:
        if raised != ended:
            said = "firing" if kind == LATE and ended is None else status
            kept.append((raised, kind, severity, visit or "", index or "", said, ended or ""))
    return sorted(kept)


def _covered(row: Row, lists: list[Row]) -> bool:
    """Whether a list of late items was shown all the while: other items may keep it open longer."""
    return any(each[0] <= row[0] and (not each[-1] or (row[-1] and row[-1] <= each[-1])) for each in lists)
