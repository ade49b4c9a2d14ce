"""How one duty stands at one instant: pending, met, attempted, missed, met late, waived or ended."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.auditor.domain.actions import Deed
from services.auditor.domain.owing import Duty
from services.auditor.domain.protocol import Protocol
from services.auditor.domain.work import done as done_as
from services.auditor.domain.work import satisfies

_WORDS = frozenset({"handoff_acknowledged", "handoff_declined", "handoff_delegated"})


@dataclass(frozen=True, slots=True)
class Settled:
    """`tried` are the attempts since the start; `waived` tells that nobody asks for it any more."""

    status: str
    tried: tuple[datetime, ...] = ()
    waived: bool = False


def settle(duty: Duty, acknowledged: datetime | None, now: datetime) -> Settled:
    protocol = duty.protocol
    contact = protocol.rule(duty.kind)["met_by"].get("contact")
    done = acknowledged
    tried: tuple[datetime, ...] = ()
    if contact is not None:
        done, tried = _contact(duty, contact)
    elif "action" in protocol.rule(duty.kind)["met_by"]:
        wanted = protocol.rule(duty.kind)["met_by"]["action"]
        done = min(done_as(duty.deeds, wanted, duty.start, duty.place.zone), default=None)
    waived = min(
        (d.at for d in duty.deeds if d.said.type == "deadline_waived" and d.said.kind == duty.kind),
        default=None,
    )
    ended = duty.ended
    in_time = done is not None and done < duty.due
    if in_time and (ended is None or done < ended[0]):  # type: ignore[operator]
        return Settled("met", tried)
    if waived is not None and waived < duty.due:
        return Settled("waived", tried, waived=True)
    if ended is not None and duty.closes == ended[0] and ended[0] <= duty.due and ended[0] <= now:
        return Settled("ended", tried)
    if now < duty.due:
        return Settled("pending", tried)
    if contact is not None and _enough(duty, tried, contact, protocol):
        return Settled("attempted", tried)
    if done is not None:
        return Settled("met_late", tried)
    return Settled("missed", tried, waived=waived is not None)


def _contact(duty: Duty, rule: Any) -> tuple[datetime | None, tuple[datetime, ...]]:
    calls = [d for d in duty.deeds if d.said.type == "contact_attempted" and d.at >= duty.start]
    done = [d.at for d in calls if satisfies(d, rule)]
    tried = [
        d.at
        for d in calls
        if d.said.type == "contact_attempted" and d.said.outcome not in rule.get("no_attempt", ())
    ]
    return min(done, default=None), tuple(sorted(tried))


def _enough(duty: Duty, tried: Sequence[datetime], rule: Any, protocol: Protocol) -> bool:
    if not rule.get("attempts"):
        return False
    separate: list[datetime] = []
    for at in tried:
        if at < duty.due and (not separate or at - separate[-1] >= protocol.attempt_gap):
            separate.append(at)
    return len(separate) >= int(rule["attempts"])


def handovers(duties: Iterable[Duty]) -> tuple[dict[Any, datetime], list[tuple[Duty, Deed]]]:
    """Which handoff each word of a receiver is about, in the order they were given: when it was accepted, and refusals.

    The latest one begun by then that nobody has accepted, else the next one soon after. Of one that was over it says nothing.
    """
    accepted: dict[Any, datetime] = {}
    refused: list[tuple[Duty, Deed]] = []
    given: dict[int, tuple[Deed, list[Duty]]] = {}
    for duty in duties:
        if "acknowledgement" in duty.protocol.rule(duty.kind)["met_by"]:
            for deed in duty.deeds:
                if deed.said.type in _WORDS:
                    given.setdefault(id(deed), (deed, []))[1].append(duty)
    for deed, about in sorted(given.values(), key=lambda each: (each[0].at, each[0].arrived)):
        kind = getattr(deed.said, "kind", None)
        fits = [d for d in about if d.key not in accepted and kind in {None, d.kind}]
        open_now = [d for d in fits if d.start <= deed.at]
        soon = [d for d in fits if deed.at < d.start <= deed.at + d.protocol.ack_lead]
        if not open_now and not soon:
            continue
        duty = max(open_now, key=lambda d: d.start) if open_now else min(soon, key=lambda d: d.start)
        if duty.ended is not None and deed.at >= duty.ended[0]:
            continue
        if deed.said.type == "handoff_declined":
            refused.append((duty, deed))
        elif deed.said.type == "handoff_acknowledged" and deed.said.read_back:
            accepted[duty.key] = deed.at
    return accepted, refused
