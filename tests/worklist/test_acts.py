"""What people do: once however often it is sent, pending until confirmed, never lost; and one person a patient."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from schemas import topics
from services.worklist import acts, queries
from services.worklist.patient import patient_page
from services.worklist.problems import Problem
from services.worklist.views import ActionView, Filters
from tests.worklist.builders import (
    CASE,
    PATIENT,
    a_deadline,
    a_record,
    an_effect,
    an_encounter,
    an_episode,
    at,
)
from tests.worklist.stand import Worklist

pytestmark = pytest.mark.postgres

CALL = {"type": "contact_attempted", "channel": "phone", "party": "patient", "outcome": "no_answer"}
NOW = at(20)


async def actions(house: Worklist) -> dict[str, ActionView]:
    async with house.desk.look("rn1") as look:
        shown = await patient_page(look, PATIENT)
    assert shown is not None
    return {one.action_id: one for one in shown.actions}


async def test_an_action_is_pending_until_transitions_says_what_became_of_it(house: Worklist) -> None:
    """Given an attempt, when it is entered, sent and applied, then it is waiting, sent and confirmed, with its effect."""
    states = [(await acts.submit(house.desk, "rn1", CASE, CALL, key="k1")).state]
    (sent,) = await house.publish()
    states.append((await actions(house))["k1"].state)
    await house.hear(an_effect("k1"))
    done = (await actions(house))["k1"]

    assert [*states, done.state] == ["waiting", "sent", "confirmed"]
    assert (done.effect, done.kinds) == ("counted", ("call_72h",))
    assert sent.items() >= (CALL | {
        "id": "k1", "visit": "V-1004", "facility": "HOSPA", "authority": "HOSPA", "by": "rn1",
        "occurred_at": "2026-01-10T16:00:00Z",
    }).items()  # fmt: skip


async def test_the_same_key_is_the_same_action(house: Worklist) -> None:
    """Given a form that is sent twice at once, when both arrive, then there is one action, and both get it."""
    both = await asyncio.gather(*(acts.submit(house.desk, "rn1", CASE, CALL, key="k1") for _ in range(2)))

    assert both[0] == both[1]
    assert len(await house.publish()) == 1
    with pytest.raises(Problem) as refused:
        await acts.submit(house.desk, "rn2", CASE, CALL, key="k1")
    assert refused.value.body.status == 409


async def test_who_enters_an_action_cannot_say_whose_it_is(house: Worklist) -> None:
    """Given an action that names another visit and another person, when it is entered, then ours stand in it."""
    await acts.submit(
        house.desk, "rn1", CASE, CALL | {"visit": "V-9", "by": "chief", "facility": "X"}, key="k1"
    )
    (sent,) = await house.publish()

    assert (sent["visit"], sent["by"], sent["facility"]) == ("V-1004", "rn1", "HOSPA")


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({}, ["type"]),
        ({"type": "dance"}, ["type"]),
        (CALL | {"outcome": "maybe"}, ["outcome"]),
        (CALL | {"note": "a\0b"}, ["note"]),
        (CALL | {"note": "\ud800"}, []),
        (CALL | {"occurred_at": "2026-01-10T17:00:00Z"}, ["occurred_at"]),
        (CALL | {"occurred_at": "2026-01-10T15:00:00"}, ["occurred_at"]),
        ({"type": "appointment_booked"}, ["occurs_at"]),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_action_is_refused_by_field(said: dict[str, Any], fields: list[str]) -> None:
    """422, and no value of what was sent."""
    place = acts.Place(CASE, PATIENT, "V-1004", "HOSPA", "HOSPA")
    with pytest.raises(Problem) as refused:
        acts.compose(said, place, "rn1", "k1", NOW)

    assert (refused.value.body.status, refused.value.body.fields) == (422, fields)


async def test_a_refused_action_says_why(house: Worklist) -> None:
    """Given an action that transitions refuses, when care.rejected says so, then it is refused, with the word."""
    await acts.submit(house.desk, "rn1", CASE, CALL, key="k1")
    await house.publish()
    (row,) = await house.rows("SELECT partition, record_offset FROM action")
    said = {
        "code": "ambiguous_visit", "source_topic": topics.CARE_ACTIONS,
        "source_partition": str(row["partition"]), "source_offset": str(row["record_offset"]),
    }  # fmt: skip
    headers = tuple((name, text.encode()) for name, text in said.items())
    await house.read([a_record(a_deadline(), topic=topics.CARE_REJECTED, headers=headers)])

    refused = (await actions(house))["k1"]
    assert (refused.state, refused.reason) == ("refused", "ambiguous_visit")


async def test_what_was_entered_wrongly_is_withdrawn(house: Worklist) -> None:
    """Given an attempt, when it is withdrawn twice, then it is withdrawn once, and the withdrawal is confirmed with it."""
    await acts.submit(house.desk, "rn1", CASE, CALL, key="k1")
    withdrawal = {"type": "action_withdrawn", "id": "k1", "reason": "another patient"}
    for _ in range(2):
        await acts.submit(house.desk, "rn1", CASE, withdrawal)
    sent = await house.publish()
    assert [(one["type"], one["id"]) for one in sent] == [
        ("contact_attempted", "k1"),
        ("action_withdrawn", "k1"),
    ]
    assert (await actions(house))["k1"].withdrawn

    await house.hear(an_effect("k1", "withdrawn", revision=2))
    assert {one.state for one in (await actions(house)).values()} == {"confirmed"}


async def test_what_others_did_is_not_withdrawn_through_another_case(house: Worklist) -> None:
    """Given an action on one patient, when it is withdrawn on another's case, then there is no such action there."""
    await acts.submit(house.desk, "rn1", CASE, CALL, key="k1")
    other = {"visit_id": UUID(int=30), "patient_id": UUID(int=31)}
    person = {"patient_id": UUID(int=31), "number": "M-2", "authority": "HOSPA"}
    await house.hear(
        an_encounter(1, person, visit_id=UUID(int=30), number="V-2"),
        an_episode(episode_id="OTHER123", **other),
    )
    with pytest.raises(Problem) as refused:
        await acts.submit(house.desk, "rn1", "OTHER123", {"type": "action_withdrawn", "id": "k1"})

    assert refused.value.body.status == 404


