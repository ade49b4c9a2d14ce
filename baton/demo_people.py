"""What the demo hospital's people did about its past: most of what was owed, so that its list begins calm."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from baton.simulate import Sent
from schemas.base import iso

HOME = ("(01)", "(06)")
ELSEWHERE = ("(02)", "(03)", "(62)", "(63)", "(64)", "(65)")
CAREFUL = 0.93
"""Of what was owed so much was done; the rest is work, late when it was learned."""

Action = dict[str, Any]


def deeds(sent: Iterable[Sent], until: datetime) -> Iterator[Action]:
    """Give what was done about these messages' visits before `until`; the same for the same messages."""
    for each in sent:
        chance = Random(each.id)
        for action, after in _about(each, chance):
            done_at = each.at + after
            if chance.random() < CAREFUL and done_at < until:
                yield action | {"visit": each.visit, "occurred_at": iso(done_at)}


def _about(sent: Sent, chance: Random) -> list[tuple[Action, timedelta]]:
    """Each deed with its time after the message."""
    if sent.trigger in {"A02", "A06"} or (
        sent.trigger == "A03" and any(word in sent.what for word in ELSEWHERE)
    ):
        minutes = timedelta(minutes=chance.randrange(5, 40))
        return [({"type": "handoff_acknowledged", "read_back": True, "by": "charge.nurse"}, minutes)]
    if sent.trigger != "A03" or not any(word in sent.what for word in HOME):
        return []
    called, seen = timedelta(hours=chance.randrange(15, 30)), timedelta(days=chance.randrange(3, 7))
    call = {"type": "contact_attempted", "channel": "phone", "party": "patient", "by": "rn.demo"}
    found: list[tuple[Action, timedelta]] = [
        ({"type": "pcp_notified", "by": "clerk.demo"}, timedelta(hours=chance.randrange(2, 20))),
        (call | {"outcome": "reached"}, called),
        ({"type": "visit_completed", "by": "dr.demo"}, seen),
        ({"type": "medications_reconciled", "by": "pharm.demo"}, seen + timedelta(minutes=20)),
    ]  # fmt: skip
    if chance.random() < 0.3:
        found.append((call | {"outcome": "no_answer"}, called - timedelta(hours=4)))
    return found


def bookings(sent: Iterable[Sent], until: datetime) -> Iterator[Action]:
    """Give the visits that are booked and still to come."""
    for each in sent:
        if each.trigger == "A03" and any(word in each.what for word in HOME):
            occurs_at = each.at + timedelta(days=6)
            if occurs_at > until and Random(each.id).random() < CAREFUL:
                yield {
                    "type": "appointment_booked",
                    "visit": each.visit,
                    "occurs_at": iso(occurs_at),
                    "by": "clerk.demo",
                }
