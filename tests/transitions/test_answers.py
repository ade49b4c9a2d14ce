"""What becomes of actions, as kept and told: once each, again only where it changed, withdrawn and waiting ones too."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from schemas.encounters import VisitState
from schemas.transitions import ActionApplied, TeamAck
from services.chassis.service import Service
from services.transitions import publish
from services.transitions.consumer import Doors
from services.transitions.settings import Settings
from services.transitions.store import SQL
from tests.transitions.test_doors_and_firing import FRIDAY, an_action, as_records, discharged

pytestmark = pytest.mark.postgres

CALL = {
    "type": "contact_attempted",
    "channel": "phone",
    "party": "patient",
    "outcome": "reached",
    "by": "rn1",
}
MONDAY = datetime(2026, 1, 12, 15, 0, tzinfo=UTC)


@pytest.fixture
def doors() -> Doors:
    return Doors(Settings().rules())


async def leaves(
    service: Service, doors: Doors, *, number: str = "V1", facility: str = "HOSPA", **more: Any
) -> UUID:
    """A patient of their own goes home on Friday."""
    visit_id = more.pop("visit_id", None) or uuid4()
    patient_id = more.pop("patient_id", None) or uuid4()
    event = discharged(visit_id=visit_id, patient_id=patient_id, number=number, facility=facility, **more)
    await doors.on_encounters(service, as_records([event]))
    return visit_id


async def acts(service: Service, doors: Doors, at: datetime, **fields: Any) -> None:
    await doors.on_actions(service, [an_action(at, **fields)])


async def told(service: Service, action_id: str = "act-1") -> tuple[str, str | None, tuple[str, ...], int]:
    """The record that goes out for this action: effect, reason, kinds and revision."""
    rows = await service.pool.fetch(SQL["unpublished_answers"], 100)
    [row] = [row for row in rows if row["action_id"] == action_id]
    out = publish.answer(row)
    said = ActionApplied.model_validate_json(out.value or b"")
    assert action_id.encode() not in (out.key or b"") + b"".join(value for _, value in out.headers)
    return said.effect.value, said.reason, said.kinds, said.revision


async def refused(service: Service) -> list[str]:
    return [row["code"] for row in await service.pool.fetch("SELECT code FROM transitions.rejection")]


async def test_a_call_counts(service: Service, doors: Doors) -> None:
    """Given a discharge home, when the patient is reached, then that is told with what it settled, and once."""
    await leaves(service, doors)
    for _ in range(2):
        await acts(service, doors, MONDAY, id="act-1", visit="V1", **CALL)

    assert await told(service) == ("counted", None, ("call_72h", "tcm_contact"), 1)
    assert await refused(service) == []


async def test_an_action_for_an_unknown_visit_waits_for_it(service: Service, doors: Doors) -> None:
    """Given no such visit, then it waits; when the visit appears, then it counts."""
    await acts(service, doors, MONDAY, id="act-1", visit="V1", **CALL)
    assert await told(service) == ("waiting", "unknown_visit", (), 1)

    await leaves(service, doors)
    assert await told(service) == ("counted", None, ("call_72h", "tcm_contact"), 2)


async def test_two_visits_that_can_be_meant_keep_it_waiting(service: Service, doors: Doors) -> None:
    """Given an action that waits, when the number turns up at two hospitals at once, then the reason changes."""
    await acts(service, doors, MONDAY, id="act-1", visit="V1", **CALL)
    both = [
        discharged(visit_id=uuid4(), patient_id=uuid4(), number="V1", facility=name) for name in ("H1", "H2")
    ]
    await doors.on_encounters(service, as_records(both))

    assert await told(service) == ("waiting", "ambiguous_visit", (), 2)


async def test_a_cancelled_discharge_changes_the_answer(service: Service, doors: Doors) -> None:
    """Given a call that counts, when the discharge is cancelled, then it was made during the stay; the rest stays."""
    visit_id, patient_id = uuid4(), uuid4()
    first = discharged(visit_id=visit_id, patient_id=patient_id)
    await doors.on_encounters(service, as_records([first]))
    await acts(service, doors, MONDAY, id="act-1", visit="V1", **CALL)
    back = discharged(
        visit_id=visit_id,
        patient_id=patient_id,
        revision=2,
        state=VisitState.ADMITTED,
        learned=MONDAY + timedelta(hours=1),
    )
    await doors.on_encounters(service, as_records([back]))

    assert await told(service) == ("noted", "before_discharge", (), 2)


async def test_withdrawn_once_or_twice(service: Service, doors: Doors) -> None:
    """Given a call that counts, when it is withdrawn, and withdrawn again, then it is withdrawn, told once."""
    await leaves(service, doors)
    await acts(service, doors, MONDAY, id="act-1", visit="V1", **CALL)
    for minutes in (1, 2):
        await acts(
            service,
            doors,
            MONDAY + timedelta(minutes=minutes),
            type="action_withdrawn",
            id="act-1",
            reason="typo",
        )

    assert await told(service) == ("withdrawn", None, (), 2)


async def test_withdrawn_before_it_came(service: Service, doors: Doors) -> None:
    """Given a withdrawal of what nobody knows, then it waits; when that comes, it is withdrawn at once."""
    await leaves(service, doors)
    await acts(service, doors, MONDAY, type="action_withdrawn", id="act-1", reason="typo")
    assert await told(service) == ("waiting", "unknown_action", (), 1)

    await acts(service, doors, MONDAY + timedelta(minutes=1), id="act-1", visit="V1", **CALL)
    assert await told(service) == ("withdrawn", None, (), 2)
    assert "met" not in await statuses(service)


async def test_what_is_withdrawn_stays_so(service: Service, doors: Doors) -> None:
    """Given a withdrawn call, when it is sent again, then nothing changes: under an id of its own it would count."""
    await leaves(service, doors)
    await acts(service, doors, MONDAY, id="act-1", visit="V1", **CALL)
    await acts(service, doors, MONDAY, type="action_withdrawn", id="act-1", reason="typo")
    await acts(service, doors, MONDAY, id="act-1", visit="V1", **CALL)
    assert await told(service) == ("withdrawn", None, (), 2)

    await acts(service, doors, MONDAY, id="act-2", visit="V1", **CALL)
    assert (await told(service, "act-2"))[0] == "counted"


async def test_another_action_under_the_same_id_is_refused(service: Service, doors: Doors) -> None:
    """Given two calls under one id, alike but for the outcome, then the first counts and the second is refused."""
    await leaves(service, doors)
    other = {**CALL, "outcome": "no_answer"}
    records = [
        an_action(MONDAY, id="act-1", visit="V1", **CALL),
        an_action(MONDAY + timedelta(minutes=1), id="act-1", visit="V1", **other),
    ]
    await doors.on_actions(service, records[:1])
    await doors.on_actions(service, records[1:])
    await doors.on_actions(service, records)

    assert await refused(service) == ["id_used_again"]
    assert await told(service) == ("counted", None, ("call_72h", "tcm_contact"), 1)


async def test_a_patient_that_is_not_the_visit_s(service: Service, doors: Doors) -> None:
    """Given a call that names another patient, then it is noted, and nothing is settled."""
    await leaves(service, doors)
    await acts(service, doors, MONDAY, id="act-1", visit="V1", patient="99999", **CALL)

    assert await told(service) == ("noted", "other_patient", (), 1)
    assert "met" not in await statuses(service)


async def test_a_number_used_again_for_another_patient(service: Service, doors: Doors) -> None:
    """Given a call that counts for the first patient of a number, when the number is another's, then it counts as before;
    one made after the second discharge counts for the second patient.
    """
    first, second = uuid4(), uuid4()
    visit_id = await leaves(service, doors, patient_id=first)
    await acts(service, doors, MONDAY, id="act-1", visit="V1", **CALL)
    later = FRIDAY + timedelta(days=60)
    again = discharged(visit_id=uuid4(), patient_id=second, at=later).model_copy(update={"root_id": visit_id})
    await doors.on_encounters(service, as_records([again]))
    await acts(service, doors, later + timedelta(days=1), id="act-2", visit="V1", **CALL)

    assert await told(service) == ("counted", None, ("call_72h", "tcm_contact"), 1)
    assert await told(service, "act-2") == ("counted", None, ("call_72h", "tcm_contact"), 1)
    owners = await service.pool.fetch("SELECT patient_id FROM transitions.answer ORDER BY action_id")
    assert [row["patient_id"] for row in owners] == [first, second]


async def test_a_list_that_is_taken(service: Service, doors: Doors) -> None:
    """Given nobody's list in particular, when someone takes it, then that counts and names no patient."""
    await acts(service, doors, MONDAY, id="act-1", type="alert_acknowledged", kind="late_known", by="rn1")

    assert await told(service) == ("counted", None, (), 1)


