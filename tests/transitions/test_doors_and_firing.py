"""What visits, actions and time leave in Postgres: planned once, fired once, never before what was known is applied."""

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from schemas.encounters import (
    MARK_TYPE,
    AppliedMark,
    CareClass,
    Disposition,
    EncounterEvent,
    Patient,
    Visit,
    VisitState,
)
from services.chassis import clock
from services.chassis.kafka import Record
from services.chassis.service import Service
from services.chassis.settings import SettingsError
from services.transitions.consumer import Doors
from services.transitions.deadlines import FIRED, Firing
from services.transitions.in_use import protocols_there
from services.transitions.settings import Settings
from tests.messages import record

pytestmark = pytest.mark.postgres

FRIDAY = datetime(2026, 1, 9, 20, 0, tzinfo=UTC)
MARKED = (("ce_type", MARK_TYPE.encode()),)


def discharged(
    *,
    at: datetime = FRIDAY,
    learned: datetime | None = None,
    visit_id: UUID,
    patient_id: UUID,
    revision: int = 1,
    state: VisitState = VisitState.DISCHARGED,
    disposition: str = "home",
    number: str = "V1",
    facility: str = "HOSPA",
) -> EncounterEvent:
    """A patient of an inpatient stay went home."""
    learned = learned or at + timedelta(minutes=5)
    gone = state is VisitState.DISCHARGED
    return EncounterEvent(
        visit_id=visit_id,
        root_id=visit_id,
        revision=revision,
        feed="default",
        learned_at=learned,
        cause="A03",
        visit=Visit(
            number=number,
            authority=facility,
            facility=facility,
            state=state,
            patient_class="I",
            care_class=CareClass.INPATIENT,
            inpatient=True,
            admitted_at=at - timedelta(days=4),
            discharged_at=at if gone else None,
            discharge_learned_at=learned if gone else None,
            settle_from=learned,
            disposition=Disposition(code="01", category=disposition, stated=True, learned_at=learned)
            if gone
            else None,
        ),
        patient=Patient(patient_id=patient_id, number="70001", authority=facility),
    )


def as_records(events: Iterable[EncounterEvent]) -> list[Record]:
    return [
        record(
            event.model_dump_json(exclude_none=True).encode(),
            offset=n,
            topic="adt.encounters",
            at=event.learned_at,
        )
        for n, event in enumerate(events)
    ]


def an_action(at: datetime, **fields: Any) -> Record:
    return record(json.dumps(fields).encode(), topic="care.actions", at=at)


async def at(service: Service, now: datetime) -> None:
    """Turn the controlled clock on, or forward."""
    async with service.pool.acquire() as db:
        await clock.set_clock(db, now)


async def applied(service: Service, mark: datetime) -> None:
    """Everything up to `mark` has been applied, says admissions; and so do we of care.actions."""
    told = record(
        AppliedMark(mark=mark, partitions=1).model_dump_json().encode(),
        topic="adt.encounters",
        headers=MARKED,
    )
    await Doors(Settings().rules()).on_encounters(service, [told])
    await service.pool.execute(
        """INSERT INTO baton.applied_mark (consumer, topic, partition, mark) VALUES ('transitions', 'care.actions', 0, $1)
           ON CONFLICT (consumer, topic, partition) DO UPDATE SET mark = excluded.mark""",
        mark,
    )


async def statuses(service: Service) -> dict[str, str]:
    rows = await service.pool.fetch("SELECT kind, status FROM transitions.deadline ORDER BY kind, due_at")
    return {row["kind"]: row["status"] for row in rows}


@pytest.fixture
def doors() -> Doors:
    return Doors(Settings().rules())


@pytest.fixture
def firing(service: Service) -> Firing:
    return Firing(service, Settings().rules())


