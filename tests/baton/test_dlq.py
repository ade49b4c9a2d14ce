"""`baton dlq` on a real database and a real broker: what was refused is seen, mended, sent again or laid aside; never lost."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from baton import dlq, dlq_retry
from baton.cli import main
from baton.dlq import Asked
from baton.trouble import Misuse, Trouble
from schemas.topics import ADT_INBOUND, CARE_ACTIONS
from services.admissions import store
from services.admissions.app import build as build_admissions
from services.admissions.settings import Settings as Admissions
from services.chassis.counting import Count
from services.chassis.health import Progress
from services.chassis.kafka import KafkaAwayError, Producer, Record, TopicSpec, ensure_topics
from services.chassis.kafka.records import from_kafka
from services.chassis.metrics import OPEN_REJECTIONS
from services.chassis.outbox import Relay
from services.chassis.postgres import close_pool, open_pool
from services.chassis.service import Service
from services.chassis.settings import ServiceSettings
from services.transitions import store as transitions_store
from services.transitions.app import build as build_transitions
from services.transitions.settings import Settings as Transitions
from tests.infra import KafkaServer
from tests.messages import adt, record

pytestmark = pytest.mark.timeout(120)

ARRIVED = datetime(2026, 1, 12, 14, 0, tzinfo=UTC)
NAMES = ("LINDQVIST", "MAREN")
GOOD = adt("A01", control="1", at="202601120800", name="^".join(NAMES))
NO_PATIENT = GOOD.replace(b"70001^^^HOSPA^MR", b"")
CALL = {
    "type": "contact_attempted",
    "visit": "V1",
    "channel": "phone",
    "party": "patient",
    "outcome": "reached",
}
UNKNOWN = json.dumps(CALL | {"type": "sung", "note": "LINDQVIST"}).encode()


class House:
    """The services' own handlers around one database, and the topics they read on a real broker."""

    def __init__(self, dsn: str, settings: ServiceSettings, services: dict[str, Service]) -> None:
        self.dsn = dsn
        self.settings = settings
        self.services = services
        self._read: dict[str, int] = {}

    async def hear(self, *records: Record) -> None:
        """Records arrive, as if read from Kafka."""
        for each in records:
            service = self.services[each.topic]
            handler = next(s.handler for s in service.subscriptions if each.topic in s.topics)
            await handler(service, [each])

    async def catch_up(self, topic: str = ADT_INBOUND) -> list[Record]:
        """Have the services read what was sent to the topic since the last time; gives it."""
        part = TopicPartition(self.settings.topic(topic), 0)
        consumer = AIOKafkaConsumer(bootstrap_servers=self.settings.kafka_bootstrap_servers)
        await consumer.start()
        try:
            consumer.assign([part])
            end = (await consumer.end_offsets([part]))[part]
            consumer.seek(part, self._read.get(topic, 0))
            found = []
            while await consumer.position(part) < end:
                found += (await consumer.getmany(part, timeout_ms=500)).get(part, [])
        finally:
            await consumer.stop()
        self._read[topic] = end
        records = [from_kafka(raw, len(self.settings.topic_prefix)) for raw in found]
        await self.hear(*records)
        return records

    async def rows(self, statement: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await self.services[ADT_INBOUND].pool.fetch(statement)]