async def who_has_the_list(service: Service) -> list[tuple[datetime, bool, str | None]]:
    rows = await service.pool.fetch(SQL["unpublished_team_acks"], 10)
    events = [TeamAck.model_validate_json(publish.team_ack(row).value or b"") for row in rows]
    return [(event.at, event.withdrawn, event.by) for event in events]


async def test_who_has_a_list_can_take_that_back(service: Service, doors: Doors) -> None:
    """Given two who took a list, when each takes it back, then the first has it again, and then nobody."""
    tuesday = MONDAY + timedelta(days=1)
    await acts(service, doors, MONDAY, id="act-1", type="alert_acknowledged", kind="late_known", by="rn1")
    await acts(service, doors, tuesday, id="act-2", type="alert_acknowledged", kind="late_known", by="rn2")
    assert await who_has_the_list(service) == [(tuesday, False, "rn2")]

    later = tuesday + timedelta(hours=1)
    await acts(service, doors, later, type="action_withdrawn", id="act-2", reason="not mine", by="rn2")
    assert await who_has_the_list(service) == [(MONDAY, False, "rn1")]
    assert await told(service, "act-2") == ("withdrawn", None, (), 2)

    last = later + timedelta(hours=1)
    await acts(service, doors, last, type="action_withdrawn", id="act-1", reason="off duty", by="rn1")
    assert await who_has_the_list(service) == [(last, True, None)]