async def test_actions_of_other_systems_are_seen(house: Worklist) -> None:
    """Given an attempt that another system sent, before and after what became of it, then it stands on the page."""
    await house.hear(an_effect("theirs"), an_effect("later", "noted", reason="no_attempt"))
    shown = await actions(house)

    assert (shown["theirs"].ours, shown["theirs"].state, shown["later"].reason) == (
        False,
        "confirmed",
        "no_attempt",
    )


# --- taking -------------------------------------------------------------------------------------------------


async def test_two_people_do_not_take_one_patient(house: Worklist) -> None:
    """Given ten people who take one patient at once, when all have been answered, then one has it."""

    async def takes(n: int) -> bool:
        try:
            await acts.take(house.desk, f"rn{n}", CASE)
        except Problem as refused:
            return refused.body.status != 409
        return True

    got = await asyncio.gather(*map(takes, range(10)))

    assert sum(got) == 1
    (lease,) = await house.rows("SELECT by, kind, until FROM lease")
    assert lease == {"by": f"rn{got.index(True)}", "kind": "call_72h", "until": NOW + timedelta(minutes=30)}
    assert [one["type"] for one in await house.publish()] == ["item_taken"]


async def test_a_lease_ends_by_itself(house: Worklist) -> None:
    """Given a taken patient, when the lease has run out, then another may take it, and everybody is told."""
    await acts.take(house.desk, "rn1", CASE)
    await house.at(NOW + timedelta(minutes=30))

    assert await acts.end_leases(house.desk) == 1
    assert (await acts.take(house.desk, "rn2", CASE)).by == "rn2"
    assert [(one["type"], one["by"]) for one in await house.publish()] == [
        ("item_taken", "rn1"), ("item_released", "rn1"), ("item_taken", "rn2"),
    ]  # fmt: skip


async def test_a_lease_that_has_run_out_holds_nobody_before_anyone_looks(house: Worklist) -> None:
    await acts.take(house.desk, "rn1", CASE)
    await house.at(NOW + timedelta(minutes=30))

    assert (await acts.take(house.desk, "rn2", CASE)).by == "rn2"


async def test_taking_again_is_for_longer_and_said_once(house: Worklist) -> None:
    await acts.take(house.desk, "rn1", CASE)
    await house.at(NOW + timedelta(minutes=10))
    taken = await acts.take(house.desk, "rn1", CASE)

    assert taken.until == NOW + timedelta(minutes=40)
    assert [one["type"] for one in await house.publish()] == ["item_taken"]


async def test_only_one_s_own_is_given_back_unless_one_may(house: Worklist) -> None:
    await acts.take(house.desk, "rn1", CASE)

    assert not await acts.release(house.desk, "rn2", CASE)
    assert await acts.release(house.desk, "lead", CASE, anyone=True)
    assert not await acts.release(house.desk, "rn1", CASE)
    assert [(one["type"], one["by"]) for one in await house.publish()] == [
        ("item_taken", "rn1"), ("item_released", "rn1"),
    ]  # fmt: skip


async def test_with_kafka_away_what_was_entered_waits_and_is_seen(house: Worklist) -> None:
    """Given a Kafka that cannot be reached, when a call is entered, then it is waiting on the page, and counted."""
    await acts.submit(house.desk, "rn1", CASE, CALL, key="k1")
    await acts.take(house.desk, "rn1", CASE)
    async with house.desk.look("rn1") as look:
        (item,) = (await queries.page(look, Filters())).items
        shown = await queries.operations(look)

    assert (item.pending, shown.actions, shown.oldest_waiting) == (2, {"waiting": 2}, NOW)
    assert (await actions(house))["k1"].state == "waiting"
    assert len(await house.publish()) == 2
    assert (await actions(house))["k1"].state == "sent"


async def test_what_was_refused_at_either_door_is_counted_once(house: Worklist) -> None:
    """Given a refused message told twice and a refused action, then operations see one of each, with feed and word."""
    at_inbound = {
        "code": "no_patient_identifier", "segment": "PID", "feed": "north", "source_topic": topics.ADT_INBOUND,
        "source_partition": "3", "source_offset": "17",
    }  # fmt: skip
    at_actions = {
        "code": "unknown_type", "source_topic": topics.CARE_ACTIONS, "source_partition": "0", "source_offset": "5",
    }  # fmt: skip
    records = [
        a_record(a_deadline(), topic=topic, headers=tuple((name, text.encode()) for name, text in said.items()))
        for topic, said in (
            (topics.ADT_REJECTED, at_inbound), (topics.ADT_REJECTED, at_inbound), (topics.CARE_REJECTED, at_actions),
        )
    ]  # fmt: skip
    await house.read(records)
    await house.read(records[:1])
    async with house.desk.look("ops") as look:
        shown = await queries.operations(look)

    assert shown.refused == 2
    assert {(one.topic, one.feed, one.code, one.records) for one in shown.refusals} == {
        (topics.ADT_INBOUND, "north", "no_patient_identifier", 1),
        (topics.CARE_ACTIONS, "", "unknown_type", 1),
    }
