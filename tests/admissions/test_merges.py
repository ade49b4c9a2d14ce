"""What follows from merges and moves in both services' rows, and a wrong merge undone by an operator."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from baton.cli import main
from services.admissions import publish
from services.admissions.consumer import Inbound
from services.admissions.feeds import Feeds
from services.admissions.merges import REASONS, REFUSED, undo
from services.admissions.settings import Settings
from services.admissions.store import SQL
from services.admissions.upkeep import refold
from services.chassis import clock
from services.chassis.counting import Count
from services.chassis.health import Progress
from services.chassis.kafka import Producer
from services.chassis.outbox import Relay
from services.chassis.postgres import close_pool, open_pool
from services.chassis.service import Service
from services.transitions.app import build
from services.transitions.consumer import Doors
from services.transitions.settings import Settings as Transitions
from tests.messages import adt, record

pytestmark = pytest.mark.postgres

AT = datetime(2026, 1, 13, 13, tzinfo=UTC)
A01 = adt("A01", control="1", at="202601050830", admitted="202601050830")
A03 = adt(
    "A03",
    control="2",
    at="202601091400",
    admitted="202601050830",
    discharged="202601091400",
    disposition="01",
)
OTHER = adt("A01", control="3", at="202601121000", mrn="70002", visit="V2", admitted="202601121000")
A40 = adt("A40", control="4", at="202601130800", mrn="70002", merged="70001", visit=None)


@pytest.fixture
async def follow_up(service: Service, database: str) -> AsyncIterator[Service]:
    """Transitions beside admissions, on the same database."""
    settings = Transitions()
    found = build(settings)
    found.pool = await open_pool(settings, schema="transitions")
    found.relay = Relay(found.pool, Producer(settings, "test"), found.outlets, progress=Progress())
    yield found
    await close_pool(found.pool)


async def feed(service: Service, *messages: bytes, start: int = 0) -> None:
    records = [
        record(message, offset=start + n, at=AT + timedelta(seconds=n)) for n, message in enumerate(messages)
    ]
    await Inbound(Settings()).on_inbound(service, records)


async def hand_on(service: Service, follow_up: Service) -> None:
    """What admissions would publish, read by transitions."""
    rows = await service.pool.fetch(SQL["unpublished_visits"], 1000)
    doors = Doors(Transitions().rules())
    records = [
        record(publish.encounter(row).value, offset=n, at=row["learned_at"], topic="adt.encounters")
        for n, row in enumerate(rows)
    ]
    if records:
        await doors.on_encounters(follow_up, records)
        await service.pool.execute(
            SQL["visits_published"], [row["id"] for row in rows], [row["revision"] for row in rows]
        )


async def whose(service: Service) -> dict[str, str]:
    """The surviving number of each visit's patient."""
    rows = await service.pool.fetch(
        """SELECT r.number, p.number AS patient FROM admissions.visit v JOIN admissions.visit_root r USING (root_id)
           JOIN admissions.patient p ON p.patient_id = v.patient_id"""
    )
    return {row["number"]: row["patient"] for row in rows}


async def cases(follow_up: Service) -> list[tuple[str, str, str, int]]:
    """Of each case: visit, patient, status, and how many deadlines are open; a case whose work is split shows."""
    rows = await follow_up.pool.fetch(
        """SELECT v.number, v.document::jsonb ->> 'patient_number' AS patient, e.status,
                  count(*) FILTER (WHERE d.status = 'pending' AND d.patient_id = e.patient_id) AS pending
           FROM transitions.episode e JOIN transitions.visit v USING (visit_id)
           LEFT JOIN transitions.deadline d USING (episode_id)
           WHERE e.status <> 'void' GROUP BY 1, 2, 3 ORDER BY 1"""
    )
    return [tuple(row) for row in rows]


async def the_merge(service: Service) -> UUID:
    found: UUID = await service.pool.fetchval("SELECT event_id FROM admissions.merge LIMIT 1")
    return found