@pytest.fixture
async def house(
    database: str,
    kafka_broker: KafkaServer,
    topic_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[House]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_broker.bootstrap_servers)
    monkeypatch.setenv("BATON_TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("BATON_CONFIG_DIR", str(tmp_path))
    # Here nothing but refusals comes.
    monkeypatch.setenv("BATON_POISON_SHARE", "1")
    services = {ADT_INBOUND: build_admissions(Admissions()), CARE_ACTIONS: build_transitions(Transitions())}
    for service in services.values():
        service.pool = await open_pool(service.settings, schema=service.name)
        producer = Producer(service.settings, "test")
        service.relay = Relay(service.pool, producer, service.outlets, progress=Progress())
    settings = services[ADT_INBOUND].settings
    await ensure_topics(
        settings, [TopicSpec(name, 1, compacted=False, retention_ms=3_600_000) for name in services]
    )
    yield House(database, settings, services)
    for service in services.values():
        await close_pool(service.pool)


@pytest.fixture
async def refused(house: House) -> House:
    """Two messages without a patient, one of another feed, bytes that are nothing, an action nobody knows."""
    await house.hear(
        record(NO_PATIENT, offset=1, at=ARRIVED, key=b"\xff\0"),
        record(NO_PATIENT.replace(b"|1|P|", b"|2|P|"), offset=2, at=ARRIVED + timedelta(hours=1),
               headers=(("feed", b"north"),)),
        record(b"\x1b[2Jnothing", offset=3, at=ARRIVED + timedelta(hours=2)),
        record(UNKNOWN, offset=4, at=ARRIVED + timedelta(hours=3), topic=CARE_ACTIONS),
    )  # fmt: skip
    return house


async def listed(capsys: pytest.CaptureFixture[str], *asked: Any, **more: Any) -> dict[str, Any]:
    capsys.readouterr()
    assert await dlq.show_list(Asked(*asked, **more), 50, as_json=True) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    return said


async def one(capsys: pytest.CaptureFixture[str], code: str) -> str:
    """The id of the open refusal with this code."""
    [row] = (await listed(capsys, code=code))["rejections"]
    return str(row["rejection_id"])


@pytest.mark.parametrize(
    ("asked", "codes"),
    [
        ({}, ["unknown_type", "not_hl7", "no_patient_identifier", "no_patient_identifier"]),
        ({"topic": "care.rejected"}, ["unknown_type"]),
        ({"topic": "adt.rejected", "code": "not_hl7"}, ["not_hl7"]),
        ({"feed": "north"}, ["no_patient_identifier"]),
        ({"since": ARRIVED + timedelta(hours=2)}, ["unknown_type", "not_hl7"]),
        ({"status": "discarded"}, []),
    ],
)
async def test_the_list_is_what_was_asked_for_newest_first(
    refused: House, capsys: pytest.CaptureFixture[str], asked: dict[str, Any], codes: list[str]
) -> None:
    """Given refusals of two feeds and an action; then the filters choose, and the summary counts the same."""
    said = await listed(capsys, **asked)

    assert [row["code"] for row in said["rejections"]] == codes
    assert sum(group["count"] for group in said["summary"]) == len(codes)


async def test_the_list_for_people_shows_no_value(refused: House, capsys: pytest.CaptureFixture[str]) -> None:
    """Given refused messages with a name in them; then the list has place, source and reason, and no name or byte."""
    assert await dlq.show_list(Asked(), 2, as_json=False) == 0
    said = capsys.readouterr().out

    assert said.splitlines()[0].split() == ["TOPIC", "FEED", "CODE", "COUNT", "FIRST", "LAST"]
    assert "2 of 4 shown" in said
    assert "adt.inbound 0:3" in said
    assert "unknown_type" in said
    assert not any(name in said for name in (*NAMES, "\x1b"))


async def test_one_is_shown_without_its_values_unless_asked(
    refused: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a refusal; then `show` tells all but the bytes, and with --values them too, once a row says who looked."""
    name = await one(capsys, "not_hl7")
    await dlq.show(name[:8], values=False, by=None, as_json=False)
    without = capsys.readouterr()
    before = await refused.rows("SELECT count(*) FROM baton.patient_data_view")
    await dlq.show(name, values=True, by="rn1", as_json=False)
    shown = capsys.readouterr()
    views = await refused.rows("SELECT viewed_by, command, subject FROM baton.patient_data_view")

    assert "nothing" not in without.out
    assert before == [(0,)]
    assert "\\x1b[2Jnothing" in shown.out
    assert "patient data" in shown.err
    assert views == [("rn1", "baton dlq show --values", f"adt.rejected {name}")]


async def test_nothing_is_shown_where_the_view_cannot_be_kept(
    refused: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a database that does not take the row; then no byte of the message is printed."""
    name = await one(capsys, "not_hl7")
    await refused.services[ADT_INBOUND].pool.execute("DROP TABLE baton.patient_data_view")
    with pytest.raises(Trouble):
        await dlq.show(name, values=True, by=None, as_json=True)

    assert "nothing" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "error"),
    [("zzzz", Misuse), ("12", Misuse), ("0000ffff", Trouble), ("'; --", Misuse), ("%%%%", Misuse)],
)
async def test_an_id_that_is_none_is_said_to_be(refused: House, name: str, error: type[Trouble]) -> None:
    """Given something that is no id, or of nothing; then a sentence says so."""
    with pytest.raises(error):
        await dlq.show(name, values=False, by=None, as_json=False)


async def test_the_beginning_of_two_ids_is_none(refused: House) -> None:
    """Given two refusals whose ids begin alike; then neither is taken for what was meant."""
    await refused.services[ADT_INBOUND].pool.execute(
        "UPDATE admissions.rejection SET rejection_id = overlay(rejection_id::text placing 'aaaa' from 1 for 4)::uuid"
    )
    with pytest.raises(Trouble, match="More than one"):
        await dlq.discard(["aaaa"], "both", None)


