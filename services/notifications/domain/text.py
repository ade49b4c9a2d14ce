"""What leaves the house as text: a severity, a kind of work, how late it is, a case number, a link. Nothing else."""

import re
from datetime import datetime, timedelta

from services.notifications.domain.model import (
    DONE,
    DUE_SOON,
    LATE_KNOWN,
    MISSED,
    NOT_NEEDED,
    Alert,
)

_CASE = re.compile(r"[A-Z0-9]{6,12}")
_SEVERITIES = ("P1", "P2", "P3", "P4")
GENERIC_TEAM = "care team"


def text(alert: Alert, app_url: str, now: datetime) -> str:
    """One line about the alert as it stands at `now`, safe for a pager, a chat, a subject line.

    `app_url` is scheme and host of the application, without a slash at its end.
    """
    severity = alert.severity if alert.severity in _SEVERITIES else "P3"
    case = alert.episode_id if alert.episode_id and _CASE.fullmatch(alert.episode_id) else None
    link = f"{app_url}/c/{case}" if case else f"{app_url}/"
    parts = [
        f"[{severity}]",
        label(alert.kind),
        _state(alert, now),
        *([f"case {case}"] if case else []),
        link,
    ]
    return " ".join(parts)


def url(alert: Alert, app_url: str) -> str:
    """Where the case can be looked at."""
    return text(alert, app_url, alert.raised_at).rsplit(" ", 1)[1]


def label(kind: str) -> str:
    """The kind of work in capitals, as a pager shows it."""
    for suffix in (MISSED, DUE_SOON, "_detected"):
        kind = kind.removesuffix(suffix)
    return re.sub(r"[^A-Z0-9_]", "_", kind.upper()) or "ITEM"


def _state(alert: Alert, now: datetime) -> str:
    if alert.ended_at is not None and alert.ending in {DONE, NOT_NEEDED}:
        return "done" if alert.ending == DONE else "no longer needed"
    if alert.kind == LATE_KNOWN:
        return f"{alert.items} items"
    if alert.due_at is None:
        return "detected"
    left = alert.due_at - now
    return f"due in {_span(left)}" if left > timedelta(0) else f"overdue {_span(-left)}"


def _span(length: timedelta) -> str:
    minutes = int(length.total_seconds() // 60)
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h"
    return f"{minutes // (24 * 60)} d"


class Names:
    """Names of units and teams as they may leave: those that reveal a diagnosis become a generic team's."""

    def __init__(self, revealing: list[str], generic: str = GENERIC_TEAM) -> None:
        """Take the words (parts of a name, in any case) that reveal one."""
        self._revealing = (
            re.compile("|".join(map(re.escape, revealing)), re.IGNORECASE) if revealing else None
        )
        self._generic = generic

    def team(self, name: str) -> str:
        return self._generic if self._reveals(name) else name

    def unit(self, name: str | None) -> str | None:
        return None if name is None or self._reveals(name) else name

    def _reveals(self, name: str) -> bool:
        return self._revealing is not None and self._revealing.search(name) is not None
