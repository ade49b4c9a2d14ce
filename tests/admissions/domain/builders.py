"""Events as the tables of the ADT chapter write them: `an_event("A03", "09 15:00", pv1_36="01")`.

A time is a day of January 2026 and an hour, or a whole date; UTC, as the fold knows no zones.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from msgspec import UNSET, UnsetType

from schemas.encounters import Visit
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.fold import fold
from services.admissions.domain.model import (
    AdtEvent,
    Demographics,
    DiagnosisEntry,
    DispositionCode,
    PatientKey,
    Place,
    VisitKey,
)
from services.admissions.hl7.triggers import OCCURRED, TYPES

PROFILE = FeedProfile(feed="HOSPA")
M1, M2, M3, M4 = (PatientKey("HOSPA", "MR", str(number)) for number in (70001, 70002, 70003, 70004))
VISIT = VisitKey("HOSPA", "V100")

HOME = DispositionCode("01", "home")
CODES = {
    "01": HOME,
    "03": DispositionCode("03", "snf"),
    "20": DispositionCode("20", "expired"),
    "81": DispositionCode("81", "home", planned_readmission=True),
    "Heaven knows": DispositionCode(None, "unknown"),
}

_numbers = count(1)


def on(text: str) -> datetime:
    """`09 15:00` is on 9 January 2026."""
    return datetime.fromisoformat(text if len(text) > 8 else f"2026-01-{text}").replace(tzinfo=UTC)


def _time(value: str | None | UnsetType) -> datetime | None | UnsetType:
    return on(value) if isinstance(value, str) else value


def a_place(text: str | None | UnsetType) -> Place | None | UnsetType:
    """`4W^401^A^HOSPA`."""
    if not isinstance(text, str):
        return text
    unit, room, bed, facility = (*(part or None for part in text.split("^")), None, None, None)[:4]
    return Place(unit, room, bed, facility)


def an_event(
    trigger: str,
    at: str,
    *,
    recorded: str | None = None,
    created: str | None = None,
    arrived: str | None = None,
    stated: str | None = None,
    pv1_2: str | None | UnsetType = "I",
    pv1_3: str | None | UnsetType = UNSET,
    pv1_6: str | None | UnsetType = UNSET,
    pv1_36: str | None | UnsetType = UNSET,
    pv1_44: Any = ...,
    pv1_45: Any = ...,
    pv2_47: str | None | UnsetType = UNSET,
    dg1: Sequence[DiagnosisEntry] = (),
    control: str | None = None,
    **fields: Any,
) -> AdtEvent:
    """One message. `at` is written where its event says when: PV1-44 of an A01 or A04, PV1-45 of an A03, EVN-2 else.

    EVN-6 is `stated`. It was recorded (EVN-2) at `at` unless `recorded` says otherwise, created (MSH-7) as it was recorded, and
    arrived a minute after it was created. UNSET is an empty field, None the explicit null.
    """
    recorded_at = on(recorded or at)
    created_at = on(created) if created else recorded_at
    admit = _time(at if pv1_44 is ... and trigger in {"A01", "A04"} else UNSET if pv1_44 is ... else pv1_44)
    discharge = _time(at if pv1_45 is ... and trigger == "A03" else UNSET if pv1_45 is ... else pv1_45)
    stated_at = on(stated) if stated else None
    source = {"admit": admit, "discharge": discharge, "stated": stated_at}
    named = (source[name] for name in OCCURRED.get(trigger, ("stated",)))
    number = next(_numbers)
    given: dict[str, Any] = {
        "event_id": f"{number:032x}",
        "feed": "HOSPA",
        "trigger": trigger,
        "type": TYPES[trigger],
        "control_id": control or str(number),
        "fingerprint": f"{number:064x}",
        "sending_application": "ADT1",
        "sending_facility": "HOSPA",
        "facility": "HOSPA",
        "occurred_at": next((each for each in named if isinstance(each, datetime)), recorded_at),
        "recorded_at": recorded_at,
        "created_at": created_at,
        "received_at": on(arrived) if arrived else created_at + timedelta(minutes=1),
        "stated_at": stated_at,
        "patient": M1,
        "visit": VISIT,
        "patient_class": pv1_2,
        "location": a_place(pv1_3),
        "prior_location": a_place(pv1_6),
        "admit_at": admit,
        "discharge_at": discharge,
        "disposition": CODES[pv1_36] if isinstance(pv1_36, str) else pv1_36,
        "expected_return_at": _time(pv2_47),
        "diagnoses": tuple(dg1),
        "has_pv1": True,
    }
    return AdtEvent(**(given | fields))


def said(**statements: Any) -> Demographics:
    """What a message says of the person."""
    return Demographics(**statements)


def visits(*events: AdtEvent, profile: FeedProfile = PROFILE) -> tuple[Visit, ...]:
    return fold(events, profile)


def visit(*events: AdtEvent, profile: FeedProfile = PROFILE) -> Visit:
    """The only visit these events describe."""
    (found,) = fold(events, profile)
    return found


def state(*events: AdtEvent, profile: FeedProfile = PROFILE) -> str:
    return visit(*events, profile=profile).state.value


def states(found: Iterable[Visit]) -> list[str]:
    return [each.state.value for each in found]