async def test_a_list_that_was_taken_back_before_it_was_taken(service: Service, doors: Doors) -> None:
    """Given a withdrawal, when what it withdraws arrives after it, then nobody has the list."""
    await acts(service, doors, MONDAY, type="action_withdrawn", id="act-1", reason="not mine", by="rn1")
    await acts(service, doors, MONDAY, id="act-1", type="alert_acknowledged", kind="late_known", by="rn1")

    assert [withdrawn for _, withdrawn, _ in await who_has_the_list(service)] == [True]
    assert await told(service) == ("withdrawn", None, (), 2)


async def test_published_answers_are_not_told_again(service: Service, doors: Doors) -> None:
    """Given an answer that Kafka has, when the patient is planned anew without news, then there is nothing to tell."""
    visit_id, patient_id = uuid4(), uuid4()
    await doors.on_encounters(service, as_records([discharged(visit_id=visit_id, patient_id=patient_id)]))
    await acts(service, doors, MONDAY, id="act-1", visit="V1", **CALL)
    rows = await service.pool.fetch(SQL["unpublished_answers"], 100)
    await service.pool.execute(SQL["answers_published"], ["act-1"], [rows[0]["revision"]])
    again = discharged(visit_id=visit_id, patient_id=patient_id, revision=2, learned=MONDAY)
    await doors.on_encounters(service, as_records([again]))
    assert await service.pool.fetch(SQL["unpublished_answers"], 100) == []

    await service.pool.execute(SQL["republish_answers"], None)
    assert (await told(service))[0] == "counted"


async def statuses(service: Service) -> list[str]:
    return [row["status"] for row in await service.pool.fetch("SELECT status FROM transitions.deadline")]


def test_the_record_of_an_answer_is_what_the_schema_says() -> None:
    """Null fields are left out."""
    row: Any = {
        "id": "act-1", "action_id": "act-1", "type": "contact_attempted", "effect": "waiting", "reason": "unknown_visit",
        "kinds": "[]", "patient_id": None, "visit_id": None, "episode_id": None, "at": FRIDAY, "occurred_at": FRIDAY,
        "known_at": FRIDAY, "revision": 3,
    }  # fmt: skip
    sent = msgspec.json.decode(publish.answer(row).value or b"")
    assert sorted(sent) == [
        "action_id",
        "at",
        "effect",
        "kinds",
        "known_at",
        "occurred_at",
        "reason",
        "revision",
        "type",
    ]
