"""One ADT message, split by its own delimiters and read only as far as the audit needs it."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple
from zoneinfo import ZoneInfo

from schemas.reference.facilities import Facilities
from services.auditor.domain.diagnoses import Dg1, type_of
from services.auditor.domain.feed import Feed
from services.auditor.domain.times import Stamp, instant, stamp

NULL = '""'
_TAKES_ADMIT_TIME = frozenset({"A01", "A04"})


class Identifier(NamedTuple):
    """A number with who issued it; two hospitals may issue the same number."""

    authority: str
    number: str
    kind: str


class Segments:
    """The segments of one message. Fields count from 1; in MSH the separator itself is field 1."""

    def __init__(self, text: str) -> None:
        ends = "\r" if "\r" in text else "\n"
        rows = [row.removeprefix("\n") for row in text.split(ends)]
        if not rows[0].startswith("MSH") or len(rows[0]) < len("MSH|^"):
            raise ValueError("not HL7")
        self.separator = rows[0][3]
        marks = rows[0][4:].split(self.separator)[0]
        self.component = marks[0]
        self.repetition = marks[1:2] or "\0"
        self.rows = [row.split(self.separator) for row in rows if row.strip()]
        self.rows[0].insert(1, self.separator)

    def all(self, name: str) -> list[list[str]]:
        return [row for row in self.rows if row[0] == name]

    def field(self, name: str, number: int) -> str:
        """The field of the first such segment, or nothing."""
        row = next(iter(self.all(name)), [])
        return row[number].strip() if number < len(row) else ""

    def part(self, name: str, number: int, component: int) -> str:
        return self.component_of(self.field(name, number).split(self.repetition)[0], component)

    def component_of(self, value: str, number: int) -> str:
        parts = value.split(self.component)
        found = parts[number - 1].split("&")[0].strip() if number <= len(parts) else ""
        return "" if found == NULL else found


@dataclass(frozen=True, eq=False, slots=True)
class Message:
    """What one message says. Instants are UTC; `happened` is the event's own time, `recorded` when it was typed."""

    arrived: datetime
    feed: Feed
    trigger: str
    fingerprint: str
    order: tuple[object, ...]
    happened: datetime
    spoken_at: datetime
    recorded: datetime
    moment: datetime
    patient: Identifier
    enterprise: tuple[Identifier, ...]
    retired: Identifier | None
    visit: tuple[str, str, str] | None
    number: str
    account: str
    facility: str
    zone: ZoneInfo
    patient_class: str
    unit: str
    service: str
    place: str
    came_from: tuple[str, str] | None
    patient_type: str
    disposition: str
    admitted: datetime | None
    discharged: datetime | None
    discharge_null: bool
    died: datetime | None
    diagnoses: tuple[Dg1, ...]
    admission_type: str
    born: date | None


def read(arrived: datetime, feed: Feed, raw: bytes, facilities: Facilities) -> Message | None:
    """Read one message; None where nothing may come of it: not ADT, a test, nobody's, unreadable."""
    try:
        said = Segments(_text(raw))
    except (ValueError, IndexError):
        return None
    trigger = said.part("MSH", 9, 2)
    if said.part("MSH", 9, 1) != "ADT" or not trigger or not said.field("MSH", 10):
        return None
    if said.part("MSH", 11, 1) not in feed.processing_ids:
        return None
    default_authority = said.part("MSH", 4, 1)
    patient, enterprise = _patient(said, feed, default_authority)
    if patient is None:
        return None
    return _message(arrived, feed, said, trigger, patient, enterprise, facilities)


def _text(raw: bytes) -> str:
    raw = raw.strip(b"\x0b\x1c\r\n").removeprefix(b"\xef\xbb\xbf")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _patient(said: Segments, feed: Feed, authority: str) -> tuple[Identifier | None, tuple[Identifier, ...]]:
    """PID-3: the repetition of the preferred type, and the enterprise identifiers beside it."""
    found = _identifiers(said, said.field("PID", 3), authority)
    if feed.mrn_authorities:
        found = [each for each in found if each.authority in feed.mrn_authorities or each.kind == "EI"]
    usable = [each for each in found if each.kind in feed.mrn_types]
    usable.sort(key=lambda each: feed.mrn_types.index(each.kind))
    enterprise = tuple(each for each in found if each.kind == "EI")
    return (usable[0] if usable else None), enterprise


def _identifiers(said: Segments, field: str, authority: str) -> list[Identifier]:
    found = []
    for value in field.split(said.repetition):
        number = said.component_of(value, 1)
        if number:
            kind = said.component_of(value, 5)
            found.append(Identifier(said.component_of(value, 4) or authority, number, kind))
    return found


