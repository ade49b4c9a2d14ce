"""ADT: from the bytes of one message to its canonical event, or to the reason why there is none."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec import structs

from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent, Rejection
from services.admissions.hl7 import er7, event
from services.admissions.hl7.er7 import Segments
from services.admissions.hl7.event import Header
from services.admissions.hl7.rules import FeedRules, rules_of
from services.admissions.hl7.triggers import GROUPED, IGNORED, TYPES

_NOT_ADT = Rejection("not_adt", "MSH-9.1 is not ADT.", "MSH", 9)
_NO_EVENT = Rejection("no_event", "MSH-9.2 names no trigger event.", "MSH", 9)
_UNKNOWN_EVENT = Rejection(
    "unknown_event", "MSH-9.2 names an event this strict feed does not take.", "MSH", 9
)
_NO_CONTROL_ID = Rejection("no_control_id", "MSH-10 is empty, or longer than any control id.", "MSH", 10)
_LONGEST_CONTROL_ID = 250

_NO_FIELDS = [""] * 64


def normalize(
    data: bytes, profile: FeedProfile, *, zone_of: Callable[[str], ZoneInfo], received_at: datetime
) -> AdtEvent | tuple[AdtEvent, ...] | Rejection:
    """Read one message under its feed's profile. Whatever the bytes are, the answer is a value, never an error.

    A swap (A17) and a merge with several groups give one event for each of their patients, the later ones
    with a suffix to the event id. `zone_of` must answer for every facility, known or not.
    """
    message = er7.read(data, profile.fallback_charset, profile.charsets)
    if isinstance(message, Rejection):
        return message
    rules = rules_of(profile)
    header = _header(message, rules)
    if isinstance(header, Rejection):
        return header
    received_at = received_at.astimezone(UTC)
    if header.trigger not in GROUPED:
        return event.build(header, message.segments, message, rules, zone_of, received_at)
    events: list[AdtEvent] = []
    for segments in _groups(message.lines, split_at_mrg=header.trigger != "A17"):
        built = event.build(header, segments, message, rules, zone_of, received_at)
        if isinstance(built, Rejection):
            return built
        events.append(
            structs.replace(built, event_id=f"{built.event_id}-{len(events) + 1}") if events else built
        )
    return events[0] if len(events) == 1 else tuple(events)


def _header(message: er7.Message, rules: FeedRules) -> Header | Rejection:
    """Only MSH-9.2 names the event: MSH-9.3 is advice, and EVN-1 speaks where an old feed sends bare `ADT`."""
    msh, dialect = message.header, message.dialect
    event_type = message.first("EVN") or _NO_FIELDS
    kind = dialect.first_leaves(msh[9])
    if kind[0].upper() != "ADT":
        return _NOT_ADT
    trigger = (kind[1] or dialect.value(event_type[1])).upper()
    if not trigger:
        return _NO_EVENT
    if trigger not in TYPES and rules.profile.strict_events:
        return _UNKNOWN_EVENT
    control_id = dialect.leaf(msh[10])
    if not control_id or len(control_id) > _LONGEST_CONTROL_ID:
        return _NO_CONTROL_ID
    processing_id = dialect.value(msh[11]).upper()
    if not processing_id:
        message.flags.append("no_processing_id")
    if not msh[12].startswith("2"):
        message.flags.append("unknown_version")
    sequence = dialect.leaf(msh[13])
    identity = (rules.profile.feed, msh[3], msh[4], control_id, message.fingerprint)
    return Header(
        trigger=trigger,
        type=TYPES.get(trigger, IGNORED),
        control_id=control_id,
        application=dialect.organisation(msh[3]),
        facility=dialect.organisation(msh[4]),
        event_id=hashlib.sha256("\x1f".join(identity).encode()).hexdigest()[:32],
        # Without a word on it a message is taken for real: a drill acted on costs less than a patient missed.
        test=processing_id not in rules.processing_ids if processing_id else False,
        sequence=int(sequence)
        if sequence.isascii() and sequence.isdecimal() and len(sequence) < 19
        else None,
        msh=msh,
        event_type=event_type,
    )


def _groups(lines: list[str], *, split_at_mrg: bool) -> list[Segments]:
    """The groups that begin with PID (ADT_A17, ADT_A39, ADT_A43) or, under one PID, with MRG (ADT_A45)."""
    groups = [
        group
        for whole in _split(lines, "PID")
        for group in (_split(whole, "MRG") if split_at_mrg else [whole])
    ]
    return [er7.by_name(group) for group in groups]


def _split(lines: list[str], name: str) -> list[list[str]]:
    """Cut before every segment of this name; what stands before the first belongs to each part."""
    starts = [number for number, line in enumerate(lines) if line.startswith(name)]
    if len(starts) < 2:
        return [lines]
    common = lines[: starts[0]]
    return [common + lines[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