async def test_a_wrong_merge_undone(service: Service, follow_up: Service) -> None:
    """Given a discharged patient merged into a stranger who has just been admitted; when the merge is undone, then the case
    is open again for the first, with its deadlines, and the stranger's stay is nobody's readmission.
    """
    await feed(service, A01, A03, OTHER)
    await hand_on(service, follow_up)
    before = await cases(follow_up)
    await feed(service, A40, start=10)
    await hand_on(service, follow_up)
    merged = await cases(follow_up)

    assert await whose(service) == {"V1": "70002", "V2": "70002"}
    assert merged != before
    assert merged[0][:3] == ("V1", "70002", "closed")
    assert await undo(service.pool, await the_merge(service), "ann", "two people") is not None
    await hand_on(service, follow_up)
    assert await whose(service) == {"V1": "70001", "V2": "70002"}
    assert await cases(follow_up) == before
    assert before[0][:3] == ("V1", "70001", "open")
    assert (
        await follow_up.pool.fetchval("SELECT count(*) FROM transitions.patient WHERE readmissions <> '[]'")
        == 0
    )


async def test_an_undone_merge_stays_undone(service: Service) -> None:
    """Given an undone merge; when its message comes again, under its own or another control id, everything is folded anew
    and somebody undoes it once more, then nothing changes. What the hospital merges later counts.
    """
    await feed(service, A01, OTHER, A40)
    merge = await the_merge(service)
    first = await undo(service.pool, merge, "ann", "two people")
    assert first is not None
    persons = await service.pool.fetch("SELECT number, person FROM admissions.patient ORDER BY 1")

    assert await undo(service.pool, merge, "bob", "again") == first
    await feed(service, A40, A40.replace(b"|4|P|", b"|40|P|"), start=20)
    assert await refold(service.pool, Feeds.load()) == 0
    assert await whose(service) == {"V1": "70001", "V2": "70002"}
    assert await service.pool.fetch("SELECT number, person FROM admissions.patient ORDER BY 1") == persons
    assert all("70002" not in row["person"] for row in persons if row["number"] == "70001")
    kept = await service.pool.fetchrow(
        "SELECT undone_by, undone_why, refused FROM admissions.merge WHERE event_id = $1", merge
    )
    assert kept is not None
    assert tuple(kept) == ("ann", "two people", "undone")
    async with service.pool.acquire() as db:
        later = (await clock.now(db) + timedelta(hours=1)).strftime("%Y%m%d%H%M")
    await feed(service, adt("A40", control="5", at=later, mrn="70002", merged="70001", visit=None), start=30)
    assert await whose(service) == {"V1": "70002", "V2": "70002"}


async def test_nothing_to_undo(service: Service) -> None:
    """Given no such merge; then nothing is done."""
    assert await undo(service.pool, UUID(int=1), "ann", "why") is None


