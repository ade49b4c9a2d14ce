"""What a batch of `adt.inbound` leaves in Postgres, in whatever order and however often it comes."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from services.admissions.consumer import Inbound
from services.admissions.feeds import Feeds
from services.admissions.lanes import WORTH_PARTING
from services.admissions.line import LineStopped
from services.admissions.settings import Settings
from services.admissions.upkeep import prune, refold
from services.chassis.service import Service
from tests.messages import adt, record

pytestmark = pytest.mark.postgres

ARRIVAL_FIELDS = {"learned_at", "settle_from", "admit_learned_at", "discharge_learned_at", "sources"}

HISTORY = [
    adt("A01", control="1", at="202601050830", admitted="202601050830"),
    adt("A02", control="2", at="202601061010", unit="ICU", prior_unit="4W", admitted="202601050830"),
    adt("A03", control="3", at="202601091400", recorded="202601091402", admitted="202601050830",
        discharged="202601091400", disposition="01"),
    adt("A13", control="4", at="202601091505", admitted="202601050830", discharged="202601091400"),
    adt("A03", control="5", at="202601091330", recorded="202601091506", admitted="202601050830",
        discharged="202601091330", disposition="01"),
    adt("A08", control="6", at="202601101000", admitted="202601050830", discharged="202601091330",
        disposition="06", name="TESTCASE^ALPHA^B"),
    adt("A01", control="7", at="202601121000", mrn="70002", visit="V2", admitted="202601121000"),
    adt("A40", control="8", at="202601130800", mrn="70002", merged="70001", visit=None),
    adt("A08", control="9", at="202601131200", mrn="70001", admitted="202601050830"),
]  # fmt: skip


async def feed(service: Service, messages: Sequence[bytes], *, batch: int = 3, start: int = 0) -> None:
    """Give the messages to the handler in batches, as records with rising offsets."""
    inbound = Inbound(Settings())
    records = [
        record(message, offset=start + n, at=datetime(2026, 1, 14, tzinfo=UTC) + timedelta(seconds=start + n))
        for n, message in enumerate(messages)
    ]
    for first in range(0, len(records), batch):
        await inbound.on_inbound(service, records[first : first + batch])


def without_arrival(value: Any) -> Any:
    """The same without what depends on when it was heard."""
    if isinstance(value, dict):
        return {key: without_arrival(each) for key, each in value.items() if key not in ARRIVAL_FIELDS}
    return [without_arrival(each) for each in value] if isinstance(value, list) else value


async def rows(service: Service) -> list[Any]:
    """All columns of visits and patients but surrogate ids, revisions and arrivals."""
    visits = await service.pool.fetch(
        """SELECT v.document, v.state, v.discharged_at, v.live, v.test, v.feed, v.generation, r.number AS visit_number,
                  p.number, p.authority, p.person, q.number AS reported
           FROM admissions.visit v JOIN admissions.visit_root r USING (root_id)
           JOIN admissions.patient p ON p.patient_id = v.patient_id
           JOIN admissions.patient q ON q.patient_id = v.reported_id ORDER BY r.number, v.generation"""
    )
    patients = await service.pool.fetch(
        """SELECT p.number, s.number AS survivor FROM admissions.patient p
           JOIN admissions.patient s ON s.patient_id = p.survivor_id ORDER BY 1"""
    )
    found = [
        dict(row)
        | {
            "document": without_arrival(msgspec.json.decode(row["document"])),
            "person": {
                key: value
                for key, value in without_arrival(msgspec.json.decode(row["person"])).items()
                if key != "patient_id"
            },
        }
        for row in visits
    ]
    return [found, [dict(row) for row in patients]]


async def test_the_usual_correction_of_a_discharge_time(service: Service) -> None:
    """Given A03 14:00, A13, A03 13:30; then the visit is discharged at 13:30 and belongs to the survivor."""
    await feed(service, HISTORY)

    visit = (await rows(service))[0][0]

    assert visit["state"] == "discharged"
    assert datetime(2026, 1, 9, 18, 30, tzinfo=UTC) == visit["discharged_at"]
    assert (visit["number"], visit["reported"]) == ("70002", "70001")
    assert visit["document"]["disposition"]["code"] == "06"


@pytest.mark.parametrize("seed", range(12))
async def test_any_order_and_any_repetition_end_in_the_same_rows(service: Service, seed: int) -> None:
    """Given the history once in order, and shuffled with repetitions, in batches of any size."""
    chance = random.Random(seed)
    shuffled = [*HISTORY, *chance.choices(HISTORY, k=5)]
    chance.shuffle(shuffled)
    await feed(service, shuffled, batch=chance.randint(1, 6))
    found = await rows(service)

    async with service.pool.acquire() as db:
        await db.execute(
            "TRUNCATE admissions.visit, admissions.event, admissions.patient, admissions.visit_root, admissions.merge"
        )
    await feed(service, HISTORY, batch=1)

    assert await rows(service) == found


async def test_two_replicas_over_the_same_patients_do_not_hurt_each_other(service: Service) -> None:
    """Given the same shuffled feed read by two consumers at once; then no deadlock, and the serial result."""
    chance = random.Random(7)
    first, second = list(HISTORY) * 2, list(HISTORY) * 2
    chance.shuffle(first)
    chance.shuffle(second)
    await asyncio.gather(feed(service, first, batch=2), feed(service, second, batch=3, start=100))
    found = await rows(service)

    async with service.pool.acquire() as db:
        await db.execute(
            "TRUNCATE admissions.visit, admissions.event, admissions.patient, admissions.visit_root, admissions.merge"
        )
    await feed(service, HISTORY)

    assert await rows(service) == found


@pytest.mark.parametrize("seed", range(3))
async def test_a_batch_kept_in_two_transactions_ends_in_the_same_rows(service: Service, seed: int) -> None:
    """Given sixty patients with merges between them, shuffled and repeated, as one batch; then the rows of many."""
    chance = random.Random(seed)
    ward = [
        message.replace(b"7000", b"7%02d0" % n)
        .replace(b"|V1^", b"|V1-%d^" % n)
        .replace(b"|V2^", b"|V2-%d^" % n)
        for n in range(60)
        for message in HISTORY
    ]
    shuffled = [*ward, *chance.choices(ward, k=60)]
    chance.shuffle(shuffled)
    await feed(service, shuffled, batch=len(shuffled))
    found = await rows(service)

    async with service.pool.acquire() as db:
        await db.execute(
            "TRUNCATE admissions.visit, admissions.event, admissions.patient, admissions.visit_root, admissions.merge"
        )
    await feed(service, ward, batch=WORTH_PARTING - 1)

    assert len(found[0]) == 120
    assert await rows(service) == found


async def test_a_repetition_is_counted_and_changes_nothing(service: Service) -> None:
    """Given every message twice; then the second time counts as duplicates and no revision rises."""
    await feed(service, HISTORY)
    before = await service.pool.fetch("SELECT visit_id, revision FROM admissions.visit ORDER BY 1")
    await feed(service, HISTORY, start=100)
    after = await service.pool.fetch("SELECT visit_id, revision FROM admissions.visit ORDER BY 1")
    tally = await service.pool.fetchrow(
        "SELECT sum(received), sum(normalized), sum(duplicates) FROM admissions.tally"
    )

    assert before == after
    assert tally is not None
    assert tuple(map(int, tally)) == (18, 9, 9)


async def test_refused_messages_are_kept_with_their_bytes_once(service: Service) -> None:
    """Given a batch with bad records among good ones, read twice; then each refusal is there once, the rest applied."""
    bad = [
        (None, "not_hl7"),
        (b"hello", "not_hl7"),
        (HISTORY[0].replace(b"ADT^A01", b"ORU^R01"), "not_adt"),
        (HISTORY[0].replace(b"|1|P|", b"||P|"), "no_control_id"),
        (HISTORY[0].replace(b"70001^^^HOSPA^MR", b""), "no_patient_identifier"),
        (HISTORY[0] + b"ZZZ|" + b"x" * (1 << 20), "too_large"),
    ]
    inbound = Inbound(Settings())
    poison = (("feed", b"\xff\xfe"), ("x", b""))
    records = [record(value, offset=n, headers=poison) for n, (value, _) in enumerate(bad)]
    records.append(record(HISTORY[0], offset=99))
    for _ in range(2):
        await inbound.on_inbound(service, records)
    kept = await service.pool.fetch("SELECT code, raw FROM admissions.rejection ORDER BY record_offset")
    visits = await service.pool.fetchval("SELECT count(*) FROM admissions.visit")

    assert [(code, value or b"") for value, code in bad] == [(row["code"], row["raw"]) for row in kept]
    assert visits == 1


async def test_several_messages_in_one_record_are_all_read(service: Service) -> None:
    """Given an engine that puts a batch into one record; then each message counts."""
    await Inbound(Settings()).on_inbound(service, [record(b"".join(HISTORY[:3]))])

    assert await service.pool.fetchval("SELECT count(*) FROM admissions.event") == 3


async def test_a_drill_lives_apart_from_the_real_visit(service: Service) -> None:
    """Given MSH-11 T under a real visit number; then the real visit knows nothing of it."""
    drill = adt("A03", control="t", at="202601091400", discharged="202601091400", processing="T")
    await feed(service, [HISTORY[0], drill])
    found = await service.pool.fetch("SELECT state, test, live FROM admissions.visit ORDER BY test")

    assert [tuple(row) for row in found] == [("admitted", False, True), ("discharged", True, False)]


async def test_a_visit_reported_under_another_patient_moves_to_them(service: Service) -> None:
    """Given a visit registered under the wrong person, then updated under the right one."""
    wrong = adt("A01", control="1", at="202601050830", mrn="1", admitted="202601050830")
    right = adt("A08", control="2", at="202601050900", mrn="2", admitted="202601050830")
    for order in ([wrong, right], [right, wrong]):
        async with service.pool.acquire() as db:
            await db.execute(
                "TRUNCATE admissions.visit, admissions.event, admissions.patient, admissions.visit_root"
            )
        await feed(service, order, batch=1)

        assert (await rows(service))[0][0]["number"] == "2"


async def test_refolding_gives_what_stands_and_mends_what_does_not(service: Service) -> None:
    """Given visits as an older version left them; then `refold` brings them to what this version makes of them."""
    await feed(service, HISTORY)
    expected = await rows(service)
    async with service.pool.acquire() as db:
        assert await refold(service.pool, Feeds.load()) == 0
        await db.execute("UPDATE admissions.visit SET document = replace(document, '\"06\"', '\"01\"')")
        await db.execute("UPDATE admissions.event SET applied = false")
    changed = await refold(service.pool, Feeds.load())

    assert changed == 1
    assert expected == await rows(service)
    assert await service.pool.fetchval("SELECT count(*) FROM admissions.event WHERE NOT applied") == 0


async def test_old_months_of_raw_messages_go(service: Service) -> None:
    """Given messages of long ago and of now; then pruning drops the old month whole and keeps what it said."""
    old = record(HISTORY[0], offset=1, at=datetime(2020, 3, 1, tzinfo=UTC))
    await Inbound(Settings()).on_inbound(service, [old, record(HISTORY[1], offset=2, at=datetime.now(UTC))])
    await prune(service)

    assert await service.pool.fetchval("SELECT count(*) FROM admissions.message") == 1
    assert await service.pool.fetchval("SELECT count(*) FROM admissions.event") == 2


async def test_the_line_stands_while_almost_everything_is_refused(service: Service):
    """Given 30 messages of another kind; then none is kept as refused, readiness says why, and with ADT the line goes on."""
    inbound = Inbound(Settings(poison_window=20))
    results = [
        record(b"MSH|^~\\&|LAB|HOSPA|||202601091400||ORU^R01|%d|P|2.5.1\r" % n, offset=n) for n in range(30)
    ]
    with pytest.raises(LineStopped):
        await inbound.on_inbound(service, results)
    kept = await service.pool.fetchval("SELECT count(*) FROM admissions.rejection")
    said = await inbound.check()
    await inbound.on_inbound(service, [*[record(message) for message in HISTORY[:3]], *results[:10]])

    assert kept == 0
    assert said
    assert "30 of the latest 30 messages were refused, most of them as not_adt" in said
    assert await inbound.check() is None
    assert await service.pool.fetchval("SELECT count(*) FROM admissions.rejection") == 10


async def test_a_storm_of_updates_ends_as_if_each_were_folded(service: Service) -> None:
    """Given hundreds of updates that say the same or move a patient to and fro, with news, a late message and another
    replica's in between; then the rows are those of one fold of everything, and what says the same raises no revision.
    """

    def told(n: int, **fields: str) -> bytes:
        at = f"20260106{n // 60:02}{n % 60:02}"
        return adt("A08", control=f"s{n}", at=at, admitted="202601050830", **fields)

    ours, theirs = Inbound(Settings()), Inbound(Settings())
    told_by_now = 0

    async def send(inbound: Inbound, *messages: bytes) -> None:
        nonlocal told_by_now
        records = [
            record(
                message,
                offset=told_by_now + n,
                at=datetime(2026, 1, 14, tzinfo=UTC) + timedelta(seconds=told_by_now + n),
            )
            for n, message in enumerate(messages)
        ]
        told_by_now += len(messages)
        await inbound.on_inbound(service, records)

    await send(ours, HISTORY[0], *(told(n) for n in range(150)))
    before = await service.pool.fetchval("SELECT revision FROM admissions.visit")
    for first in range(150, 250, 10):
        await send(ours, *(told(n) for n in range(first, first + 10)))
    assert await service.pool.fetchval("SELECT revision FROM admissions.visit") == before
    await send(theirs, told(250, unit="ICU"))
    await send(ours, told(251))
    await send(ours, told(252), HISTORY[1], told(253))
    await send(ours, told(254, disposition="06"), told(255))
    for first in range(256, 300, 11):
        await send(ours, *(told(n, unit=("4W", "ICU")[n % 2]) for n in range(first, first + 11)))
    found = await rows(service)

    assert await refold(service.pool, Feeds.load()) == 0
    assert await rows(service) == found
    assert found[0][0]["document"]["location"]["unit"] == "ICU"


async def test_a_feed_that_goes_live_reaches_its_visits(service: Service) -> None:
    """Given visits read in shadow; when the profile says live and all is folded anew, then they are live, and published."""
    live = Feeds.load()
    shadow = Feeds([live.by_name["default"].model_copy(update={"mode": "shadow"})])
    inbound = Inbound(Settings())
    inbound._newest = shadow
    await inbound.on_inbound(service, [record(message, offset=n) for n, message in enumerate(HISTORY)])
    assert await service.pool.fetchval("SELECT count(*) FROM admissions.visit WHERE live") == 0

    assert await refold(service.pool, live) == 2
    assert (
        await service.pool.fetchval("SELECT count(*) FROM admissions.visit WHERE live AND revision > 1") == 2
    )
