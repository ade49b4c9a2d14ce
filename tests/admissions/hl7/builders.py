"""Messages with defaults: a test names only what it is about."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent, Rejection
from services.admissions.hl7.adt import normalize

NEW_YORK = ZoneInfo("America/New_York")
ARRIVAL = datetime(2026, 1, 9, 21, 0, tzinfo=UTC)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def segment(name: str, **fields: str) -> str:
    """A segment from its name and its fields by number, such as f19 for PV1-19."""
    numbered = {int(key[1:]): value for key, value in fields.items()}
    return "|".join([name, *(numbered.get(number, "") for number in range(1, max(numbered, default=0) + 1))])


def header(event: str = "A01", **fields: str) -> str:
    """An MSH; f1 is the separator and f2 the encoding characters, as everywhere in the standard."""
    said = {
        "f3": "ADT1",
        "f4": "HOSPA",
        "f5": "TOC",
        "f6": "HUB",
        "f7": "20260109150500-0500",
        "f9": f"ADT^{event}^ADT_A01",
        "f10": "C0001",
        "f11": "P",
        "f12": "2.5.1",
    } | fields
    numbered = {int(key[1:]): value for key, value in said.items()}
    return "|".join(["MSH", "^~\\&", *(numbered.get(number, "") for number in range(3, max(numbered) + 1))])


PID = {"f3": "70001^^^HOSPA^MR", "f5": "LINDQVIST^ASTA^^^^^L", "f7": "19500102", "f8": "F"}
PV1 = {"f2": "I", "f3": "4W^401^A^HOSPA", "f19": "V100^^^HOSPA^VN", "f44": "20260105083000-0500"}


def a_message(
    event: str = "A01",
    *more: str,
    msh: dict[str, str] | None = None,
    event_type: dict[str, str] | None = None,
    pid: dict[str, str] | None = None,
    pv1: dict[str, str] | None = None,
) -> str:
    """One message of segments ending in CR; the dictionaries add to the defaults."""
    segments = [
        header(event, **(msh or {})),
        segment("EVN", **({"f1": event, "f2": "20260109150400-0500"} | (event_type or {}))),
        segment("PID", **(PID | (pid or {}))),
        segment("PV1", **(PV1 | (pv1 or {}))),
        *more,
    ]
    return "\r".join(segments) + "\r"


def a_profile(**keys: Any) -> FeedProfile:
    return FeedProfile.model_validate({"feed": "hospa", "zone": "America/New_York"} | keys)


DEFAULT = a_profile()


def outcome(
    message: str | bytes, profile: FeedProfile = DEFAULT, received_at: datetime = ARRIVAL
) -> AdtEvent | tuple[AdtEvent, ...] | Rejection:
    data = message.encode() if isinstance(message, str) else message
    return normalize(data, profile, zone_of=lambda _: NEW_YORK, received_at=received_at)


def event_of(
    message: str | bytes, profile: FeedProfile = DEFAULT, received_at: datetime = ARRIVAL
) -> AdtEvent:
    event = outcome(message, profile, received_at)
    assert isinstance(event, AdtEvent), event
    return event


def events_of(message: str | bytes, profile: FeedProfile = DEFAULT) -> tuple[AdtEvent, ...]:
    events = outcome(message, profile)
    assert isinstance(events, tuple), events
    return events


def refusal_of(message: str | bytes, profile: FeedProfile = DEFAULT) -> Rejection:
    refusal = outcome(message, profile)
    assert isinstance(refusal, Rejection), refusal
    return refusal
