"""`baton feeds try`: what messages would become under a feed profile, without a patient's value."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from baton.config import settings
from baton.feeds_text import tell
from baton.files import read_bytes
from baton.local_words import Mask, Words
from baton.trouble import Misuse, Trouble
from schemas.reference.facilities import Facilities
from schemas.topics import ADT_INBOUND
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.fold import applied
from services.admissions.domain.model import AdtEvent, DispositionCode, Rejection
from services.admissions.feed_file import FeedError, load_file
from services.admissions.feeds import DEFAULT, Feeds
from services.admissions.hl7 import adt, frames
from services.admissions.hl7.describe import describe
from services.admissions.hl7.sender import sender
from services.admissions.hl7.triggers import IGNORED
from services.admissions.settings import Settings
from services.chassis.settings import SettingsError

Said = AdtEvent | tuple[AdtEvent, ...] | Rejection

# What is of the profile's name and not of what it makes of a message.
_OF_THE_NAME = frozenset({"feed", "event_id"})


class Wanted(Struct, frozen=True):
    """What is to be shown, and how."""

    summary: bool
    strict: bool
    show_patient: bool
    as_json: bool


def attempt(name: str, names_of_files: Sequence[str], wanted: Wanted) -> int:
    """Read the files under the profile and tell; 1 only where `strict` and a message would be refused."""
    trial = Trial(name, show_patient=wanted.show_patient)
    for file in names_of_files:
        data = read_bytes(file)
        # A message without any time in it is taken to speak of now: of the moment it is read.
        now = datetime.now(UTC)  # noqa: TID251  (nothing runs whose clock could be asked)
        for number, raw in enumerate(frames.split(data), 1):
            trial.read(file, number, raw, now)
    document = trial.document(with_messages=not wanted.summary)
    print(json.dumps(document, ensure_ascii=False) if wanted.as_json else tell(document))
    return 1 if wanted.strict and document["summary"]["refused"] else 0


class Trial:
    """Reads messages under one profile and under `default`, and counts."""

    def __init__(self, name: str, *, show_patient: bool) -> None:
        try:
            said = settings(Settings)
            self.feeds = said.feeds()
            self.facilities: Facilities = said.facilities()
        except SettingsError as error:
            raise Misuse(str(error)) from None
        self.profile, self.version = _profile(name, self.feeds)
        if self.version is not None:
            # As if the file stood in the folder already; what it clashes with there is for `check` to say.
            self.feeds = Feeds([*self.feeds.by_name.values(), self.profile])
        self.show_patient = show_patient
        self.messages: list[dict[str, Any]] = []
        self.counts: dict[str, Counter[str]] = {
            name: Counter() for name in ("triggers", "refusals", "flags", "matched", "differs")
        }
        self.words = Words(self.profile, self.facilities)
        self.total = self.refused = self.differing = self.tests = 0

    def read(self, file: str, number: int, raw: bytes, now: datetime) -> None:
        """Read one message, and keep what it would become."""
        said = self._as(self.profile, raw, now)
        mask = self.words.of(raw, said, shown=self.show_patient)
        matched = self.feeds.of(ADT_INBOUND, None, *sender(raw)).feed
        differs = self._differs(said, raw, now)
        self.total += 1
        self.differing += bool(differs)
        self.counts["matched"][matched] += 1
        self.counts["differs"].update(differs)
        message: dict[str, Any] = {"file": file, "message": number}
        if isinstance(said, Rejection):
            self.refused += 1
            self.counts["refusals"][said.code] += 1
            message["refused"] = {
                "code": said.code, "segment": said.segment, "field": said.field, "detail": said.detail,
            }  # fmt: skip
        else:
            events = (said,) if isinstance(said, AdtEvent) else said
            self.counts["triggers"][mask.word(events[0].trigger)] += 1
            self.counts["flags"].update({flag for event in events for flag in event.flags})
            self.tests += events[0].test
            sent = mask.disposition if len(events) == 1 else None
            first, *others = [self._told(event, mask, sent) for event in events]
            message |= first
            if others:
                message["further"] = others
        message |= {"matches": matched, "differs_from_default": differs}
        self.messages.append(message)

    def document(self, *, with_messages: bool) -> dict[str, Any]:
        """All of it, as plain JSON values."""
        profile = self.profile
        summary = {
            "messages": self.total,
            "refused": self.refused,
            "tests": self.tests,
            "by_trigger": _counted(self.counts["triggers"]),
            "by_refusal": _counted(self.counts["refusals"]),
            "by_flag": _counted(self.counts["flags"]),
            "by_match": _counted(self.counts["matched"]),
            "unexplained": {name: _counted(counts) for name, counts in self.words.unexplained.items()},
            "differ_from_default": self.differing,
            "differences": _counted(self.counts["differs"]),
        }
        said = {"feed": profile.feed, "version": self.version, "mode": profile.mode, "zone": profile.zone}
        return (
            {"profile": said} | ({"messages": self.messages} if with_messages else {}) | {"summary": summary}
        )

    def _as(self, profile: FeedProfile, raw: bytes, now: datetime) -> Said:
        return adt.normalize(raw, profile, zone_of=self.facilities.zone_of, received_at=now)

    def _differs(self, said: Said, raw: bytes, now: datetime) -> list[str]:
        """In what the message would be another under `default`: keys of the canonical event, or `refused`."""
        if self.profile.feed == DEFAULT:
            return []
        other = self._as(self.feeds.by_name[DEFAULT], raw, now)
        if isinstance(said, Rejection) or isinstance(other, Rejection):
            return [] if said == other else ["refused"]
        mine, theirs = ((each,) if isinstance(each, AdtEvent) else each for each in (said, other))
        found = {
            key
            for one, two in zip(map(describe, mine), map(describe, theirs), strict=False)
            for key in one.keys() | two.keys()
            if one.get(key, "") != two.get(key, "")
        }
        return sorted(found - _OF_THE_NAME)

    def _told(self, event: AdtEvent, mask: Mask, sent: str | None) -> dict[str, Any]:
        zone = ZoneInfo(self.profile.zone) if self.profile.zone else self.facilities.zone_of(event.facility)
        told: dict[str, Any] = {
            "trigger": mask.word(event.trigger),
            "type": event.type,
            "has_effect": applied(event.trigger) and event.type != IGNORED,
            "test": event.test,
            "patient": None
            if event.patient is None
            else {"type": mask.word(event.patient.type), "authority": mask.word(event.patient.authority)},
            "visit": event.visit is not None,
            "class": mask.word(event.patient_class) if isinstance(event.patient_class, str) else None,
            "observation": event.observation is True,
            "facility": mask.word(event.facility),
            "zone": zone.key,
            "occurred_at": event.occurred_at.astimezone(zone).isoformat(),
            "admit_at": _local(event.admit_at, zone),
            "discharge_at": _local(event.discharge_at, zone),
            "disposition": _disposition(event, sent),
            "flags": list(event.flags),
        }
        if self.show_patient:
            told["control_id"] = event.control_id
            told["patient_number"] = event.patient and event.patient.id
            told["visit_number"] = event.visit and event.visit.number
        return told


def _profile(name: str, feeds: Feeds) -> tuple[FeedProfile, str | None]:
    """A profile by its file, with its version, or by the name of its feed."""
    path = Path(name)
    if name in feeds.by_name and not path.is_file():
        return feeds.by_name[name], None
    if not path.is_file():
        known = ", ".join(sorted(feeds.by_name))
        raise Misuse(f"{name} is no file, and no name of a feed; there are {known}.")
    try:
        written = load_file(path)
    except FeedError as error:
        raise Trouble("\n".join(map(str, error.faults))) from None
    return written.profile, written.version


def _disposition(event: AdtEvent, sent: str | None) -> dict[str, Any] | None:
    stated = event.disposition
    if not isinstance(stated, DispositionCode):
        return None
    return {"sent": sent, "code": stated.code, "category": stated.category}


def _local(instant: Any, zone: ZoneInfo) -> str | None:
    return instant.astimezone(zone).isoformat() if isinstance(instant, datetime) else None


def _counted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
