"""Visits and actions with something in them that nobody can keep: passed by or refused, once, and nothing else is hurt."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from schemas.encounters import MARK_TYPE, Death, Diagnosis, Location, Transfer
from services.chassis.service import Service
from services.transitions.consumer import Doors
from services.transitions.settings import Settings
from tests.messages import record
from tests.poison import HUGE, INSTANTS, offer, wrong
from tests.transitions.test_doors_and_firing import FRIDAY, at, discharged

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]

CALL = {"type": "contact_attempted", "id": "c", "channel": "phone", "party": "patient", "outcome": "reached",
        "visit": "V1", "facility": "HOSPA", "authority": "HOSPA", "by": "rn1", "note": "n",
        "occurred_at": "2026-01-10T15:00:00Z"}  # fmt: skip
ACTIONS: list[dict[str, Any]] = [
    CALL,
    {"type": "handoff_acknowledged", "id": "h", "visit": "V1", "read_back": True, "kind": "handoff_ack_unit",
     "occurred_at": "2026-01-10T15:00:00Z"},
    {"type": "handoff_declined", "id": "d", "visit": "V1", "reason": "no bed", "occurred_at": "2026-01-10T15:00:00Z"},
    {"type": "appointment_booked", "id": "b", "visit": "V1", "occurs_at": "2026-01-14T15:00:00Z"},
    {"type": "visit_completed", "id": "v", "visit": "V1", "occurred_at": "2026-01-10T15:00:00Z"},
    {"type": "complexity_assessed", "id": "x", "visit": "V1", "complexity": "high"},
    {"type": "assessment_recorded", "id": "a", "visit": "V1", "specialists": 3, "housing_unstable": True},
    {"type": "deadline_waived", "id": "w", "visit": "V1", "kind": "call_72h", "reason": "r",
     "occurred_at": "2026-01-10T15:00:00Z"},
    {"type": "item_taken", "id": "t", "visit": "V1", "kind": "call_72h"},
    {"type": "alert_acknowledged", "id": "k", "visit": "V1", "kind": "call_72h", "occurred_at": "2026-01-10T15:00:00Z"},
    {"type": "alert_acknowledged", "id": "l", "kind": "late_known", "facility": "HOSPA", "by": "rn1"},
    {"type": "action_withdrawn", "id": "c", "reason": "r", "by": "rn1"},
]  # fmt: skip


def a_visit(n: int) -> dict[str, Any]:
    """A visit with something in every part of it."""
    event = discharged(visit_id=UUID(int=n), patient_id=UUID(int=10_000 + n))
    ward = Location(unit="4W", room="1", bed="A", facility="HOSPA")
    moved = FRIDAY - timedelta(days=1)
    transfer = Transfer(
        at=moved, learned_at=moved, trigger="A02", origin=ward, destination=ward, service="MED"
    )
    visit = event.visit.model_copy(
        update={
            "location": ward,
            "transfers": (transfer,),
            "diagnoses": (Diagnosis(code="I50.9", system="I10", type="F"),),
            "flags": ("implausible_time",),
            "started_at": moved,
            "expected_return_at": moved,
            "admit_learned_at": moved,
        }
    )
    patient = event.patient.model_copy(
        update={"name": "TESTCASE^ALPHA", "death": Death(at=FRIDAY, learned_at=FRIDAY)}
    )
    whole = event.model_copy(update={"visit": visit, "patient": patient, "changed": ("new",)})
    said: dict[str, Any] = json.loads(whole.model_dump_json())
    return said


@pytest.fixture
def doors() -> Doors:
    return Doors(Settings().rules())


async def test_no_visit_stops_those_behind_it(service: Service, doors: Doors) -> None:
    """Given every leaf of a visit made what no column, calendar or parser takes, each before a good one in its batch;
    then the good ones are there.
    """
    expected = set()
    for n, (_, value) in enumerate(wrong(a_visit(1)), start=2):
        good = a_visit(n)
        expected.add(UUID(int=n))
        records = [
            record(each, topic="adt.encounters", offset=2 * n + i)
            for i, each in enumerate((value, json.dumps(good).encode()))
        ]
        await offer(service, doors.on_encounters, doors.refuse_encounter, records)
    kept = {row["visit_id"] for row in await service.pool.fetch("SELECT visit_id FROM transitions.visit")}

    assert len(expected) > 300
    assert expected - kept == set()


@pytest.mark.parametrize("partitions", [HUGE, 10**9, -1, 0])
async def test_a_mark_of_too_many_partitions_is_none(service: Service, doors: Doors, partitions: int) -> None:
    """Given an applied mark that tells of a billion partitions; then it is passed by, and no row is made of it."""
    value = json.dumps({"mark": "2026-01-10T15:00:00Z", "partitions": partitions}).encode()
    marked = (("ce_type", MARK_TYPE.encode()),)
    told = record(value, topic="adt.encounters", headers=marked)
    await offer(service, doors.on_encounters, doors.refuse_encounter, [told])

    assert (
        await service.pool.fetchval("SELECT count(*) FROM baton.applied_mark WHERE topic = 'adt.inbound'")
        == 0
    )


@pytest.mark.parametrize("instant", INSTANTS)
async def test_a_mark_at_the_ends_of_time_is_read_once(service: Service, doors: Doors, instant: str) -> None:
    """Given an applied mark of the first or the last instant; then whatever becomes of it, the batch ends."""
    value = json.dumps({"mark": instant, "partitions": 1}).encode()
    told = record(value, topic="adt.encounters", headers=(("ce_type", MARK_TYPE.encode()),))
    await offer(service, doors.on_encounters, doors.refuse_encounter, [told])

    assert await service.pool.fetchval("SELECT max(applied_offset) FROM baton.applied_mark") == 0


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action["type"])
async def test_no_action_stops_those_behind_it(
    service: Service, doors: Doors, action: dict[str, Any]
) -> None:
    """Given every leaf of an action made what no column, calendar or parser takes, each before a good one in its
    batch; then the good ones are there, and what is not there is refused with its bytes.
    """
    now = FRIDAY + timedelta(days=2)
    await at(service, now)
    visit = json.dumps(a_visit(1)).encode()
    await doors.on_encounters(service, [record(visit, topic="adt.encounters")])
    expected, offered = set(), 0
    for n, (_, value) in enumerate(wrong(action)):
        good = json.dumps(CALL | {"id": f"good-{n}"}).encode()
        records = [
            record(each, topic="care.actions", offset=2 * n + i, at=now, key=b"\xff\0")
            for i, each in enumerate((value, good))
        ]
        await offer(service, doors.on_actions, doors.refuse_action, records)
        expected.add(f"good-{n}")
        offered += 1
    kept = {row["action_id"] for row in await service.pool.fetch("SELECT action_id FROM transitions.action")}
    refused = await service.pool.fetch("SELECT code, field, raw FROM transitions.rejection")

    assert expected - kept == set()
    assert 20 < len(refused) <= offered
    assert {row["code"] for row in refused} <= {
        "not_json", "unknown_type", "invalid_action", "in_the_future", "id_used_again",
    }  # fmt: skip
