"""What really travels is what schemas/asyncapi.yaml says: no topic, header or field that it does not declare."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from baton import dlq_retry
from baton.acting import _record, parse
from schemas import topics
from schemas.topics import TOPICS
from services.chassis.kafka import Outgoing
from tests.system import stories
from tests.system.conftest import NewSystem
from tests.system.contract import Contract
from tests.system.sentinels import message, unreadable
from tests.system.stories import Beat

LIST_TAKEN = b'{"action": {"type": "alert_acknowledged", "kind": "late_known", "by": "rn1"}}'
CALL = {
    "type": "contact_attempted",
    "channel": "phone",
    "party": "patient",
    "outcome": "reached",
    "visit": "1",
}
REFUSED = (b"no JSON", json.dumps({"type": "unheard_of", "visit": "1"}).encode(), b'{"type": "item_taken"}')


@pytest.mark.system
@pytest.mark.kafka
@pytest.mark.timeout(300)
async def test_every_record_of_every_topic_is_as_declared(new_system: NewSystem) -> None:
    """Given a hospital's days with calls, refused messages and actions, and what `baton send`, `baton act` and `baton dlq` write,
    when all of it is applied, then every record of every topic fits the document, and each message of it was seen.
    """
    story = stories.hospital(200, beats=8, seed=5)
    end = story.beats[-1].at + timedelta(hours=1)
    stamp = round(end.timestamp() * 1000)
    taken, _ = parse(LIST_TAKEN)
    dated, at = parse(json.dumps({"at": end.isoformat(), "action": CALL}).encode())
    oddities = Beat(
        inbound=(
            Outgoing(None, message("A01", "Z1", "202601120900"), [("feed", b"default")], timestamp_ms=stamp),
            _again(topics.ADT_INBOUND, message("A08", "Z2", "202601120901"), stamp),
            *(Outgoing(None, data, timestamp_ms=stamp) for data in unreadable().values()),
        ),
        actions=(
            _record(taken, None, stamp),
            _record(dated, at, stamp),
            _again(topics.CARE_ACTIONS, json.dumps(CALL | {"id": "again"}).encode(), stamp),
            *(Outgoing(None, data, timestamp_ms=stamp) for data in REFUSED),
        ),
        at=end + timedelta(minutes=1),
    )
    async with new_system(story.starts_at) as system:
        await system.start()
        await system.play(*story.beats, oddities)
        await system.at_rest()
        carried = await system.carried()

    contract = Contract()
    found = [
        problem
        for record in carried
        if record.value not in REFUSED or not record.topic.endswith(topics.CARE_ACTIONS)
        for problem in contract.problems(
            record.topic.removeprefix(system.prefix), record.headers, record.value
        )
    ]

    assert found[:20] == []
    assert contract.seen == contract.messages
    assert {record.topic.removeprefix(system.prefix) for record in carried} == {t.name for t in TOPICS}


def _again(topic: str, value: bytes, stamp: int) -> Outgoing:
    """What `baton dlq retry` sends."""
    refused: Any = {
        "feed_header": None,
        "rejection_id": uuid4(),
        "raw": value,
        "source_topic": topic,
        "raw_key": None,
    }
    again = dlq_retry._record(refused, datetime.now(UTC), None)
    return Outgoing(again.key, again.value, list(again.headers), timestamp_ms=stamp)


@pytest.mark.parametrize(
    ("topic", "headers", "value", "problem"),
    [
        ("adt.elsewhere", [], b"", "adt.elsewhere: no such channel"),
        ("adt.inbound", [("patient", b"1")], b"MSH|",
         "adt.inbound, hl7_message: $: Additional properties are not allowed ('patient' was unexpected)"),
        ("adt.inbound", [("feed", b"a"), ("feed", b"b")], b"MSH|", "adt.inbound: a header is there twice"),
        ("care.transitions", [("ce_type", b"baton.care.plan")], b"{}",
         "care.transitions: no message of type baton.care.plan"),
        ("care.actions", [], b'{"type": "pcp_notified", "visit": "1", "ward": "4W"}',
         "care.actions, action: $: {'type': 'pcp_notified', 'visit': '1', 'ward': '4W'} is not valid under any of the given schemas"),
        ("care.actions", [("ce_time", b"today")], b'{"type": "pcp_notified", "visit": "1"}',
         "care.actions, action: $.ce_time: 'today' does not match '^\\\\d{4}-\\\\d\\\\d-\\\\d\\\\dT\\\\d\\\\d:\\\\d\\\\d:\\\\d\\\\d(\\\\.\\\\d+)?(Z|[+-]\\\\d\\\\d:\\\\d\\\\d)$'"),
    ],
)  # fmt: skip
def test_what_is_not_declared_is_a_problem(
    topic: str, headers: list[tuple[str, bytes]], value: bytes, problem: str
) -> None:
    """A topic, header, type or field that the document does not have is told, and by its place."""
    assert Contract().problems(topic, headers, value) == [problem]
