"""ADT: from the bytes of one message to its canonical event, or to the reason why there is none."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec import structs

from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent, Rejection
from services.admissions.hl7 import er7, event
from services.admissions.hl7.header import read_header
from services.admissions.hl7.rules import rules_of
from services.admissions.hl7.triggers import GROUPED


def normalize(
    data: bytes, profile: FeedProfile, *, zone_of: Callable[[str], ZoneInfo], received_at: datetime
) -> AdtEvent | tuple[AdtEvent, ...] | Rejection:
    """Read one message under its feed's profile. Whatever the bytes are, the answer is a value, never an error.

    A swap (A17) and a merge with several groups give one event for each of their patients, the later ones
    with a suffix to the event id. `zone_of` must answer for every facility, known or not, and always alike.
    """
    message = er7.read(data, profile.fallback_charset, profile.charsets)
    if isinstance(message, Rejection):
        return message
    rules = rules_of(profile)
    header = read_header(message, rules)
    if isinstance(header, Rejection):
        return header
    received_at = received_at.astimezone(UTC)
    trigger = header.kind.trigger
    if trigger not in GROUPED:
        return event.build(header, message.lines, message, rules, zone_of, received_at)
    events: list[AdtEvent] = []
    for lines in _groups(message, split_at_mrg=trigger != "A17"):
        built = event.build(header, lines, message, rules, zone_of, received_at)
        if isinstance(built, Rejection):
            return built
        events.append(
            structs.replace(built, event_id=f"{built.event_id}-{len(events) + 1}") if events else built
        )
    return events[0] if len(events) == 1 else tuple(events)


def _groups(message: er7.Message, *, split_at_mrg: bool) -> list[list[str]]:
    """The groups that begin with PID (ADT_A17, ADT_A39, ADT_A43) or, under one PID, with MRG (ADT_A45)."""
    separator = message.dialect.field
    groups = _split(message.lines, f"PID{separator}")
    if split_at_mrg:
        groups = [part for group in groups for part in _split(group, f"MRG{separator}")]
    return groups


def _split(lines: list[str], beginning: str) -> list[list[str]]:
    """Cut before every segment that begins so; what stands before the first belongs to each part."""
    starts = [number for number, line in enumerate(lines) if line.startswith(beginning)]
    if len(starts) < 2:
        return [lines]
    common = lines[: starts[0]]
    return [common + lines[start:end] for start, end in zip(starts, [*starts[1:], None], strict=True)]
