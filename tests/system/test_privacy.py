"""Trap 82: whatever happens, no value of a patient turns up where it has no business to be."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from schemas import topics
from schemas.encounters import ENCOUNTER_TYPE
from schemas.transitions import DEADLINE_TYPE
from services.chassis.kafka import Outgoing
from services.chassis.migrations import migrate
from tests.infra import PostgresServer
from tests.system.conftest import NewSystem
from tests.system.sentinels import MARK, found_in, merge, message, unreadable
from tests.system.stand import PROCESSES, System, until

pytestmark = [pytest.mark.system, pytest.mark.kafka, pytest.mark.timeout(400)]

EASTERN = timedelta(hours=5)
Exposed = list[tuple[str, bytes]]

# The fixtures of the domain's section 13 as one story, and after them a forgotten call and a readmission.
FIRST_DAYS = [
    ("202601050835", message("A01", "F1", "202601050830")),
    ("202601061015", message("A02", "F2", "202601061010", unit="ICU", prior_unit="4W")),
    ("202601091505", message("A03", "F3", "202601091500", discharged="202601091500", disposition="01")),
    ("202601091605", message("A13", "F4", "202601091600", discharged="202601091500")),
    ("202601091815", message("A03", "F5", "202601091810", discharged="202601091810")),
    ("202601110900", message("A08", "F6", "202601110859", discharged="202601091810", disposition="03",
                             diagnoses="FFF")),
    ("202601120800", merge("F7", "202601120759", retired="1", surviving="2")),
]  # fmt: skip
THREE = {"mrn": "3", "visit": "3", "admitted": "202601200200"}
FOUR = {
    "mrn": "4",
    "visit": "4",
    "admitted": "202601121000",
    "discharged": "202601161500",
    "disposition": "01",
}
FIVE = {"mrn": "5", "visit": "5", "admitted": "202601270900"}
LATER_DAYS = [
    ("202601161505", message("A03", "F10", "202601161500", **FOUR)),
    ("202601181200", message("A31", "F11", "202601181159", died="202601180600", **FOUR)),
    ("202601200205", message("A04", "F8a", "202601200200", care_class="E", unit="ED", **THREE)),
    ("202601200805", message("A06", "F8", "202601200800", prior_unit="ED", **THREE)),
    ("202601231705", message("A21", "F9", "202601231700", **THREE)),
    ("202601251805", message("A22", "F9b", "202601251800", **THREE)),
    ("202601270905", message("A01", "G1", "202601270900", **FIVE)),
    ("202601281005", message("A03", "G2", "202601281000", discharged="202601281000", disposition="01", **FIVE)),
    ("202602031100", message("A01", "G3", "202602031055", mrn="5", visit="6", admitted="202602031055")),
]  # fmt: skip
NOTE, REASON = f"{MARK}NOTE told her daughter", f"{MARK}REASON she is in no state to talk"
ACTIONS = [
    ("202601061100", {"type": "handoff_declined", "reason": REASON, "by": "rn1", "visit": "1"}),
    ("202601061130", {"type": "handoff_acknowledged", "read_back": False, "by": "rn1", "visit": "1"}),
    ("202601061140", {"type": "handoff_delegated", "to": f"{MARK}TO", "reason": REASON, "by": "rn1", "visit": "1"}),
    ("202601301000", {"type": "contact_attempted", "channel": "phone", "party": "caregiver", "outcome": "no_answer",
                      "by": "rn2", "visit": "5", "form": {"language": f"{MARK}LANGUAGE", "red_flag": True}}),
    ("202601311500", {"type": "alert_acknowledged", "kind": "call_72h", "by": "rn2", "visit": "5"}),
    ("202602011000", {"type": "deadline_waived", "kind": "tcm_contact", "reason": REASON, "visit": "5"}),
    ("202602011100", {"type": "contact_attempted", "id": "wrong", "channel": "phone", "party": "patient",
                      "outcome": "reached", "visit": "3"}),
    ("202602011200", {"type": "action_withdrawn", "id": "wrong", "reason": REASON, "visit": "3"}),
]  # fmt: skip
REFUSED_ACTIONS = [
    f"{MARK} is no JSON".encode(),
    json.dumps({"type": f"{MARK}TYPE", "visit": f"{MARK}VISIT1", "note": NOTE}).encode(),
    json.dumps({"type": "contact_attempted", f"{MARK}KEY": 1, "visit": [f"{MARK}VISIT1"]}).encode(),
    json.dumps({"type": "deadline_waived", "visit": f"{MARK}VISIT1", "kind": {f"{MARK}": MARK}}).encode(),
    f'{{"type": "pcp_notified", "visit": "{MARK}", "occurred_at": "{MARK}"}}'.encode() + b"\xff",
]
# What no version of ours would write, and a broken one might.
UNREADABLE_EVENT = json.dumps({f"{MARK}KEY": 1, "visit": {f"{MARK}KEY": MARK}, "patient": MARK}).encode()
PLANTED = ("planted", b"yes")


async def test_no_patient_value_leaves_in_any_log_metric_key_header_or_message(
    new_system: NewSystem, own_postgres: PostgresServer
) -> None:
    """Given stories with a sentinel in every field that speaks of a patient and in every note, refused messages and
    actions, a pager that fails, and Postgres restarted in between; then no log line, metric, health answer, Kafka
    key or header, alert, deadline or webhook holds a single one of them.
    """
    url = await asyncio.to_thread(own_postgres.fresh_database)
    await migrate(url)
    exposed: Exposed = []
    async with new_system(_instant("202601050800"), database_url=url) as system:
        await system.start()
        system.receiver.answer = 500
        await _play(system, FIRST_DAYS, "202601120900")
        await _plant(system, "202601120930")
        await _at(system, "202601161500")
        await until(lambda: _fails(system, "notifications"), "notifications says that its channel fails")
        exposed += await _asked(system)

        await asyncio.to_thread(own_postgres.stop)
        when, data = LATER_DAYS[0]
        await system.send(topics.ADT_INBOUND, [Outgoing(None, data, timestamp_ms=_ms(when))])
        for name in PROCESSES:
            await until(partial(_fails, system, name), f"{name} says that Postgres is away")
        exposed += await _asked(system)
        await asyncio.to_thread(own_postgres.start)
        system.receiver.answer = 204

        await _play(system, LATER_DAYS[1:-1], "202602020900", since="202601120900")
        await _play(system, LATER_DAYS[-1:], "202602101200", since="202602020900")
        exposed += await _asked(system)
        exposed += await _kept_words(system)
        kinds = {row["kind"] for row in await system.fetch("SELECT kind FROM notifications.alert")}
        codes = {row["code"] for row in await system.fetch(
            "SELECT code FROM admissions.rejection UNION SELECT code FROM transitions.rejection")}  # fmt: skip

    carried = await _carried(system)
    exposed += [(f"{where}: key and headers", value) for where, value, _ in carried]
    exposed += [(f"{where}: value", value) for where, _, value in carried if _is_public(where)]
    for delivery in system.receiver.deliveries:
        exposed.append(("webhook headers", repr(delivery.headers).encode()))
        exposed.append(("webhook body", delivery.body))
    for process in system.processes.values():
        exposed += [(f"log of {process.name}", line) for line in process.log.read_bytes().splitlines()]

    assert [(where, hit) for where, said in exposed for hit in found_in(said)] == []
    # The sentinels were there to be found, and what was to happen did.
    within = {where.partition(" ")[0] for where, _, value in carried if found_in(value)}
    assert within == {topics.ADT_INBOUND, topics.ADT_ENCOUNTERS, topics.ADT_REJECTED, topics.CARE_ACTIONS,
                      topics.CARE_REJECTED}  # fmt: skip
    assert kinds >= {
        "handoff_ack_unit_missed", "call_72h_missed", "readmission_detected", "late_known", "red_flag", "handoff_declined",
    }  # fmt: skip
    assert codes >= {*unreadable(), "not_json", "unknown_type", "invalid_action"}
    assert {delivery.answer for delivery in system.receiver.deliveries} == {204, 500}


# --- what is sent -------------------------------------------------------------------------------------------


async def _play(
    system: System, messages: Iterable[tuple[str, bytes]], until_when: str, *, since: str = ""
) -> None:
    """Have messages and the actions of those days arrive, the clock going along with them to `until_when`."""
    told = [(when, topics.ADT_INBOUND, data) for when, data in messages]
    told += [
        (when, topics.CARE_ACTIONS, _action(said)) for when, said in ACTIONS if since < when <= until_when
    ]
    for when, topic, data in sorted(told, key=lambda each: each[0]):
        await system.clock(_instant(when) - timedelta(milliseconds=1))
        # One key, one partition: what is read in another order is known later, and is work instead of a page.
        await system.send(topic, [Outgoing(b"ward", data, timestamp_ms=_ms(when))])
    await _at(system, until_when)


async def _plant(system: System, when: str) -> None:
    """What cannot be read, at every door."""
    for topic, values in (
        (topics.ADT_INBOUND, unreadable().values()),
        (topics.CARE_ACTIONS, REFUSED_ACTIONS),
    ):
        await system.send(topic, [Outgoing(None, value, timestamp_ms=_ms(when)) for value in values])
    for topic, kind in ((topics.ADT_ENCOUNTERS, ENCOUNTER_TYPE), (topics.CARE_TRANSITIONS, DEADLINE_TYPE)):
        headers = [("ce_type", kind.encode()), PLANTED]
        await system.send(topic, [Outgoing(b"planted", UNREADABLE_EVENT, headers, timestamp_ms=_ms(when))])


async def _at(system: System, when: str) -> None:
    await system.clock(_instant(when))
    await system.at_rest(told=system.receiver.answer < 300)


def _action(said: dict[str, Any]) -> bytes:
    return json.dumps({**said, "visit": f"{MARK}VISIT{said['visit']}", "note": NOTE}).encode()


def _instant(when: str) -> datetime:
    return datetime.strptime(when, "%Y%m%d%H%M").replace(tzinfo=UTC) + EASTERN


def _ms(when: str) -> int:
    return round(_instant(when).timestamp() * 1000)


# --- what can be seen ---------------------------------------------------------------------------------------


async def _fails(system: System, name: str) -> bool:
    return (await system.processes[name].ask("/readyz")).status_code == 503


async def _asked(system: System) -> Exposed:
    """What every process says over HTTP."""
    exposed = []
    for name in PROCESSES:
        for path in ("/healthz", "/readyz", "/metrics", f"/{MARK}"):
            answer = await system.processes[name].ask(path)
            exposed.append((f"{name}{path}", answer.content + repr(answer.headers).encode()))
    return exposed


async def _kept_words(system: System) -> Exposed:
    """Words of ours about refusals, deadlines and messages, as they are kept."""
    rows = await system.fetch(
        "SELECT code || ' ' || coalesce(segment, '') || ' ' || detail AS said FROM admissions.rejection "
        "UNION ALL SELECT code || ' ' || coalesce(field, '') || ' ' || detail FROM transitions.rejection "
        "UNION ALL SELECT because FROM transitions.deadline UNION ALL SELECT said FROM notifications.attempt"
    )
    return [("kept", row["said"].encode()) for row in rows]


async def _carried(system: System) -> list[tuple[str, bytes, bytes]]:
    """Every record of every topic: where, key and headers, value. What this test planted itself is left out."""
    return [_seen(raw, system.prefix) for raw in await system.carried() if PLANTED not in raw.headers]


def _seen(raw: Any, prefix: str) -> tuple[str, bytes, bytes]:
    where = f"{raw.topic.removeprefix(prefix)} {raw.partition}:{raw.offset}"
    headers = b" ".join(_bytes(raw.headers))
    return where, (raw.key or b"") + b" " + headers, raw.value or b""


def _bytes(headers: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    for name, value in headers:
        yield name.encode() + b"=" + (value or b"")


def _is_public(where: str) -> bool:
    return where.startswith((topics.CARE_ALERTS, topics.CARE_TRANSITIONS))
