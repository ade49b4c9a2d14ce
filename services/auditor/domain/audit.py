"""What should have been alerted, from raw messages and actions."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from schemas.reference.facilities import Facilities
from services.auditor.domain.actions import Deed, Key, Known, deeds
from services.auditor.domain.feed import Feed
from services.auditor.domain.message import Message, read
from services.auditor.domain.protocol import Protocol
from services.auditor.domain.timeline import Expected, Timeline, grouped
from services.auditor.domain.world import Families, person_of

FeedOf = Callable[[bytes], Feed]


def audit(
    messages: Iterable[tuple[datetime, Feed, bytes]],
    actions: Iterable[tuple[datetime, Mapping[str, Any]]],
    protocol: Protocol,
    facilities: Facilities,
    until: datetime,
    others: Mapping[Key, Protocol] | None = None,
) -> list[Expected]:
    """Give every alert there should have been by `until`, those that ended too.

    `others` are visits whose cases stand under another protocol than the present one.
    """
    alerts, late = apart(messages, actions, protocol, facilities, until, others)
    return alerts + grouped(late)


def apart(
    messages: Iterable[tuple[datetime, Feed, bytes]],
    actions: Iterable[tuple[datetime, Mapping[str, Any]]],
    protocol: Protocol,
    facilities: Facilities,
    until: datetime,
    others: Mapping[Key, Protocol] | None = None,
) -> tuple[list[Expected], list[Expected]]:
    """The same, with what stood on the lists of late items not yet put together: one of each duty."""
    read_ones = [read(at, feed, raw, facilities) for at, feed, raw in messages]
    said = [each for each in read_ones if each is not None and each.arrived <= until]
    done = deeds(((at, data) for at, data in actions if at <= until), numbers(said), protocol.clock_skew)
    alerts: list[Expected] = []
    late: list[Expected] = []
    for theirs, their_deeds in families(said, done):
        line = Timeline(protocol, facilities, others or {})
        line.run(theirs, their_deeds, until)
        alerts += line.alerts
        late += line.late
    return alerts, late


def numbers(messages: Iterable[Message]) -> dict[str, list[Known]]:
    """Every visit number in use, and by whom."""
    found: dict[tuple[Key, str], Known] = {}
    for message in sorted(messages, key=lambda m: m.arrived):
        if message.visit is not None and message.number:
            known = Known(message.visit, message.facility, message.arrived)
            found.setdefault((message.visit, message.facility), known)
    by_number: dict[str, list[Known]] = defaultdict(list)
    for known in found.values():
        by_number[known.key[2]].append(known)
    return by_number


def families(messages: Sequence[Message], done: Sequence[Deed]) -> Iterable[tuple[list[Message], list[Deed]]]:
    """Messages and actions that can have to do with each other: of one person, of one visit, merged, linked."""
    joined = Families()
    for message in messages:
        me = person_of(message.patient)
        joined.root(me)
        for other in message.enterprise:
            joined.join(me, ("enterprise", other.authority, other.number))
        if message.retired is not None:
            joined.join(me, person_of(message.retired))
        if message.visit is not None:
            joined.join(me, ("visit", *message.visit))
    theirs: dict[Any, list[Message]] = defaultdict(list)
    for message in messages:
        theirs[joined.root(person_of(message.patient))].append(message)
    did: dict[Any, list[Deed]] = defaultdict(list)
    for deed in done:
        if deed.visit is not None:
            did[joined.root(("visit", *deed.visit))].append(deed)
    withdrawals = [deed for deed in done if deed.visit is None]
    for root, group in theirs.items():
        yield group, did[root] + withdrawals
