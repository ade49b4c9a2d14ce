"""What is wrong with a protocol that has its shape: contradictions, which end a start, and holes, which a check tells."""

from collections.abc import Iterator
from datetime import time, timedelta
from typing import get_args

from msgspec import Struct

from schemas.reference.dispositions import Category
from services.chassis.yaml_file import Keys
from services.transitions.domain.protocol import UNKNOWN
from services.transitions.protocols.layer import LayerFile
from services.transitions.protocols.shape import DeadlineFile, OpeningFile, ProtocolFile, WarningFile

_DAY = timedelta(days=1)
_CLOCK_CHANGE = timedelta(hours=1)
_CATEGORIES = frozenset(get_args(Category))
_DEAD = "expired"
_RECEIVERS = {"receiving_unit": "unit_handoff", "receiving_facility": "facility_handoff"}
TRANSFERS: Keys = ("transfers",)


class Wrong(Struct, frozen=True):
    """A sentence about the value at `keys`: it goes on where the key ends."""

    keys: Keys
    sentence: str


def contradictions(said: ProtocolFile) -> Iterator[Wrong]:
    """What cannot work, whatever patients come."""
    if said.dispositions.get(UNKNOWN) is None:
        yield Wrong(("dispositions",), "opens nothing for `unknown`; say what is owed while nobody knows")
    for category in said.dispositions.keys() - _CATEGORIES:
        yield Wrong(
            ("dispositions", category), f"is no destination; take one of {', '.join(sorted(_CATEGORIES))}"
        )
    for kind, deadline in said.deadlines.items():
        yield from _deadline(("deadlines", kind), deadline, said.deadlines, said.engine.window_days)
    for keys, opening in _openings(said):
        for n, kind in enumerate(opening.deadlines):
            yield from _named((*keys, "deadlines", n), kind, opening, said.deadlines)
            if kind in opening.deadlines[:n]:
                yield Wrong((*keys, "deadlines", n), f"names {kind} a second time; once is enough")


def contradictions_of_layer(said: LayerFile, base: ProtocolFile) -> Iterator[Wrong]:
    """What cannot work in this layer over that protocol."""
    known = base.deadlines | said.deadlines
    for kind, deadline in said.deadlines.items():
        if kind in base.deadlines:
            yield Wrong(("deadlines", kind), f"is defined by {base.name} already; give it a name of its own")
        yield from _deadline(("deadlines", kind), deadline, known, base.engine.window_days)
    for category, kinds in said.adds.items():
        opening = base.dispositions.get(category)
        if opening is None:
            yield Wrong(("adds", category), f"opens nothing in {base.name}; leave it out, or open it there")
            continue
        for n, kind in enumerate(kinds):
            yield from _named(("adds", category, n), kind, opening, known)
            if kind in opening.deadlines:
                yield Wrong(("adds", category, n), f"is owed by {base.name} already; leave it out")
    for kind in said.not_owed - known.keys():
        yield Wrong(("not_owed",), f"names {kind}, which nothing defines; correct or remove it")


def holes(said: ProtocolFile) -> Iterator[Wrong]:
    """What can work and is most likely not meant."""
    for category in sorted(_CATEGORIES - said.dispositions.keys() - {UNKNOWN}):
        yield Wrong(
            ("dispositions",),
            f"leads nowhere from {category}, which is then owed as unknown; say what it opens",
        )
    if said.dispositions.get(_DEAD) is not None:
        yield Wrong(("dispositions", _DEAD), "owes something to the dead; write `none`")
    owed = {kind for _, opening in _openings(said) for kind in opening.deadlines}
    for kind in said.deadlines.keys() - owed:
        yield Wrong(("deadlines", kind), "is owed by nobody; name it where it should be owed, or remove it")
    for keys, opening in _openings(said):
        tiers = {said.deadlines[kind].complexity for kind in opening.deadlines if kind in said.deadlines} - {
            None
        }
        for missing in {"moderate", "high"} - tiers if tiers else ():
            yield Wrong(
                (*keys, "deadlines"), f"has no rule for {missing} complexity; add one, or drop the other"
            )
    for kind, deadline in said.deadlines.items():
        for n, warning in enumerate(deadline.warnings):
            if warning.severity < min(deadline.severity, deadline.severity_low_risk or deadline.severity):
                yield Wrong(
                    ("deadlines", kind, "warnings", n), "is louder than the miss itself; swap the two"
                )


def holes_of_layer(said: LayerFile) -> Iterator[Wrong]:
    owed = {kind for kinds in said.adds.values() for kind in kinds}
    for kind in said.deadlines.keys() - owed:
        yield Wrong(("deadlines", kind), "is owed by nobody; name it under `adds`, or remove it")
    if not (said.adds or said.not_owed or said.opens_after):
        yield Wrong(
            ("name",), "is the name of a layer that changes nothing; add something, or remove the file"
        )