async def test_a_missed_call_fires_once_with_two_replicas(
    service: Service, doors: Doors, firing: Firing
) -> None:
    """Given 300 patients owed a call, two firing processes at once; then each deadline becomes missed exactly once."""
    await at(service, FRIDAY + timedelta(minutes=6))
    await doors.on_encounters(
        service,
        as_records(discharged(visit_id=uuid4(), patient_id=uuid4(), number=f"V{n}") for n in range(300)),
    )
    before = dict(
        await service.pool.fetch(
            "SELECT deadline_id, revision FROM transitions.deadline WHERE kind='call_72h'"
        )
    )
    due = FRIDAY + timedelta(hours=72)
    await at(service, due)
    await applied(service, due)
    other = Firing(service, Settings().rules())
    await asyncio.gather(firing.once(), other.once(), firing.once(), other.once())
    # Where one had the warning of a deadline in hand and the other its due time, one of them comes again.
    while await firing.once() == 0:
        pass
    after = await service.pool.fetch(
        "SELECT deadline_id, revision, status, settled_at, warned FROM transitions.deadline WHERE kind='call_72h'"
    )

    assert {("missed", due)} == {(row["status"], row["settled_at"]) for row in after}
    assert all(row["revision"] > before[row["deadline_id"]] for row in after)
    assert service.registry.counter(FIRED)._value.get() == await service.pool.fetchval(
        "SELECT count(*) FROM transitions.deadline WHERE fired_at IS NOT NULL"
    )
    assert (
        await service.pool.fetchval(
            "SELECT count(*) FROM transitions.timer WHERE fire_at <= $1 AND n >= 0", due
        )
        == 0
    )


async def test_nothing_fires_ahead_of_what_was_not_yet_read(
    service: Service, doors: Doors, firing: Firing
) -> None:
    """Given a call logged in time while we were down; then it is applied first, and nobody is paged."""
    await at(service, FRIDAY + timedelta(minutes=6))
    await doors.on_encounters(service, as_records([discharged(visit_id=uuid4(), patient_id=uuid4())]))
    due = FRIDAY + timedelta(hours=72)
    await applied(service, due - timedelta(hours=1))
    await at(service, due + timedelta(hours=2))
    await firing.once()

    assert (await statuses(service))["call_72h"] == "pending"

    call = an_action(
        due - timedelta(minutes=30),
        type="contact_attempted", visit="V1", channel="phone", party="patient", outcome="reached",
    )  # fmt: skip
    await doors.on_actions(service, [call])
    await applied(service, due + timedelta(hours=2))
    await firing.once()

    assert (await statuses(service))["call_72h"] == "met"


async def test_a_mark_that_stands_still_is_waited_for_and_then_not(service: Service, doors: Doors) -> None:
    """Given a consumer that stopped; then after the patience the deadline fires, marked behind, and /readyz says so."""
    await at(service, FRIDAY + timedelta(minutes=6))
    await doors.on_encounters(service, as_records([discharged(visit_id=uuid4(), patient_id=uuid4())]))
    await applied(service, FRIDAY + timedelta(hours=1))
    await at(service, FRIDAY + timedelta(hours=73))
    firing = Firing(service, Settings().rules())
    firing._patience = clock.Patience(0.2)
    await firing.once()
    waited = (await statuses(service))["call_72h"]
    await asyncio.sleep(0.3)
    await at(service, FRIDAY + timedelta(hours=73, seconds=1))
    await firing.once()
    row = await service.pool.fetchrow(
        "SELECT status, behind FROM transitions.deadline WHERE kind = 'call_72h'"
    )

    assert waited == "pending"
    assert row is not None
    assert tuple(row) == ("missed", True)
    assert await firing.check()


async def test_a_corrected_discharge_time_is_not_fired_at_the_old_one(
    service: Service, doors: Doors, firing: Firing
) -> None:
    """Given a discharge moved a day later; then the old due time passes and nothing is missed."""
    visit_id, patient_id = uuid4(), uuid4()
    await at(service, FRIDAY + timedelta(minutes=6))
    await doors.on_encounters(service, as_records([discharged(visit_id=visit_id, patient_id=patient_id)]))
    later = FRIDAY + timedelta(days=1)
    await at(service, later + timedelta(minutes=6))
    await doors.on_encounters(
        service, as_records([discharged(at=later, visit_id=visit_id, patient_id=patient_id, revision=2)])
    )
    due = FRIDAY + timedelta(hours=72)
    await at(service, due)
    await applied(service, due)
    await firing.once()

    assert (await statuses(service))["call_72h"] == "pending"


async def test_only_the_newest_revision_counts(service: Service, doors: Doors) -> None:
    """Given the cancel of a discharge and, late, the discharge itself again; then nothing is owed."""
    visit_id, patient_id = uuid4(), uuid4()
    await at(service, FRIDAY + timedelta(minutes=20))
    first = discharged(visit_id=visit_id, patient_id=patient_id)
    undone = discharged(visit_id=visit_id, patient_id=patient_id, revision=2, state=VisitState.ADMITTED)
    await doors.on_encounters(service, as_records([first]))
    await doors.on_encounters(service, as_records([undone]))
    await doors.on_encounters(service, as_records([first]))

    assert {"void"} == set((await statuses(service)).values())
    assert await service.pool.fetchval("SELECT count(*) FROM transitions.timer WHERE n >= 0") == 0


