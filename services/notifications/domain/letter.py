"""A message as a mail says it: a few lines of plain text, and nothing of the patient."""

from datetime import UTC, datetime

from services.notifications.domain.model import ACKNOWLEDGED, Alert
from services.notifications.domain.notices import RESOLVE
from services.notifications.domain.text import Names, url

_IMPORTANCE = {"P1": "high", "P2": "high", "P4": "low"}

FOOTER = """\
Acknowledging says that you have it; only the work itself ends it.
Baton sends this by itself and reads no answers. The same Message-ID again is the same message."""


def letter(alert: Alert, reason: str, said: str, app_url: str, names: Names) -> str:
    """The body: what is said, where to look, which team, which times (UTC), and who sends this."""
    facts = {
        "Case": url(alert, app_url),
        "Team": _one_line(names.team(alert.team)),
        "Unit": _one_line(names.unit(alert.unit) or ""),
        "Due": _at(alert.due_at),
        "Raised": _at(alert.raised_at),
        "Ended": _at(alert.ended_at),
    }
    lines = [f"{name + ':':8}{value}" for name, value in facts.items() if value]
    return "\n".join([said, "", _what_now(alert, reason), "", *lines, "", "-- ", FOOTER, ""])


def importance(alert: Alert, reason: str) -> str:
    """RFC 2156: high, normal or low. An end asks nothing of anybody."""
    return "normal" if reason == RESOLVE else _IMPORTANCE.get(alert.severity, "normal")


def _what_now(alert: Alert, reason: str) -> str:
    if reason == RESOLVE:
        return "This has ended: nobody has to act on it any more."
    return "Somebody has this." if alert.status == ACKNOWLEDGED else "Nobody has said yet to have this."


def _one_line(name: str) -> str:
    """A name from outside, without anything that would begin a line of its own."""
    return " ".join("".join(each if each.isprintable() else " " for each in name).split())


def _at(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""
