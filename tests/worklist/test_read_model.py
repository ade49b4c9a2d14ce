"""The read model: the newest state wins, whatever arrives when; merges are followed; nothing is taken for SQL."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from schemas.encounters import Location
from schemas.transitions import Programme, ProgrammeDecision, ProgrammeStep
from services.worklist import queries
from services.worklist.patient import patient_page
from services.worklist.views import Filters, ListPage
from tests.worklist.builders import (
    CASE,
    DISCHARGED,
    DUE,
    PATIENT,
    VISIT,
    a_deadline,
    a_person,
    a_record,
    an_alert,
    an_encounter,
    an_episode,
    at,
)
from tests.worklist.stand import Worklist

pytestmark = pytest.mark.postgres

OTHER = UUID(int=77)
TABLES = ("visit", "patient", "word", "episode", "deadline", "alert")


async def page(
    house: Worklist, by: str = "rn1", after: str | None = None, limit: int = 50, **said: Any
) -> ListPage:
    async with house.desk.look(by) as look:
        return await queries.page(look, Filters(**said), limit=limit, after=after)


async def held(house: Worklist) -> dict[str, list[dict[str, Any]]]:
    return {name: await house.rows(f"SELECT * FROM {name} ORDER BY 1, 2") for name in TABLES}


async def test_an_item_shows_whom_to_call_and_why(house: Worklist) -> None:
    """Given a discharge and a call owed, when the list is read, then name, number, hours and reason stand there."""
    (item,) = (await page(house)).items

    assert (item.case, item.name, item.number, item.visit_number) == (
        CASE,
        "Okonkwo-Lindé, Maren",
        "M-70001",
        "V-1004",
    )
    assert (item.due_at, item.overdue, item.because) == (DUE, False, "Nobody has called.")
    assert (item.hours.zone, item.hours.open) == ("America/New_York", True)
    assert item.source == f"{item.deadline_id}:1"


async def test_the_order_of_arrival_does_not_matter(empty: Worklist) -> None:
    """Given states, newer states and a merge, when they arrive in any order and twice, then the same is held."""
    events = [
        an_encounter(1),
        an_encounter(2, a_person(OTHER, number="M-70002"), learned_at=at(1)),
        an_episode(),
        an_episode(revision=2, patient_id=OTHER, team="5E"),
        a_deadline(),
        a_deadline("met", revision=2, patient_id=OTHER),
        an_alert(),
        an_alert("resolved", revision=2, ended_at=at(80)),
    ]
    await empty.hear(*events)
    wanted = await held(empty)
    assert [row["patient_id"] for row in wanted["patient"]] == [OTHER]

    for seed in range(6):
        await empty.run("TRUNCATE visit, patient, word, episode, deadline, alert")
        shuffled = random.Random(seed).sample(events * 2, len(events) * 2)
        for batch in _threes(shuffled):
            await empty.hear(*batch)
        assert await held(empty) == wanted, seed


def _threes(events: list[Any]) -> list[list[Any]]:
    return [events[n : n + 3] for n in range(0, len(events), 3)]


async def test_a_merge_takes_everything_along(house: Worklist) -> None:
    """Given a case that somebody has taken, when its patient is merged, then item, case, lease and search follow."""
    await house.run(
        "INSERT INTO lease VALUES ($1, 'rn1', $2, 'call_72h', $3, $4)", PATIENT, CASE, at(20), at(21)
    )
    await house.hear(
        an_encounter(2, a_person(OTHER, number="M-70002", name="Survivor, Sam"), learned_at=at(20))
    )

    (item,) = (await page(house, mine=True)).items
    assert (item.patient_id, item.name, item.number) == (OTHER, "Survivor, Sam", "M-70002")
    assert item.taken is not None
    assert (await page(house, q="okonkwo")).items == ()
    assert len((await page(house, q="surv")).items) == 1
    assert await house.rows("SELECT * FROM patient WHERE patient_id = $1", PATIENT) == []


SEARCHES = {
    "maren": 1,
    "LINDE mar": 1,
    "okon linde maren": 1,
    "m-7000": 1,
    "70001": 1,
    "v-1004": 1,
    CASE.lower(): 1,
    "   ": 1,
    "maren smith": 0,
    "aren": 0,
    "%": 0,
    "_": 0,
    "' OR 1=1 --": 0,
    "\\": 0,
    "\x00": 0,
    "x" * 10_000: 0,
    "maren " * 2_000: 1,
    "\U0010ffff": 0,
}


async def test_search(house: Worklist) -> None:
    """By the beginnings of names and numbers, without case and accents; signs of SQL mean nothing."""
    assert {q: len((await page(house, q=q)).items) for q in SEARCHES} == SEARCHES


FILTERS: list[tuple[dict[str, Any], int]] = [
    ({}, 3),
    ({"team": "4W"}, 2),
    ({"team": "4W", "unit": "4W", "kind": "call_72h", "facility": "HOSPA", "programme": None}, 1),
    ({"late_known": True}, 1),
    ({"overdue": True}, 1),
    ({"mine": True}, 0),
    ({"kind": "nothing_like_it"}, 0),
]


async def test_filters(house: Worklist) -> None:
    """All that is asked for must hold, in order of the due times; the counts are of the same."""
    await house.hear(
        a_deadline(deadline_id=UUID(int=11), kind="visit_7d", due_at=at(150), unit=None),
        a_deadline("missed", deadline_id=UUID(int=12), team="5E", late_known=True, due_at=at(10)),
        a_deadline("met", deadline_id=UUID(int=13)),
        a_deadline("missed", deadline_id=UUID(int=14), live=False),
    )
    for said, found in FILTERS:
        shown = await page(house, **said)

        assert (len(shown.items), shown.counts.total) == (found, found), said
        assert [item.due_at for item in shown.items] == sorted(item.due_at for item in shown.items)


async def test_a_page_follows_a_page(empty: Worklist) -> None:
    """Given items due at one instant, when the pages are read one after the other, then each item stands there once."""
    await empty.hear(*(a_deadline(deadline_id=UUID(int=n)) for n in range(25)))
    seen: list[UUID] = []
    after = None
    while True:
        shown = await page(empty, limit=10, after=after)
        seen += [item.deadline_id for item in shown.items]
        after = shown.next
        if after is None:
            break

    assert seen == [UUID(int=n) for n in range(25)]
    assert shown.counts.total == 25


async def test_what_a_patient_s_page_holds(house: Worklist) -> None:
    """Given stay, transfer, deadline and alert, when the page is read, then each is a fact, in order, with its message."""
    await house.hear(an_alert(), a_deadline("missed", revision=2, known_at=DUE))
    async with house.desk.look("rn1") as look:
        shown = await patient_page(look, PATIENT, case=CASE)

    assert shown is not None
    assert [(fact.kind, fact.source) for fact in shown.facts] == [
        ("stay", f"{VISIT}:1"), ("transfer", "MSG-2"), ("discharge", "MSG-3"), ("alert", f"{UUID(int=9)}:1"),
        ("deadline", "MSG-3"),
    ]  # fmt: skip
    assert [fact.at for fact in shown.facts] == sorted(fact.at for fact in shown.facts)
    assert (shown.case, shown.person.caregivers[0].name) == (CASE, "Lind, Teodor")


@pytest.mark.parametrize(
    ("sensitive", "reasons", "unknown"),
    [(True, ("ltc", "sud"), ("sdoh", "smi")), (False, ("ltc",), ("sdoh",))],
)
async def test_a_programme_is_shown_with_its_steps(
    house: Worklist, sensitive: bool, reasons: tuple[str, ...], unknown: tuple[str, ...]
) -> None:
    """Given reasons of which one is sensitive, then others read neither it nor that another is unknown."""
    programme = Programme(
        decision=ProgrammeDecision.CASE_MANAGEMENT, since=DISCHARGED, reasons=("ltc", "sud"), unknown=("sdoh", "smi"),
        sensitive=("sud",), notes=("diagnosis_not_icd10cm",), steps=(ProgrammeStep(step="assess", at=DUE, by="rn1"),),
    )  # fmt: skip
    await house.hear(an_episode(revision=9, programme=programme))
    async with house.desk.look("rn1") as look:
        shown = await patient_page(look, PATIENT, case=CASE, sensitive=sensitive)

    assert shown is not None
    why = next(case.why_programme for case in shown.cases if case.case == CASE)
    assert why is not None
    assert (why.reasons, why.unknown, why.hidden) == (reasons, unknown, not sensitive)
    assert (why.notes, why.steps[0].by) == (("diagnosis_not_icd10cm",), "rn1")


@pytest.mark.parametrize(
    ("sensitive", "label", "unit"), [(True, "R/42CFRPart2", "DETOX"), (False, None, None)]
)
async def test_a_stay_under_part_2_is_shown_to_whom_may_see_it(
    house: Worklist, sensitive: bool, label: str | None, unit: str | None
) -> None:
    """Given a stay with the label of 42 CFR Part 2, then who may not see such things reads neither label, unit nor service."""
    told = an_encounter(9)
    place = Location(unit="DETOX", facility="HOSPA")
    hidden = {
        "security_label": "R/42CFRPart2",
        "location": place,
        "hospital_service": "SUD",
        "attending": "Ann",
    }
    await house.hear(told.model_copy(update={"visit": told.visit.model_copy(update=hidden)}))
    async with house.desk.look("rn1") as look:
        shown = await patient_page(look, PATIENT, case=CASE, sensitive=sensitive)

    assert shown is not None
    (stay,) = (visit for visit in shown.visits if visit.visit_id == VISIT)
    assert (stay.security_label, stay.unit) == (label, unit)
    assert (stay.hospital_service, stay.attending) == (("SUD", "Ann") if sensitive else (None, None))
    assert any("DETOX" in fact.words for fact in shown.facts) is sensitive


async def test_what_cannot_be_read_is_passed_by(house: Worklist) -> None:
    """Given a record of a newer writer and one of nobody's, when they arrive with others, then the others count."""
    broken = a_record(a_deadline(revision=5), value=b"{}")
    strange = a_record(a_deadline(revision=6), headers=(("ce_type", b"baton.care.tomorrow"),))
    await house.read([broken, strange, a_record(a_deadline("met", revision=2))])

    assert [row["revision"] for row in await house.rows("SELECT revision FROM deadline")] == [2]