async def test_a_word_that_tells_nothing_new_is_heard_and_plans_nothing(
    service: Service, doors: Doors
) -> None:
    """Given a corrected name after the discharge; then its revision counts, and no patient is planned for it."""
    visit_id, patient_id = uuid4(), uuid4()
    first = discharged(visit_id=visit_id, patient_id=patient_id)
    await doors.on_encounters(service, as_records([first]))
    planned = "SELECT max(xmin::text::bigint) FROM transitions.timer"
    before = await service.pool.fetchval(planned)
    named = first.patient.model_copy(update={"family": "Ortiz"})
    learned = first.learned_at + timedelta(hours=2)
    again = first.model_copy(update={"revision": 2, "learned_at": learned, "patient": named})
    await doors.on_encounters(service, as_records([again]))
    kept = await service.pool.fetchrow(
        "SELECT revision, learned_at, document::json->>'learned_at' AS told FROM transitions.visit"
    )

    assert (kept["revision"], kept["learned_at"]) == (2, learned)
    assert datetime.fromisoformat(kept["told"]) == first.learned_at
    assert await service.pool.fetchval(planned) == before


async def test_an_action_waits_for_its_visit_and_counts_once(service: Service, doors: Doors) -> None:
    """Given a call logged before the visit is known, twice; then it satisfies when the visit appears."""
    await at(service, FRIDAY + timedelta(hours=3))
    call = an_action(
        FRIDAY + timedelta(hours=2),
        type="contact_attempted", visit="V1", channel="phone", party="patient", outcome="reached",
    )  # fmt: skip
    await doors.on_actions(service, [call, call])
    await doors.on_actions(service, [call])
    await doors.on_encounters(service, as_records([discharged(visit_id=uuid4(), patient_id=uuid4())]))

    found = await statuses(service)
    assert (found["call_72h"], found["tcm_contact"]) == ("met", "met")
    assert await service.pool.fetchval("SELECT count(*) FROM transitions.action") == 1


async def test_an_action_and_its_visit_that_come_at_once_find_each_other(
    service: Service, doors: Doors
) -> None:
    """Given a hundred visits and a call for each, read by both doors at the same time; then no call is lost."""
    await at(service, FRIDAY + timedelta(hours=3))
    call = {"type": "contact_attempted", "channel": "phone", "party": "patient", "outcome": "reached"}
    coming = []
    for n in range(100):
        visit = discharged(visit_id=uuid4(), patient_id=uuid4(), number=f"V{n}")
        coming.append(doors.on_encounters(service, as_records([visit])))
        coming.append(
            doors.on_actions(service, [an_action(FRIDAY + timedelta(hours=2), visit=f"V{n}", **call)])
        )
    await asyncio.gather(*coming)
    rows = await service.pool.fetch("SELECT status, count(*) FROM transitions.deadline GROUP BY status")

    assert dict(rows) == {"met": 200, "pending": 300}


@pytest.mark.parametrize("order", ["call first", "withdrawal first"])
async def test_a_withdrawn_action_never_happened(service: Service, doors: Doors, order: str) -> None:
    """Given a call and its withdrawal in any order; then the call is owed."""
    await at(service, FRIDAY + timedelta(hours=3))
    await doors.on_encounters(service, as_records([discharged(visit_id=uuid4(), patient_id=uuid4())]))
    call = an_action(
        FRIDAY + timedelta(hours=2),
        type="contact_attempted", id="c1", visit="V1", channel="phone", party="patient", outcome="reached",
    )  # fmt: skip
    undo = an_action(
        FRIDAY + timedelta(hours=2), type="action_withdrawn", id="c1", reason="wrong patient", by="rn1"
    )
    for one in [call, undo] if order == "call first" else [undo, call]:
        await doors.on_actions(service, [one])

    assert (await statuses(service))["call_72h"] == "pending"