def _message(
    arrived: datetime,
    feed: Feed,
    said: Segments,
    trigger: str,
    patient: Identifier,
    enterprise: tuple[Identifier, ...],
    facilities: Facilities,
) -> Message:
    sender = said.part("MSH", 4, 1)
    facility = said.part("PV1", 3, 4) or said.part("PV1", 39, 1) or said.part("EVN", 7, 1) or sender
    zone = facilities.zone_of(facility)
    sent = stamp(said.field("MSH", 7))
    offset = sent.offset if sent is not None and feed.trust_msh7_offset else None
    msh7 = None if sent is None else instant(sent, None, zone)
    typed_at = _when(said.field("EVN", 2), offset, zone, feed)
    said_at = _when(said.field("EVN", 6), offset, zone, feed)
    recorded = typed_at or msh7 or arrived
    anchors = [each for each in (said_at, typed_at, msh7) if each is not None]
    admitted = _when(said.field("PV1", 44), offset, zone, feed, anchors)
    left = said.field("PV1", 45).split(said.repetition)
    left = [value for value in left if value] or [""]
    discharged = _when(next((v for v in reversed(left) if v != NULL), ""), offset, zone, feed, anchors)
    spoken = said_at or recorded
    if trigger in _TAKES_ADMIT_TIME:
        happened = admitted or spoken
    elif trigger == "A06":
        happened = said_at or admitted or recorded
    elif trigger == "A03":
        happened = discharged or spoken
    else:
        happened = spoken
    fingerprint = _fingerprint(said)
    visit_authority = said.part("PV1", 19, 4) or sender
    number = said.part("PV1", 19, 1)
    account = said.part("PID", 18, 1)
    key = None
    if said.all("PV1") and (number or account):
        key = (feed.name, visit_authority if number else sender, number or f"account {account}")
    dead = said.part("PID", 30, 1) in feed.death_words
    died = _when(said.field("PID", 29), offset, zone, feed, anchors)
    retired = _identifiers(said, said.field("MRG", 1), sender)
    control = said.field("MSH", 10)
    return Message(
        arrived=arrived,
        feed=feed,
        trigger=trigger,
        fingerprint=fingerprint,
        order=(
            recorded,
            msh7 or recorded,
            said.field("MSH", 13),
            (0, int(control), "") if control.isdecimal() else (1, 0, control),
            fingerprint,
        ),
        happened=happened,
        spoken_at=said_at or happened,
        recorded=recorded,
        moment=said_at or recorded,
        patient=patient,
        enterprise=enterprise,
        retired=retired[0] if retired else None,
        visit=key,
        number=number,
        account=account,
        facility=facility,
        zone=zone,
        patient_class=said.part("PV1", 2, 1),
        unit=said.part("PV1", 3, 1),
        service=said.part("PV1", 10, 1),
        place=said.part("PV1", 3, 4),
        came_from=(said.part("PV1", 6, 1), said.part("PV1", 6, 4)) if said.part("PV1", 6, 1) else None,
        patient_type=said.part("PV1", 18, 1),
        disposition=feed.code_of(said.part("PV1", 36, 1)),
        admitted=admitted,
        discharged=discharged,
        discharge_null=left == [NULL],
        died=died or (spoken if dead else None),
        diagnoses=tuple(_diagnoses(said)),
        born=_born(said.field("PID", 7)),
        admission_type=said.field("PV1", 4).split(said.component)[0],
    )


def _born(text: str) -> date | None:
    said = stamp(text)
    return None if said is None else said.wall.date()


def _when(
    text: str, offset: timezone | None, zone: ZoneInfo, feed: Feed, anchors: list[datetime] | None = None
) -> datetime | None:
    said = stamp(text, zero_is_date=feed.zero_time_means_date_only)
    if said is None:
        return None
    if said.date_only and anchors is not None:
        return _anchored(said, offset, zone, anchors)
    return instant(said, offset, zone)


def _anchored(said: Stamp, offset: timezone | None, zone: ZoneInfo, anchors: list[datetime]) -> datetime:
    """A date alone takes the time of the event if that lies on the same day, else 23:59 of the day."""
    same = [at for at in anchors if at.astimezone(zone).date() == said.wall.date()]
    if same:
        return same[0].astimezone(UTC)
    return instant(
        Stamp(said.wall + timedelta(hours=23, minutes=59), said.offset, date_only=False), offset, zone
    )


def _diagnoses(said: Segments) -> Iterator[Dg1]:
    """DG1-3 with its system, else the older DG1-2; type DG1-6, rank DG1-15, action DG1-21."""
    for row in said.all("DG1"):
        fields = [*row, *[""] * (22 - len(row))]
        for code, system in ((1, 3), (4, 6)):
            if said.component_of(fields[3], code):
                yield Dg1(
                    said.component_of(fields[3], code),
                    said.component_of(fields[3], system) or said.component_of(fields[2], 1),
                    type_of(said.component_of(fields[6], 1)),
                    said.component_of(fields[15], 1),
                    said.component_of(fields[21], 1),
                )
                break


def _fingerprint(said: Segments) -> str:
    rows = [list(row) for row in said.rows]
    for number in (7, 10):
        if number < len(rows[0]):
            rows[0][number] = ""
    text = "\r".join(said.separator.join(row) for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()