async def test_programmes_reach_the_items(house: Worklist) -> None:
    """Whether the episode or its deadline arrives first."""
    await house.run("UPDATE episode SET programme = 'case_management'")
    await house.hear(a_deadline(revision=2))

    assert len((await page(house, programme="case_management")).items) == 1


async def test_the_board_names_nobody(house: Worklist) -> None:
    """The next hours by severity, and cases without whom they are about."""
    await house.hear(a_deadline("missed", deadline_id=UUID(int=12), due_at=at(10)))
    await house.at(DUE - timedelta(hours=1, minutes=30))
    async with house.desk.look("rn1") as look:
        board = await queries.board(look, Filters(unit="4W"))

    assert [(slot.at, slot.items, slot.severities) for slot in board.hours] == [
        (DUE - timedelta(minutes=30), 1, {"P2": 1})
    ]
    assert [(item.case, item.name, item.number) for item in (*board.overdue, *board.next)] == [
        (CASE, None, None)
    ] * 2
    assert (board.counts.total, board.counts.overdue) == (2, 1)


async def test_operations_count_and_name_nobody(house: Worklist) -> None:
    async with house.desk.look("ops") as look:
        shown = await queries.operations(look)

    assert shown.deadlines == {"owed": 1, "overdue": 0, "late_known": 0}
    assert shown.feeds == {"default": DISCHARGED}
    assert {(feed.consumer, feed.topic) for feed in shown.lag} >= {("worklist", "care.transitions")}
    assert "Okonkwo" not in shown.model_dump_json()
    assert VISIT.hex not in shown.model_dump_json()
