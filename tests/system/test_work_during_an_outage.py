"""Traps 50 and 85: after an outage only what is still owed is told, and nobody is paged for work that was done."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from schemas.topics import ADT_INBOUND, CARE_ACTIONS
from services.chassis.kafka import Outgoing
from tests.messages import adt
from tests.system.conftest import NewSystem
from tests.system.stand import System, until

pytestmark = [pytest.mark.system, pytest.mark.kafka, pytest.mark.timeout(400)]

DISCHARGED = datetime(2026, 1, 9, 20, 0, tzinfo=UTC)
DUE = DISCHARGED + timedelta(hours=72)
CALLED, FORGOTTEN = "VCALLED", "VFORGOTTEN"


def _stay(visit: str, mrn: str) -> list[bytes]:
    told = {"visit": visit, "mrn": mrn, "admitted": "202601050800"}
    return [
        adt("A01", control=f"{visit}1", at="202601050800", **told),
        adt("A03", control=f"{visit}2", at="202601091500", discharged="202601091500", disposition="01", **told),
    ]  # fmt: skip


def _call(visit: str, at: datetime) -> Outgoing:
    said = {"type": "contact_attempted", "visit": visit, "channel": "phone", "party": "patient",
            "outcome": "reached", "by": "rn1"}  # fmt: skip
    return Outgoing(None, json.dumps(said).encode(), timestamp_ms=_ms(at))


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


async def _statuses(system: System) -> dict[tuple[str, str], str]:
    rows = await system.fetch(
        "SELECT v.number, d.kind, d.status FROM transitions.deadline d JOIN transitions.episode USING (episode_id) "
        "JOIN transitions.visit v USING (visit_id)"
    )
    return {(row["number"], row["kind"]): row["status"] for row in rows}


async def test_nobody_is_paged_for_a_handoff_that_was_over_before_it_could_be_missed(
    new_system: NewSystem,
) -> None:
    """Given `deadlines` down, a handoff nobody acknowledged, and the patient moved on after it was due; when it is back,
    then the handoff is missed, as it was, and only the one to the second unit, which still waits, is told.
    """
    async with new_system(DISCHARGED) as system:
        await system.start("admissions", "transitions", "notifications")
        told = {"visit": "VMOVED", "mrn": "70003", "admitted": "202601050800"}
        messages = [
            adt("A01", control="M1", at="202601050800", **told),
            adt("A02", control="M2", at="202601091500", unit="ICU", prior_unit="4W", **told),
            adt("A02", control="M3", at="202601091800", unit="5E", prior_unit="ICU", **told),
        ]
        arrived = _ms(DISCHARGED + timedelta(hours=3, minutes=1))
        await system.send(ADT_INBOUND, [Outgoing(None, one, timestamp_ms=arrived) for one in messages])
        await system.at_rest()
        await system.clock(DISCHARGED + timedelta(hours=6))
        await system.start("deadlines")
        await system.at_rest()
        statuses = await system.fetch(
            "SELECT status, owed, settled_at = due_at AS in_time FROM transitions.deadline ORDER BY due_at"
        )

    assert [tuple(row) for row in statuses] == [("missed", False, True), ("missed", True, True)]
    told_of = [
        event["data"]
        for event in system.receiver.events()
        if event["data"]["kind"] == "handoff_ack_unit_missed"
    ]
    assert [(one["reason"], one["unit"]) for one in told_of] == [("trigger", "5E")]


async def test_nobody_is_paged_for_a_call_that_was_made_while_transitions_was_down(
    new_system: NewSystem,
) -> None:
    """Given two discharges, transitions killed before the due time, one of the two called and logged meanwhile, and
    the due time passed while only `deadlines` ran; when transitions is back, then the one is met and was never
    told to anybody, and the other one, whom nobody called, is told.
    """
    async with new_system(DISCHARGED + timedelta(minutes=5)) as system:
        await system.start()
        arrived = _ms(DISCHARGED + timedelta(minutes=4))
        messages = [*_stay(CALLED, "70001"), *_stay(FORGOTTEN, "70002")]
        await system.send(ADT_INBOUND, [Outgoing(None, one, timestamp_ms=arrived) for one in messages])
        await system.clock(DUE - timedelta(hours=4))
        await system.at_rest()
        assert (await _statuses(system))[CALLED, "call_72h"] == "pending"

        system.processes["transitions"].kill()
        await system.send(CARE_ACTIONS, [_call(CALLED, DUE - timedelta(minutes=30))])
        await system.clock(DUE + timedelta(hours=2))
        await until(lambda: _overdue(system), "deadlines sees that something is overdue")
        assert (await _statuses(system))[FORGOTTEN, "call_72h"] == "pending"
        system.launch("transitions")
        await system.at_rest()
        statuses, cases = await _statuses(system), await _cases(system)

    told = {(event["data"]["kind"], event["data"]["case"]) for event in system.receiver.events()}
    assert statuses[CALLED, "call_72h"] == "met"
    assert statuses[FORGOTTEN, "call_72h"] == "missed"
    assert ("call_72h_missed", cases[FORGOTTEN]) in told
    assert ("call_72h_missed", cases[CALLED]) not in told


async def _overdue(system: System) -> bool:
    metrics = (await system.processes["deadlines"].ask("/metrics")).text
    found = re.search(r"^baton_deadline_next_seconds (\S+)", metrics, re.MULTILINE)
    return found is not None and float(found[1]) < 0


async def _cases(system: System) -> dict[str, str]:
    rows = await system.fetch(
        "SELECT v.number, e.episode_id FROM transitions.episode e JOIN transitions.visit v USING (visit_id)"
    )
    return {row["number"]: row["episode_id"] for row in rows}