def test_the_command(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """Given nothing merged; then the list is empty, an id of nobody is said to be none, and no word for why is refused."""
    assert main(["merges", "list"]) == 0
    assert capsys.readouterr().out == "No merges, as asked.\n"
    assert main(["merges", "undo", "abcd", "--reason", "two people"]) == 1
    assert "No merge has an id that begins with abcd" in capsys.readouterr().err
    assert main(["merges", "undo", "abcd", "--reason", " "]) == 2
    assert main(["merges", "undo", "not an id", "--reason", "two people"]) == 2


async def test_the_list(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """Given a merge, one into itself and one undone; then each is under its status, and numbers only where asked."""
    from baton.merges import show
    from baton.merges import undo as undo_by_name

    await feed(
        service, A01, OTHER, A40, adt("A40", control="6", at="202601130900", merged="70001", visit=None)
    )

    async def listed(status: str, *, show_patient: bool = False, as_json: bool = False) -> str:
        await show(None, status, 50, show_patient=show_patient, by="ann", as_json=as_json)
        return capsys.readouterr().out

    assert "A40      merged  standing  -" in await listed("standing")
    assert "merge_into_itself" in await listed("refused")
    assert "70001" not in await listed("all")
    assert "70001 HOSPA MR -> 70002 HOSPA MR" in await listed("all", show_patient=True)
    assert await service.pool.fetchval("SELECT count(*) FROM baton.patient_data_view") == 1
    name = str(await the_merge(service))
    standing = await service.pool.fetchval("SELECT event_id FROM admissions.merge WHERE refused IS NULL")
    assert await undo_by_name(str(standing), "two people", "ann") == 0
    assert "undone  ann: two people" in await listed("undone")
    assert name in await listed("all", as_json=True)


async def test_refused_merges_are_counted(service: Service) -> None:
    """Given a merge, the same one backwards, and one into itself; then the two that changed nothing are counted by reason, until
    each is undone. When what stood in the way of a merge is undone, it takes effect.
    """
    back = adt("A40", control="5", at="202601130830", mrn="70001", merged="70002", visit=None)
    itself = adt("A40", control="6", at="202601130900", merged="70001", visit=None)
    await feed(service, A01, OTHER, A40, back, itself)
    nothing = {"already_retired": 0.0, "identifier_in_use": 0.0}
    assert await refused(service) == {"merge_cycle": 1.0, "merge_into_itself": 1.0} | nothing

    ids = {
        row["refused"]: row["event_id"]
        for row in await service.pool.fetch("SELECT refused, event_id FROM admissions.merge")
    }
    await undo(service.pool, ids["merge_into_itself"], "ann", "nothing to do")
    assert await refused(service) == {"merge_cycle": 1.0, "merge_into_itself": 0.0} | nothing
    await undo(service.pool, ids[None], "ann", "the other way round")
    assert await refused(service) == {"merge_cycle": 0.0, "merge_into_itself": 0.0} | nothing
    assert await whose(service) == {"V1": "70001", "V2": "70001"}


async def test_refused_merges_of_visits_are_counted_and_listed(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a visit merged into another, the same backwards, and one into itself; then the two that joined nothing are counted by
    reason and listed, and whatever order they come in, the same two.
    """
    from baton.merges import show

    there = of_visits("V1", "V2", control="5", at="202601130800")
    back = of_visits("V2", "V1", control="6", at="202601130830")
    itself = of_visits("V1", "V1", control="7", at="202601130900")
    await feed(service, A01, OTHER, itself, back, there)
    nothing = {"already_retired": 0.0, "identifier_in_use": 0.0}
    assert await refused(service) == {"merge_cycle": 1.0, "merge_into_itself": 1.0} | nothing

    await show(None, "refused", 50, show_patient=False, by="ann", as_json=False)
    said = capsys.readouterr().out
    assert said.count("visit merged  refused") == 2
    assert "V1" not in said
    await show(None, "standing", 50, show_patient=True, by="ann", as_json=False)
    assert "V1 HOSPA -> V2 HOSPA" in capsys.readouterr().out


def of_visits(retired: str, surviving: str, *, control: str, at: str) -> bytes:
    """An A42: the number in MRG-5 becomes that of PV1-19."""
    told = adt("A42", control=control, at=at, mrn="70001", visit=surviving)
    return told + f"MRG|||||{retired}^^^HOSPA^VN\r".encode()


async def refused(service: Service) -> dict[str, float | None]:
    await Count(REFUSED, SQL["count_refused_merges"], REASONS).once(service)
    value = service.registry.collector.get_sample_value
    return {reason: value("baton_merges_refused", {"reason": reason}) for reason in REASONS}


async def test_two_hospitals_one_person(service: Service, follow_up: Service) -> None:
    """Given a feed that links by enterprise identifier; when somebody discharged from one hospital is admitted to another,
    then it is one person's readmission, and each visit keeps its own hospital's number.
    """
    profile = Feeds.load().by_name["default"].model_copy(update={"enterprise_types": ("EI",)})
    inbound = Inbound(Settings())
    inbound._newest = inbound.feeds = Feeds([profile])
    known = b"~9^^^REGION^EI|"
    there = adt(
        "A01", control="7", at="202601121000", mrn="31", visit="V9", admitted="202601121000", facility="HOSPB"
    )
    messages = [
        A01.replace(b"^^^HOSPA^MR|", b"^^^HOSPA^MR" + known),
        A03.replace(b"^^^HOSPA^MR|", b"^^^HOSPA^MR" + known),
        there.replace(b"^^^HOSPB^MR|", b"^^^HOSPB^MR" + known),
    ]
    await inbound.on_inbound(service, [record(each, offset=n, at=AT) for n, each in enumerate(messages)])
    await hand_on(service, follow_up)

    assert await service.pool.fetchval("SELECT count(DISTINCT patient_id) FROM admissions.visit") == 1
    stays = await follow_up.pool.fetch(
        "SELECT number, document::jsonb ->> 'patient_number' AS n FROM transitions.visit"
    )
    assert {row["number"]: row["n"] for row in stays} == {"V1": "70001", "V9": "31"}
    assert (
        await follow_up.pool.fetchval("SELECT count(*) FROM transitions.patient WHERE readmissions <> '[]'")
        == 1
    )
