"""Messages with something in them that nobody can keep: applied or refused, once, and those behind them are applied."""

from datetime import UTC, datetime
from typing import Any

import pytest

from services.admissions.consumer import Inbound
from services.admissions.settings import Settings
from services.chassis.kafka import Record
from services.chassis.service import Service
from tests.messages import adt, record
from tests.poison import offer

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]

MIB = 1024 * 1024
NOW = datetime(2026, 1, 12, 14, 0, tzinfo=UTC)
DISCHARGE: dict[str, Any] = {
    "admitted": "202601050800", "discharged": "202601091400", "disposition": "01", "unit": "4W", "prior_unit": "ICU",
    "dead": "Y",
}  # fmt: skip
ODD = (
    b"\0", b"\xff\xfe", b"\xed\xa0\x80", "\U0001f600".encode(), rb"\X00\ ".strip(), rb"\XD800\ ".strip(),
    rb"\XEDA080\ ".strip(), b"x" * 20_000, b"\x1b[2J", b"9" * 400, b'""', b"\x0b", b"\x1c", b"~" * 500,
    b"00000101", b"00010101000000+1400", b"99991231235959-1400", b"99991231235959.9999+0000", b"20260230", b"202601091400+9999",
)  # fmt: skip


def messages() -> list[bytes]:
    """A discharge and a merge, with each odd text in the place of each of their fields, and their lines cut."""
    found = []
    for number, whole in enumerate(
        (
            adt("A03", control="C", at="202601091400", **DISCHARGE),
            adt("A40", control="M", at="202601091400", merged="70009"),
        )
    ):
        lines = whole.rstrip(b"\r").split(b"\r")
        for at, line in enumerate(lines):
            fields = line.split(b"|")
            for place in range(1, len(fields)):
                if not fields[place]:
                    continue
                for odd in ODD:
                    cut = b"|".join([*fields[:place], odd, *fields[place + 1 :]])
                    each = b"\r".join([*lines[:at], cut, *lines[at + 1 :]]) + b"\r"
                    found.append(each.replace(b"70001", b"%d7%04d" % (number, len(found))))
    good = adt("A01", control="L", at="202601091400", visit="LONG")
    return [*found, good + b"ZZZ|" + b"x" * (MIB - 1 - len(good) - 4)]


async def test_no_message_stops_those_behind_it(service: Service) -> None:
    """Given a discharge and a merge with odd texts in the place of each field, each before a good message; then every
    good one is applied, and each odd one is an event or a refusal.
    """
    inbound = Inbound(Settings())
    odd = messages()
    records: list[Record] = []
    for n, value in enumerate(odd):
        good = adt("A01", control=f"G{n}", at="202601091400", mrn=f"9{n:05}", visit=f"G{n}")
        records += [record(value, offset=2 * n, at=NOW), record(good, offset=2 * n + 1, at=NOW)]
    for start in range(0, len(records), 100):
        await offer(service, inbound.on_inbound, inbound.refuse, records[start : start + 100])
    numbers = {row["number"] for row in await service.pool.fetch("SELECT number FROM admissions.visit_root")}
    codes = {row["code"] for row in await service.pool.fetch("SELECT code FROM admissions.rejection")}
    waiting = await service.pool.fetchval("SELECT count(*) FROM admissions.visit WHERE revision = 0")

    assert len(odd) > 500
    assert {f"G{n}" for n in range(len(odd))} | {"LONG"} <= numbers
    assert "cannot_be_applied" not in codes
    assert waiting == 0


@pytest.mark.parametrize(
    "headers",
    [
        (("feed", b"one"), ("feed", b"two")),
        (("feed", b""), ("", b"")),
        (("feed", b"a\0b"),),
        (("feed", b"x" * 10_000),),
        (("traceparent", b"\xff"), ("ce_id", b"\0")),
    ],
)
@pytest.mark.parametrize("value", [adt("A01", control="1", at="202601091400"), b"nothing"])
async def test_no_header_or_key_stops_a_record(service: Service, headers: Any, value: bytes) -> None:
    """Given odd headers, a key that is no text and a stamp of the year 1970; then the message is applied or refused."""
    inbound = Inbound(Settings())
    odd = record(value, headers=headers, key=b"\xff\0", at=datetime(1970, 1, 1, tzinfo=UTC))
    await offer(service, inbound.on_inbound, inbound.refuse, [odd])
    kept = await service.pool.fetchval(
        "SELECT (SELECT count(*) FROM admissions.event) + (SELECT count(*) FROM admissions.rejection)"
    )

    assert kept == 1
