"""The statements, and the handler on a real Postgres."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from schemas.alerts import ALERT_TYPE, AlertEvent
from schemas.transitions import DeadlineEvent, TeamAck
from services.notifications import publish, store
from services.notifications.store import SQL
from tests.notifications.builders import (
    DUE,
    PATIENT,
    a_deadline,
    a_readmission,
    a_warning,
    an_ack,
    an_episode,
    at,
    hours,
)
from tests.notifications.conftest import NOW, House, a_record, of

pytestmark = pytest.mark.postgres

MISSED = "call_72h_missed"


def late(n: int, **fields: Any) -> DeadlineEvent:
    """The n-th deadline that was past when it was learned, 80 hours after the discharge."""
    given: dict[str, Any] = {
        "status": "missed",
        "deadline_id": UUID(int=n),
        "late_known": True,
        "learned_at": at(80),
        "known_at": at(80),
    }
    return a_deadline(**(given | fields))


async def test_every_statement_fits_the_schema(house: House) -> None:
    """Typos, renamed columns and wrong types show here."""
    async with house.pool.acquire() as db:
        for statement in SQL.values():
            await db.prepare(statement)


def test_every_statement_is_used() -> None:
    """And only once written."""
    code = "".join(path.read_text() for path in Path("services/notifications").glob("*.py"))

    assert set(SQL) == set(re.findall(r'SQL\["(\w+)"\]', code))


async def test_a_miss_becomes_a_row_and_a_notice(house: House) -> None:
    """Raised, to be published, and to be sent."""
    await house.hear(a_deadline("missed"))

    (alert,) = await house.rows("SELECT * FROM alert")
    assert tuple(
        alert[name] for name in ("kind", "status", "raised_at", "revision", "published_revision")
    ) == (MISSED, "firing", DUE, 1, 0)
    assert of(await house.rows("SELECT * FROM notice"), "channel", "wanted", "told") == [
        ("pager", 1, "nothing")
    ]
    assert house.told == 1


async def test_what_is_not_newer_is_ignored(house: House) -> None:
    """The topic read again, and older states after newer ones."""
    await house.hear(a_deadline("met_late", revision=3))
    await house.hear(a_deadline("missed", revision=2), a_deadline("met_late", revision=3))

    assert await house.alerts() == {MISSED: "resolved"}
    assert [row["revision"] for row in await house.rows("SELECT * FROM alert")] == [1]


async def test_the_newest_of_a_batch_counts(house: House) -> None:
    """States in between are not seen."""
    await house.hear(a_deadline("missed", revision=2), a_deadline("void", revision=3), a_deadline(revision=1))

    assert await house.alerts() == {}


async def test_most_events_write_nothing_but_their_revision(house: House) -> None:
    """A pending deadline leaves one narrow row."""
    await house.hear(a_deadline(), an_episode())

    assert len(await house.rows("SELECT * FROM subject")) == 2
    assert await house.rows("SELECT * FROM alert") == []
    assert house.told == 0


async def test_a_batch_of_everything(house: House) -> None:
    """Deadlines, an episode and a team's word in one transaction."""
    await house.at(at(85))
    await house.hear(
        a_deadline("missed", revision=1),
        an_episode(
            readmission=a_readmission(known_at=at(73)), acknowledged=(an_ack("readmission_detected", 73),)
        ),
        late(11),
        late(12, hold_until=at(90)),
        TeamAck(team="4W", revision=1, at=at(81), known_at=at(81)),
    )

    expected = {MISSED: "firing", "late_known": "acknowledged", "readmission_detected": "acknowledged"}
    assert expected == await house.alerts()


async def test_an_unreadable_record_is_counted_and_passed(
    house: House, capfd: pytest.CaptureFixture[str]
) -> None:
    """The rest of its batch goes on; no value of it is told."""
    broken = a_record(a_deadline("missed", revision=9), value=b'{"deadline_id": "TESTCASE"}')
    strange = a_record(a_deadline("missed", revision=9), headers=(("ce_type", b"baton.care.other"),))
    empty = a_record(a_deadline("missed", revision=9), value=None)

    await house.door.on_transitions(house.service, [broken, strange, empty, a_record(a_deadline("missed"))])

    assert await house.alerts() == {MISSED: "firing"}
    assert b"baton_transitions_unreadable_total 1.0" in house.service.registry.exposition()
    assert "TESTCASE" not in "".join(capfd.readouterr())


async def test_shadow_alerts_are_kept_and_never_sent(house: House) -> None:
    """They are published like the others, and nobody is told."""
    await house.hear(a_deadline("missed", live=False))

    assert await house.alerts() == {MISSED: "firing"}
    assert await house.rows("SELECT * FROM notice") == []


# --- what waits ---------------------------------------------------------------------------------------------


async def test_a_held_alert_is_raised_at_its_instant(house: House) -> None:
    """Neither published nor sent before; by any replica after."""
    await house.hear(a_deadline("missed", hold_until=NOW + hours(1)))
    before = (await house.alerts(), await house.rows("SELECT * FROM notice"))
    await house.held.once(house.service)
    still = await house.alerts()

    await house.at(NOW + hours(1))
    await house.held.once(house.service)

    assert before == ({}, [])
    assert still == {}
    assert await house.alerts() == {MISSED: "firing"}
    assert [row["wanted"] for row in await house.rows("SELECT * FROM notice")] == [1]


async def test_a_held_alert_that_stops_being_true_is_gone(house: House) -> None:
    """A discharge cancelled within the settle window."""
    await house.hear(a_deadline("missed", hold_until=NOW + hours(1)))
    await house.hear(a_deadline("void", revision=2, known_at=NOW))

    assert await house.rows("SELECT * FROM alert") == []


