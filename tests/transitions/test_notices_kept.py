"""A red flag and a refusal as they are kept and told: with the case, at once, and without a word of the form."""

from datetime import timedelta
from uuid import uuid4

import pytest

from schemas.transitions import EpisodeEvent
from services.chassis.service import Service
from services.transitions import publish
from services.transitions.consumer import Doors
from services.transitions.settings import Settings
from services.transitions.store import SQL
from tests.transitions.test_answers import CALL, MONDAY, acts, leaves
from tests.transitions.test_doors_and_firing import FRIDAY, as_records, discharged

pytestmark = pytest.mark.postgres

SECRET = "zanzibar"
"""A word of the form, a note, a reason; it stays where it was entered."""


@pytest.fixture
def doors() -> Doors:
    return Doors(Settings().rules())


async def case(service: Service) -> EpisodeEvent:
    [row] = await service.pool.fetch(SQL["unpublished_episodes"], 10)
    return EpisodeEvent.model_validate_json(publish.episode(row).value or b"")


async def everything(service: Service) -> bytes:
    """All that would go out now, keys and headers too."""
    found = b""
    for outlet in publish.outlets():
        for row in await service.pool.fetch(outlet.select_sql, 100):
            out = outlet.compose(row)
            found += (out.key or b"") + (out.value or b"") + b"".join(value for _, value in out.headers)
    return found


async def test_a_red_flag_is_told_with_its_case_and_nothing_of_the_form(
    service: Service, doors: Doors
) -> None:
    """Given a call with a red flag, then the case tells of it, a call back is owed, and no answer of the form goes out."""
    await leaves(service, doors)
    form = {"condition": "worse", "language": SECRET, "red_flag": True}
    await acts(service, doors, MONDAY, id="act-1", visit="V1", form=form, note=SECRET, **CALL)

    [notice] = (await case(service)).notices
    assert (notice.kind, notice.severity, notice.known_at, notice.ended) == ("red_flag", "P1", MONDAY, None)
    due = await service.pool.fetchval(
        "SELECT due_at FROM transitions.deadline WHERE kind = 'clinician_callback'"
    )
    assert due == MONDAY + timedelta(hours=4)
    sent = await everything(service)
    assert SECRET.encode() not in sent
    assert b"worse" not in sent


async def test_a_red_flag_ends_when_a_clinician_has_called(service: Service, doors: Doors) -> None:
    """Given a red flag that is acknowledged, when a clinician reaches the patient, then it is done; and planned again
    later, the case is not written again.
    """
    visit_id, patient_id = uuid4(), uuid4()
    await doors.on_encounters(service, as_records([discharged(visit_id=visit_id, patient_id=patient_id)]))
    await acts(service, doors, MONDAY, visit="V1", form={"red_flag": True}, **CALL)
    later = MONDAY + timedelta(minutes=5)
    await acts(service, doors, later, type="alert_acknowledged", visit="V1", kind="red_flag", by="md1")
    done = MONDAY + timedelta(minutes=30)
    await acts(service, doors, done, visit="V1", clinician=True, **CALL)

    event = await case(service)
    assert [(notice.ended, notice.ended_at) for notice in event.notices] == [("done", done)]
    assert [(ack.kind, ack.by) for ack in event.acknowledged] == [("red_flag", "md1")]
    again = discharged(
        visit_id=visit_id, patient_id=patient_id, revision=2, learned=FRIDAY + timedelta(minutes=5)
    )
    await doors.on_encounters(service, as_records([again]))
    assert (await case(service)).revision == event.revision


async def test_a_refusal_and_who_is_responsible_are_told_with_the_handoff(
    service: Service, doors: Doors
) -> None:
    """Given a handoff to a nursing home that is declined, then the case says so, and that the sender has the patient."""
    await leaves(service, doors, disposition="snf")
    at = FRIDAY + timedelta(hours=1)
    await acts(service, doors, at, type="handoff_declined", visit="V1", reason=SECRET, by="snf1")
    event = await case(service)

    assert event.handoff is not None
    assert (event.handoff.state, event.handoff.at) == ("declined", at)
    assert [notice.kind for notice in event.notices] == ["handoff_declined"]
    assert [(span.party, span.since, span.until) for span in event.responsibility] == [
        ("sender", FRIDAY, None)
    ]
    assert SECRET.encode() not in await everything(service)


async def test_how_long_nobody_has_the_patient_is_counted(service: Service, doors: Doors) -> None:
    """Given a handoff that nobody took by its due time, then the seconds since then are counted while it is open."""
    await leaves(service, doors, disposition="snf")
    await service.pool.execute(
        "INSERT INTO baton.clock (at) VALUES ($1)", FRIDAY + timedelta(hours=4, seconds=90)
    )
    counted = await service.pool.fetch(SQL["count_unowned"])
    assert [tuple(row) for row in counted] == [("facility_handoff", 90.0)]

    await acts(
        service, doors, FRIDAY + timedelta(hours=5), type="handoff_acknowledged", visit="V1", read_back=True
    )
    assert await service.pool.fetch(SQL["count_unowned"]) == []