async def test_discarding_marks_and_deletes_nothing(
    refused: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given an open refusal, discarded twice; then the first reason stays, with who said it, and the bytes stay."""
    name = await one(capsys, "not_hl7")
    codes = [await dlq.discard([name], reason, "op") for reason in ("a test of the engine", "again")]
    rows = await refused.rows(
        "SELECT status, dealt_by, reason, octet_length(raw), dealt_at IS NOT NULL FROM admissions.rejection "
        "WHERE code = 'not_hl7'"
    )

    assert codes == [0, 1]
    assert rows == [("discarded", "op", "a test of the engine", 11, True)]
    assert (await listed(capsys, code="not_hl7"))["rejections"] == []


async def test_a_dry_run_tells_what_each_would_become_and_sends_nothing(
    refused: House, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Given refusals, and a file with one of them corrected; then it is told of each, and nothing has happened."""
    assert await dlq_retry.retry([], Asked(), file=None, by=None, dry_run=True) == 1
    before = capsys.readouterr()
    name = await one(capsys, "not_hl7")
    (tmp_path / "better.hl7").write_bytes(GOOD)
    assert await dlq_retry.retry([name], None, file="better.hl7", by=None, dry_run=True) == 0
    after = capsys.readouterr()

    assert before.out.count("refused: no_patient_identifier PID-3") == 2
    assert "refused: unknown_type" in before.out
    assert "4 would be sent." in before.err
    assert "accepted: A01 admitted, feed default" in after.out
    assert not any(word in before.out + after.out for word in NAMES)
    assert await refused.catch_up() == []
    assert len((await listed(capsys))["rejections"]) == 4


async def test_what_is_refused_again_is_a_new_open_refusal(
    refused: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given all of it sent again and nothing mended; then bytes, key and feed come as before, each is refused once more
    as a row of its own that names the first, and the first ones are retried.
    """
    first = {row["rejection_id"]: row for row in (await listed(capsys))["rejections"]}
    assert await dlq_retry.retry([], Asked(), file=None, by="op", dry_run=False) == 0
    sent = await refused.catch_up() + await refused.catch_up(CARE_ACTIONS)
    again = (await listed(capsys))["rejections"]
    retried = (await listed(capsys, status="retried"))["rejections"]

    assert [each.value for each in sent][::3] == [NO_PATIENT, UNKNOWN]
    assert [each.key for each in sent] == [b"\xff\0", None, None, None]
    assert [each.header("feed") for each in sent] == [None, "north", None, None]
    assert {row["rejection_id"] for row in retried} == set(first)
    assert {row["dealt_by"] for row in retried} == {"op"}
    assert {row["retry_of"] for row in again} == set(first)
    assert sorted(row["code"] for row in again) == sorted(row["code"] for row in first.values())
    assert {row["feed"] for row in again} == {"default", "north", ""}


async def test_a_mended_profile_reads_what_was_refused(
    refused: House, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Given bytes refused for their character set until the profile names it; then sent again they are applied."""
    foreign = GOOD.rstrip(b"\r").replace(b"|2.5.1", b"|2.5.1||||||BIG-5", 1)
    await refused.hear(record(foreign, offset=9, at=ARRIVED))
    name = await one(capsys, "unsupported_charset")
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds" / "adt1.yaml").write_text(
        "feed: adt1\nzone: America/New_York\nmatch: {sending_application: ADT1}\ncharsets: {BIG-5: big5}\n"
    )
    assert await dlq_retry.retry([name], None, file=None, by=None, dry_run=True) == 0
    said = capsys.readouterr().out
    await dlq_retry.retry([name], None, file=None, by=None, dry_run=False)
    refused.services[ADT_INBOUND] = await _anew(refused)
    await refused.catch_up()
    rows = await refused.rows("SELECT feed, trigger FROM admissions.event")

    assert "accepted: A01 admitted, feed adt1" in said
    assert rows == [("adt1", "A01")]
    assert (await listed(capsys, code="unsupported_charset"))["rejections"] == []


async def _anew(house: House) -> Service:
    """Admissions started again, with the profiles there are now."""
    service = build_admissions(Admissions())
    before = house.services[ADT_INBOUND]
    service.pool, service.relay = before.pool, before.relay
    return service


async def test_a_message_corrected_by_hand_takes_the_place_of_the_original_on_the_way_only(
    refused: House, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Given a file with the corrected message; then that is applied, and the row keeps what the hospital sent."""
    name = await one(capsys, "not_hl7")
    (tmp_path / "better.hl7").write_bytes(GOOD.replace(b"\r", b"\n"))
    await dlq_retry.retry([name], None, file="better.hl7", by="op", dry_run=False)
    await refused.catch_up()
    rows = await refused.rows("SELECT status, reason, raw FROM admissions.rejection WHERE code = 'not_hl7'")

    assert rows == [("retried", "corrected by hand", b"\x1b[2Jnothing")]
    assert await refused.rows("SELECT trigger FROM admissions.event") == [("A01",)]


async def test_killed_between_sending_and_marking_nothing_is_lost_and_nothing_counts_twice(
    refused: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Given a process that dies when Kafka has the message and the row is not marked, then the same command again;
    then the message was sent twice and is one event, and the row is retried.
    """
    name = await one(capsys, "not_hl7")
    (tmp_path / "better.hl7").write_bytes(GOOD)

    async def killed(*_: object, **__: object) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as dying:
        dying.setattr(dlq_retry, "mark", killed)
        with pytest.raises(asyncio.CancelledError):
            await dlq_retry.retry([name], None, file="better.hl7", by=None, dry_run=False)
    between = await refused.rows("SELECT status FROM admissions.rejection WHERE code = 'not_hl7'")
    await dlq_retry.retry([name], None, file="better.hl7", by=None, dry_run=False)
    sent = await refused.catch_up()

    assert between == [("open",)]
    assert len(sent) == 2
    assert await refused.rows("SELECT count(*) FROM admissions.event") == [(1,)]
    assert await refused.rows("SELECT status FROM admissions.rejection WHERE code = 'not_hl7'") == [
        ("retried",)
    ]


async def test_a_broker_that_does_not_confirm_leaves_the_rows_open(
    refused: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a Kafka that does not answer; then a sentence says so, and every refusal is still open."""

    async def away(*_: object, **__: object) -> None:
        raise KafkaAwayError("Kafka did not confirm within 30 s.")

    monkeypatch.setattr(Producer, "send_many", away)
    with pytest.raises(Trouble, match="did not confirm"):
        await dlq_retry.retry([], Asked(), file=None, by=None, dry_run=False)

    assert len((await listed(capsys))["rejections"]) == 4


async def test_more_than_one_transaction_of_them(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    """Given more refusals than go in one turn; then all are sent, oldest first, once each."""
    many = 2 * dlq_retry.CHUNK + 7
    await house.hear(*(record(b"%d" % n, offset=n, at=ARRIVED + timedelta(seconds=n)) for n in range(many)))
    await dlq_retry.retry([], Asked(code="not_hl7"), file=None, by=None, dry_run=False)
    sent = await house.catch_up()

    assert [each.value for each in sent] == [b"%d" % n for n in range(many)]


async def test_there_are_three_statuses(database: str) -> None:
    """Given a status that is none of them; then the table itself refuses it."""
    db = await asyncpg.connect(database)
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await db.execute(
                "INSERT INTO transitions.rejection (rejection_id, received_at, topic, partition, record_offset, code, "
                "detail, raw, status) VALUES (gen_random_uuid(), now(), 't', 0, 0, 'c', 'd', '', 'gone')"
            )
    finally:
        await db.close()


async def test_the_open_ones_are_counted(refused: House) -> None:
    """Given three refused messages and an action, one of the messages discarded; then two and one stand in the gauge."""
    [row] = await refused.rows("SELECT rejection_id FROM admissions.rejection WHERE code = 'not_hl7'")
    await dlq.discard([str(row[0])], "a test", None)
    counted = {}
    for topic, statements, word in (
        (ADT_INBOUND, store.SQL, "adt.rejected"),
        (CARE_ACTIONS, transitions_store.SQL, "care.rejected"),
    ):
        service = refused.services[topic]
        await Count(OPEN_REJECTIONS, statements["count_open_rejections"], [word]).once(service)
        gauge = service.registry.collector
        counted[word] = gauge.get_sample_value("baton_rejections_open", {"topic": word})

    assert counted == {"adt.rejected": 2, "care.rejected": 1}


@pytest.mark.parametrize(
    "line",
    ["dlq retry", "dlq retry aaaa --all", "dlq retry --all --file x", "dlq retry aaaa bbbb --file x",
     "dlq retry aaaa --file /nowhere"],
)  # fmt: skip
def test_used_wrongly_nothing_is_done(
    line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Given what cannot be meant; then it ends with 2, one sentence, and without asking any server."""
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "line", ["dlq discard aaaa", "dlq list --limit 0", "dlq list --topic care.actions", "dlq"]
)
def test_what_argparse_refuses_is_two(line: str) -> None:
    """Given an option that is missing or wrong; then it ends with 2."""
    with pytest.raises(SystemExit) as ended:
        main(line.split())
    assert ended.value.code == 2