async def test_nothing_is_raised_before_what_was_known_is_applied(house: House) -> None:
    """A cancellation that reached Kafka within the window must be able to end the alert."""
    house.held._patience.seconds = 60.0
    await house.hear(a_deadline("missed", hold_until=NOW + timedelta(minutes=1)))
    await house.at(NOW + hours(1))

    await house.held.once(house.service)
    waiting = await house.alerts()
    await marks(house, transitions=NOW, notifications=NOW + hours(1))
    await house.held.once(house.service)
    behind = await house.alerts()
    await marks(house, transitions=NOW + timedelta(minutes=1), notifications=NOW + hours(1))
    await house.held.once(house.service)

    assert (waiting, behind, await house.alerts()) == ({}, {}, {MISSED: "firing"})


async def marks(house: House, **given: datetime) -> None:
    topics = {"transitions": ("adt.inbound", "care.actions"), "notifications": ("care.transitions",)}
    async with house.pool.acquire() as db:
        for consumer_name, mark in given.items():
            for topic in topics[consumer_name]:
                await db.execute(
                    "INSERT INTO baton.applied_mark VALUES ($1, $2, 0, $3) "
                    'ON CONFLICT (consumer, topic, "partition") DO UPDATE SET mark = excluded.mark',
                    consumer_name, topic, mark,
                )  # fmt: skip


# --- late-known work ----------------------------------------------------------------------------------------


async def test_late_known_work_is_one_alert(house: House) -> None:
    """One for the team, however many items; resolved with the last of them."""
    await house.at(at(100))
    await house.hear(late(11), late(12))
    await house.hear(late(13, known_at=at(90)))
    (many,) = await house.rows("SELECT * FROM alert")
    await house.hear(*(late(n, revision=2, owed=False, known_at=at(95 + n)) for n in (11, 12)))
    (one,) = await house.rows("SELECT * FROM alert")
    await house.hear(late(13, revision=2, status="met_late", known_at=at(99)))
    (none,) = await house.rows("SELECT * FROM alert")

    assert [("firing", 3, at(80)), ("firing", 1, at(80)), ("resolved", 1, at(80))] == of(
        [many, one, none], "status", "items", "raised_at"
    )
    assert at(99) == none["ended_at"]


async def test_late_known_work_of_another_team(house: House) -> None:
    """An item that moves leaves one list and joins the other."""
    await house.at(at(100))
    await house.hear(late(11), late(12))
    await house.hear(late(12, revision=2, team="5N"))

    rows = await house.rows("SELECT * FROM alert ORDER BY team")

    assert of(rows, "team", "items", "status") == [("4W", 1, "firing"), ("5N", 1, "firing")]


async def test_late_known_work_waits_for_the_settle_window(house: House) -> None:
    """Its instant is the end of the window; then the loop raises it."""
    await house.at(at(80))
    await house.hear(late(11, hold_until=at(80.2)))
    await house.held.once(house.service)
    before = await house.alerts()

    await house.at(at(80.2))
    await house.held.once(house.service)

    (alert,) = await house.rows("SELECT * FROM alert")
    assert before == {}
    assert ("firing", at(80.2)) == (alert["status"], alert["raised_at"])


async def test_the_next_instant_is_known(house: House) -> None:
    """Whoever advances a controlled clock asks when something is raised by itself."""
    async with house.pool.acquire() as db:
        nothing = await store.next_raise(db)
        await house.hear(a_deadline("missed", hold_until=NOW + hours(2)), late(11, hold_until=NOW + hours(9)))
        first = await store.next_raise(db)

    assert (None, NOW + hours(2)) == (nothing, first)


# --- published ----------------------------------------------------------------------------------------------


async def test_what_is_published_is_the_schema(house: House) -> None:
    """Whole, keyed by our id of the patient, CloudEvents headers, no value of a patient."""
    await house.at(at(85))
    await house.hear(a_deadline("missed", acknowledged=(an_ack(MISSED, 72.5),)), late(11))
    outlet = publish.outlet()
    async with house.pool.acquire() as db:
        rows = await db.fetch(outlet.select_sql, 10)
        await db.execute(outlet.mark_sql, [row["id"] for row in rows], [row["revision"] for row in rows])
        nothing = await db.fetch(outlet.select_sql, 10)
        await db.execute(outlet.reset_sql, None)
        again = await db.fetch(outlet.select_sql, 10)
    sent = {row["kind"]: outlet.compose(row) for row in rows}

    events = {kind: AlertEvent.model_validate_json(one.value or b"") for kind, one in sent.items()}

    assert events[MISSED].status == "acknowledged"
    assert str(PATIENT).encode() == sent[MISSED].key
    assert ("ce_type", ALERT_TYPE.encode()) in sent[MISSED].headers
    assert events["late_known"].items == 1
    assert nothing == []
    assert len(rows) == len(again)


async def test_those_who_look_see_what_was_raised(house: House) -> None:
    """For `baton status` and `baton outcome`; what is held is not there yet."""
    await house.hear(
        a_deadline("missed", warnings=(a_warning(48),), warned=1),
        a_deadline("missed", deadline_id=UUID(int=8), hold_until=NOW + hours(1)),
    )
    async with house.pool.acquire() as db:
        counts, alerts = await store.count_alerts(db), await store.seen_alerts(db)

    assert counts == {"firing": 1, "resolved": 1}
    assert [alert.kind for alert in alerts] == ["call_72h_due_soon", MISSED]
