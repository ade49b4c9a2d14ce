"""What no reader can read, in the middle of a good feed: refused once with its bytes, passed by, never read for ever."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.topics import (
    ADT_ENCOUNTERS,
    ADT_INBOUND,
    ADT_REJECTED,
    CARE_ACTIONS,
    CARE_REJECTED,
    CARE_TRANSITIONS,
    TOPICS,
)
from schemas.transitions import TEAM_ACK_TYPE
from services.chassis.kafka import TopicSpec
from tests.messages import adt
from tests.odd_headers import NoText, write_any_header_name
from tests.system.conftest import NewSystem
from tests.system.stand import System

pytestmark = [pytest.mark.system, pytest.mark.kafka, pytest.mark.timeout(300)]

NOW = datetime(2026, 1, 12, 14, 0, tzinfo=UTC)
MIB = 1024 * 1024
ROOMY = tuple(TopicSpec(t.name, t.partitions, t.compacted, t.retention_ms, max_bytes=4 * MIB) for t in TOPICS)
"""Topics whose owner lets in more than Baton takes."""
UNREADABLE_HEADERS = [("feed", b"\xff\xfe"), ("traceparent", b"\x80")]

Headers = list[tuple[str, bytes | None]]


def _good(number: int, **fields: Any) -> bytes:
    told = {"visit": f"V{number}", "mrn": str(70000 + number), "admitted": "202601120800"} | fields
    return adt("A01", control=f"GOOD{number}", at="202601120800", **told)


def _discharge(number: int, at: bytes) -> bytes:
    """A discharge home that says it was at `at`; everything else about it is good."""
    told = {
        "visit": f"V{number}",
        "mrn": str(70000 + number),
        "admitted": "202601050800",
        "disposition": "01",
    }
    said = adt("A03", control=f"LEFT{number}", at="202601120800", discharged="202601120801", **told)
    return said.replace(b"20260112080100-0500", at)


def _visit(**fields: Any) -> bytes:
    """A visit as admissions tells of it, of an id of its own."""
    visit_id = str(uuid4())
    given: dict[str, Any] = {"number": "V900", "authority": "HOSPA", "facility": "HOSPA", "state": "admitted",
                             "care_class": "inpatient", "inpatient": True}  # fmt: skip
    return json.dumps(
        {
            "visit_id": visit_id,
            "root_id": visit_id,
            "revision": 1,
            "feed": "default",
            "learned_at": "2026-01-12T14:00:00Z",
            "cause": "A01",
            "visit": given | fields,
            "patient": {"patient_id": visit_id, "number": "1", "authority": "HOSPA"},
        }
    ).encode()


def _acknowledged(**fields: Any) -> bytes:
    """Somebody has the list of a team."""
    at = "2026-01-12T14:00:00Z"
    return json.dumps({"team": "4W", "revision": 1, "at": at, "known_at": at, "by": "rn1"} | fields).encode()


# Between good messages: value, headers, and the code it is refused with; None where it is none the worse for it.
MESSAGES: list[tuple[str, bytes | None, Headers, str | None]] = [
    ("a record over 1 MiB", _good(1) + b"ZZZ|" + b"x" * (MIB + 1), [], "too_large"),
    ("a header that is no text", _good(2), UNREADABLE_HEADERS, None),
    ("a tombstone", None, [], "not_hl7"),
    ("bytes that are no text", b"\x80\x9d\x00\xc3" * 40, [], "not_hl7"),
    ("bytes that look like UTF-16", b"\xff\xfe\x00\x80" * 40, [], "unsupported_charset"),
    ("nothing at all", b"", [], "not_hl7"),
    ("a message cut off within MSH", b"MSH|^~", [], "not_adt"),
    ("a byte that no text column holds", _good(3, name="TEST\0CASE^NUL"), [], None),
    ("a name that is no UTF-8", _good(4).replace(b"TESTCASE", b"TEST\xff\xfeCASE"), [], None),
    ("a byte that no text column holds, in the visit number", _good(5, visit="V5\0"), [], None),
    ("a byte that no text column holds, in the identifier", _good(6, mrn="7000\0006"), [], None),
    ("a discharge at the end of time", _discharge(7, b"99991231235959-0500"), [], None),
    ("a discharge at the beginning of time", _discharge(8, b"00010101000000+1400"), [], None),
    (
        "an identifier that no index holds",
        _good(1, mrn="".join(map(str, range(4000)))),
        [],
        "no_patient_identifier",
    ),
    ("half a character and escapes of it", _good(10, name=r"TEST\XEDA080\\X00\CASE^NUL"), [], None),
    ("a name as wide as bytes allow", _good(11).replace(b"TESTCASE", b"\xed\xa0\x80" * 2000), [], None),
    ("one byte short of 1 MiB", _good(12) + b"ZZZ|" + b"x" * (MIB - 5 - len(_good(12))), [], None),
    ("a header twice", _good(13), [("feed", b"one"), ("feed", b"two")], None),
    ("headers without a value", _good(14), [("feed", b""), ("x", None)], None),
    ("a feed with a NUL", _good(15), [("feed", b"a\0b")], None),
    ("a header whose name is no text", _good(16), [(NoText("x"), b"y")], None),
    ("another of those, and nothing else good about it", b"?", [(NoText("x"), b"y")], "not_hl7"),
]
CALL = {
    "type": "contact_attempted",
    "channel": "phone",
    "party": "patient",
    "outcome": "reached",
    "visit": "V0",
}
ACTIONS: list[tuple[str, bytes | None, Headers, str | None]] = [
    ("a header that is no text", json.dumps(CALL | {"id": "call-2"}).encode(), UNREADABLE_HEADERS, None),
    ("a tombstone", None, [], "not_json"),
    ("bytes that are no text", b"\xff\xfe\x00\x80" * 40, [], "not_json"),
    (
        "a character that no text column holds",
        json.dumps(CALL | {"id": "call\0"}).encode(),
        [],
        "invalid_action",
    ),
    (
        "a year without UTC",
        json.dumps(CALL | {"occurred_at": "0001-01-01T00:00:00+14:00"}).encode(),
        [],
        "invalid_action",
    ),
    (
        "the first year",
        json.dumps(CALL | {"id": "call-3", "occurred_at": "0001-01-01T00:00:00Z"}).encode(),
        [],
        None,
    ),
    (
        "the first handoff",
        json.dumps(
            {
                "type": "handoff_acknowledged",
                "read_back": True,
                "visit": "V7",
                "id": "handoff",
                "occurred_at": "0001-01-01T00:00:00Z",
            }
        ).encode(),
        [],
        None,
    ),
    ("half a character", rb'{"type": "pcp_notified", "visit": "V0", "by": "\ud800"}', [], "not_json"),
    (
        "no number",
        b'{"type": "assessment_recorded", "visit": "V0", "specialists": NaN}',
        [],
        "invalid_action",
    ),
    (
        "an infinite one",
        b'{"type": "assessment_recorded", "visit": "V0", "specialists": 1e400}',
        [],
        "invalid_action",
    ),
    ("nested without end", b'{"type": "pcp_notified", "visit": "V0", "x": ' + b"[" * 100_000, [], "not_json"),
    ("an id of 10,000 characters", json.dumps(CALL | {"id": "x" * 10_000}).encode(), [], "invalid_action"),
    ("a visit with a NUL", json.dumps(CALL | {"visit": "V\0"}).encode(), [], "invalid_action"),
    (
        "an appointment at the end of time",
        json.dumps(
            {"type": "appointment_booked", "visit": "V0", "id": "last", "occurs_at": "9999-12-31T23:59:59Z"}
        ).encode(),
        [],
        None,
    ),
    (
        "a header whose name is no text",
        json.dumps(CALL | {"id": "call-4"}).encode(),
        [(NoText("x"), b"y")],
        None,
    ),
]
ENCOUNTERS: list[bytes | None] = [
    None,
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
    _visit(number="V\0"),
    _visit(facility="\0"),
    _visit(number="\ud800"),
    _visit(generation=2**70),
    _visit(admitted_at="0001-01-01T00:00:00Z", discharged_at="9999-12-31T23:59:59Z"),
    _visit(number="V901"),
]
"""On adt.encounters, where only admissions writes."""
TRANSITIONS: list[bytes | None] = [
    None,
    b"",
    b"\xff\xfe",
    b"[" * 100_000,
    _acknowledged(team="\0"),
    _acknowledged(team="\ud800"),
    _acknowledged(revision=2**70),
    _acknowledged(by="x" * 900_000),
    _acknowledged(at="9999-12-31T23:59:59Z", known_at="0001-01-01T00:00:00Z"),
    _acknowledged(team="behind"),
]
"""On care.transitions, where only transitions writes."""


@pytest.mark.usefixtures("any_header_name")
async def test_a_record_that_cannot_be_read_stops_nothing_and_is_kept(new_system: NewSystem) -> None:
    """Given topics that take more than 1 MiB, and in them, between good messages and actions: one over 1 MiB, headers
    that are no text, tombstones, bytes that are no text; then what cannot be read comes out on `adt.rejected` or
    `care.rejected` with its bytes, key and reason, once, everything else is applied, and no batch is read for ever.
    """
    async with new_system(NOW, topics=ROOMY, BATON_BATCH_MAX_RECORDS="50") as system:
        await system.start("admissions", "transitions", "notifications", "deadlines")
        for topic, values, headers in (
            (ADT_ENCOUNTERS, ENCOUNTERS, []),
            (CARE_TRANSITIONS, TRANSITIONS, [("ce_type", TEAM_ACK_TYPE.encode())]),
        ):
            await _send(system, topic, [(f"{n}", value, headers, None) for n, value in enumerate(values)])
        await _send(
            system, ADT_INBOUND, [("good", _good(0), [], None), *MESSAGES, ("good", _good(9), [], None)]
        )
        good = json.dumps(CALL | {"id": "call-9"}).encode()
        await _send(system, CARE_ACTIONS, [*ACTIONS, ("good", good, [], None)])
        await system.clock(NOW + timedelta(hours=1))
        await system.at_rest()
        visits = {row["number"] for row in await system.fetch("SELECT number FROM transitions.visit")}
        calls = {row["action_id"] for row in await system.fetch("SELECT action_id FROM transitions.action")}
        heard = {row["subject"] for row in await system.fetch("SELECT subject FROM notifications.subject")}
        retried = [await _retried(system, name) for name in ("admissions", "transitions", "notifications")]
    rejected = await _all(system, ADT_REJECTED), await _all(system, CARE_REJECTED)

    for sent, came in zip((MESSAGES, ACTIONS), rejected, strict=True):
        expected = sorted((what.encode(), code, value or b"") for what, value, _, code in sent if code)
        assert sorted((key, code, value) for key, code, value, _ in came) == expected
        assert all(
            source.startswith(f"{ADT_INBOUND} " if sent is MESSAGES else CARE_ACTIONS) for *_, source in came
        )
    assert {
        "V0",
        "V2",
        "V3",
        "V4",
        "V5",
        "V7",
        "V8",
        "V9",
        "V901",
        *(f"V{n}" for n in range(10, 17)),
    } <= visits
    assert {"call-2", "call-3", "call-4", "handoff", "last", "call-9"} <= calls
    assert "team:behind" in heard
    assert retried == [0, 0, 0]


@pytest.fixture
def any_header_name(monkeypatch: pytest.MonkeyPatch) -> None:
    write_any_header_name(monkeypatch)


async def _send(
    system: System, topic: str, records: list[tuple[str, bytes | None, Headers, str | None]]
) -> None:
    """To one partition, so that what is good comes behind what is bad; each under its description as key."""
    producer = AIOKafkaProducer(
        bootstrap_servers=system.bootstrap_servers, max_request_size=8 * MIB, max_batch_size=8 * MIB
    )
    await producer.start()
    try:
        for what, value, headers, _ in records:
            stamp = round(NOW.timestamp() * 1000)
            await producer.send_and_wait(
                system.prefix + topic, value, what.encode(), 0, stamp, headers
            )  # fmt: skip
    finally:
        await producer.stop()


async def _all(system: System, topic: str) -> list[tuple[bytes | None, str, bytes, str]]:
    """(key, code, value, source) of every record of a topic of one partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=system.bootstrap_servers, max_partition_fetch_bytes=8 * MIB)
    await consumer.start()
    try:
        part = TopicPartition(system.prefix + topic, 0)
        consumer.assign([part])
        await consumer.seek_to_beginning(part)
        end = (await consumer.end_offsets([part]))[part]
        found = []
        while await consumer.position(part) < end:
            for raw in (await consumer.getmany(part, timeout_ms=500)).get(part, []):
                said = {name: value.decode() for name, value in raw.headers}
                source = f"{said['source_topic']} {said['source_partition']}:{said['source_offset']}"
                found.append((raw.key, said["code"], raw.value or b"", source))
        return found
    finally:
        await consumer.stop()


async def _retried(system: System, name: str) -> float:
    """How many batches failed and were read again."""
    metrics = (await system.processes[name].ask("/metrics")).text.splitlines()
    return sum(
        float(line.rpartition(" ")[2]) for line in metrics if line.startswith("baton_batch_retried_total{")
    )