async def test_refused_actions_are_kept_and_the_rest_of_the_batch_goes_on(
    service: Service, doors: Doors
) -> None:
    """Given actions nobody can read among good ones; then each is kept with its reason and no value of it."""
    now = FRIDAY + timedelta(hours=3)
    await at(service, now)
    for n in (1, 2):
        await doors.on_encounters(
            service,
            as_records(
                [discharged(visit_id=uuid4(), patient_id=uuid4(), number="TWICE", facility=f"HOSP{n}")]
            ),
        )
    good = {"type": "contact_attempted", "channel": "phone", "party": "patient", "outcome": "reached"}
    batch = [
        record(b"\xff", topic="care.actions", at=now, offset=1),
        an_action(now, type="sang_a_song", visit="SECRET"),
        an_action(now, **(good | {"visit": "SECRET", "outcome": "SECRET"})),
        an_action(now, **good, visit="TWICE"),
        an_action(now, **good, visit="V9", occurred_at="2027-01-01T00:00:00Z"),
        an_action(now, **good, visit="TWICE", facility="HOSP1"),
    ]
    await doors.on_actions(service, batch)
    rows = await service.pool.fetch("SELECT code, detail FROM transitions.rejection ORDER BY code")

    assert [row["code"] for row in rows] == [
        "ambiguous_visit",
        "in_the_future",
        "invalid_action",
        "not_json",
        "unknown_type",
    ]
    assert not any("SECRET" in row["detail"] for row in rows)
    assert await service.pool.fetchval("SELECT count(*) FROM transitions.deadline WHERE status = 'met'") == 2


async def test_an_empty_disposition_waits_for_the_settle_window(
    service: Service, doors: Doors, firing: Firing
) -> None:
    """Given a discharge without disposition; then nothing is owed for ten minutes, and then it is, provisionally."""
    learned = FRIDAY + timedelta(minutes=5)
    event = discharged(visit_id=uuid4(), patient_id=uuid4(), disposition="unknown")
    assert event.visit.disposition is not None
    unsaid = Disposition(code=None, category="unknown", stated=False, learned_at=learned)
    event = event.model_copy(update={"visit": event.visit.model_copy(update={"disposition": unsaid})})
    await at(service, learned)
    await doors.on_encounters(service, as_records([event]))
    before = await statuses(service)
    await at(service, learned + timedelta(minutes=10))
    await applied(service, learned + timedelta(minutes=10))
    await firing.once()

    assert before == {}
    assert {"call_72h", "tcm_contact"} < (await statuses(service)).keys()
    assert set((await statuses(service)).values()) == {"pending"}


async def test_merged_patients_keep_one_set_of_deadlines(service: Service, doors: Doors) -> None:
    """Given a visit that moves to a surviving patient; then its episode and deadlines move with it, once."""
    visit_id, old, new = uuid4(), uuid4(), uuid4()
    await at(service, FRIDAY + timedelta(minutes=20))
    await doors.on_encounters(service, as_records([discharged(visit_id=visit_id, patient_id=old)]))
    await doors.on_encounters(
        service, as_records([discharged(visit_id=visit_id, patient_id=new, revision=2)])
    )
    rows = await service.pool.fetch("SELECT patient_id, status, revision FROM transitions.deadline")

    assert {(new, "pending", 2)} == {tuple(row) for row in rows}


async def test_a_protocol_that_cases_stand_under_is_missed_at_the_start(
    service: Service, doors: Doors
) -> None:
    """Given cases under two protocols, one of them gone, and a void one; then the start ends with a sentence that says
    which, how many, and what to do; and with all of them there it says nothing.
    """
    await at(service, FRIDAY)
    await doors.on_encounters(
        service, as_records([discharged(visit_id=uuid4(), patient_id=uuid4()) for _ in range(3)])
    )
    await protocols_there(doors.rules, service)
    first, second, _ = [
        row["episode_id"] for row in await service.pool.fetch("SELECT episode_id FROM transitions.episode")
    ]
    await service.pool.execute(
        "UPDATE transitions.episode SET protocol = 'ours@7' WHERE episode_id = $1", first
    )
    await service.pool.execute(
        "UPDATE transitions.episode SET protocol = 'theirs@1', status = 'void' WHERE episode_id = $1", second
    )

    with pytest.raises(SettingsError) as refused:
        await protocols_there(doors.rules, service)
    assert str(refused.value) == (
        "1 open case stands under the protocol ours@7, which is not there or cannot be used: put ours@7.yaml back into "
        "protocols/ of the configuration, and before you remove it, `baton protocols move ours@7 transitions-of-care@2`."
    )