def _openings(said: ProtocolFile) -> Iterator[tuple[Keys, OpeningFile]]:
    if said.transfers is not None:
        yield TRANSFERS, said.transfers
    for category, opening in said.dispositions.items():
        if opening is not None:
            yield ("dispositions", category), opening


def _named(keys: Keys, kind: str, opening: OpeningFile, known: dict[str, DeadlineFile]) -> Iterator[Wrong]:
    """A deadline where it is owed: it must be there, and something must be able to satisfy it."""
    if kind not in known:
        yield Wrong(keys, f"names the deadline {kind}, which is not defined; define it, or correct the name")
    elif known[kind].met_by.acknowledgement is not None and opening.opens == "discharge":
        yield Wrong(keys, f"owes {kind}, which nothing can satisfy: nobody acknowledges a discharge home")
    elif known[kind].met_by.acknowledgement is None and opening.opens == "unit_handoff":
        yield Wrong(keys, f"owes {kind}, which nothing can satisfy: only acknowledgements are of a transfer")
    elif (role := known[kind].responsible) in _RECEIVERS and _RECEIVERS[role] != opening.opens:
        yield Wrong(
            keys,
            f"makes the {_say(role)} responsible for {kind}, and nobody receives anything here; name another role",
        )


def _say(role: str) -> str:
    return role.replace("_", " ")


def _deadline(keys: Keys, said: DeadlineFile, known: dict[str, DeadlineFile], window: int) -> Iterator[Wrong]:
    due = said.due
    if due.elapsed == timedelta(0):
        yield Wrong((*keys, "due"), "is over when it begins; give it some time")
    for kind in due.with_visit or ():
        days = known[kind].due if kind in known else None
        if days is None or (days.business_days, days.end_of_day) == (None, None):
            yield Wrong(
                (*keys, "due", "with_visit"), f"names {kind}, which is no deadline of days; name one that is"
            )
    if said.complexity is None and due.with_visit and {known[k].complexity for k in due.with_visit if k in known} in (
        {"high"}, {"moderate"}
    ):  # fmt: skip
        yield Wrong(
            (*keys, "due", "with_visit"), "knows no visit at the other complexity; name that one as well"
        )
    longest = _longest(said, known)
    if longest is not None and longest > (window + 1) * _DAY + _CLOCK_CHANGE:
        yield Wrong(
            (*keys, "due"),
            f"lies behind the end of the episode, {window} days after the discharge; let it end earlier",
        )
    action = said.met_by.action
    if action and due.end_of_day is not None and action.from_day > due.end_of_day:
        yield Wrong((*keys, "met_by"), "can never be in time: it counts only when the deadline is over")
    contact = said.met_by.contact
    if contact and contact.outcomes <= contact.no_attempt:
        yield Wrong(
            (*keys, "met_by"), "says of all that satisfies that it is no attempt; correct one of the two"
        )
    for n, warning in enumerate(said.warnings):
        yield from _warning((*keys, "warnings", n), warning, said, known)


def _warning(
    keys: Keys, warning: WarningFile, said: DeadlineFile, known: dict[str, DeadlineFile]
) -> Iterator[Wrong]:
    """A warning that never comes, because the deadline is over by then or has not begun."""
    due, longest = said.due, _longest(said, known)
    after = before = False
    if warning.after_start is not None:
        after, before = (
            longest is not None and warning.after_start >= longest,
            warning.after_start == timedelta(0),
        )
    elif warning.before_due is not None:
        after, before = (
            warning.before_due == timedelta(0),
            longest is not None and warning.before_due >= longest,
        )
    elif warning.business_day is not None and due.business_days is not None:
        after = warning.business_day > due.business_days
    elif (day := warning.day if warning.business_day is None else warning.business_day) is not None:
        # The first instant of that day, at the earliest, after a discharge in the last minute of its own.
        earliest = (day - 1) * _DAY + _since_midnight(warning.at) - _CLOCK_CHANGE
        last = _last_day(said, known)
        after = day > last if last is not None else longest is not None and earliest >= longest
        before = day == 0 and warning.at == time()
    if after:
        yield Wrong(keys, "comes when the deadline is over; let it come earlier")
    if before:
        yield Wrong(keys, "comes before the clock has begun; let it come later")


def _since_midnight(clock: time | None) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute) if clock else timedelta(0)


def _last_day(said: DeadlineFile, known: dict[str, DeadlineFile]) -> int | None:
    """The last calendar day of a deadline of days, where that is a number."""
    if said.due.with_visit:
        days = [_last_day(known[kind], known) for kind in said.due.with_visit if kind in known]
        return max((day for day in days if day is not None), default=None)
    return said.due.end_of_day


def _longest(said: DeadlineFile, known: dict[str, DeadlineFile]) -> timedelta | None:
    """The longest that it can last, where that is known: with the day of the discharge and a change of clocks."""
    if said.due.elapsed is not None:
        return said.due.elapsed
    last = _last_day(said, known)
    return None if last is None else (last + 1) * _DAY + _CLOCK_CHANGE
