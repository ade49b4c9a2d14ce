"""Messages read again under a corrected profile: the rows are those of a feed that was read so from the beginning."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from baton.cli import main
from schemas.reference.facilities import load_facilities
from services.admissions import publish
from services.admissions.consumer import Inbound
from services.admissions.domain.feed import FeedProfile
from services.admissions.feeds import Feeds
from services.admissions.ledger import NEVER_WAS
from services.admissions.merges import undo
from services.admissions.reread import Found, Reader
from services.admissions.settings import Settings
from services.admissions.store import SQL
from services.chassis.service import Service
from tests.messages import adt, record

pytestmark = pytest.mark.postgres

AT = datetime(2026, 1, 20, tzinfo=UTC)
BEFORE = FeedProfile(feed="default")
ZONE_OF = load_facilities(None).zone_of
_OURS = b"^^^HOSPA^MR|"
_BOTH = b"^^^HOSPA^MR~E1^^^REGION^EI|"


def told(trigger: str, control: str, at: str, **more: Any) -> bytes:
    """A message whose times carry no zone, of a patient with an identifier of the hospital and one of the region."""
    message = adt(trigger, control=control, at=at, admitted="202601050830", **more)
    return message.replace(b"-0500", b"").replace(_OURS, _BOTH)


def unnamed(message: bytes) -> bytes:
    """The message with no authority beside the numbers that the message is about."""
    return message.replace(b"0070002^^^HOSPA^MR", b"0070002^^^^MR").replace(b"V2^^^HOSPA^VN", b"V2^^^^VN")


OTHER = unnamed(
    adt("A01", control="9", at="202601051000", mrn="0070002", visit="V2", admitted="202601051000")
)
MERGE = unnamed(adt("A40", control="10", at="202601101000", mrn="0070002", merged="70001", visit=None))
MESSAGES = [
    told("A01", "1", "202601050830").replace(b"TESTCASE", "Müller".encode("cp1252")),
    told("A02", "2", "202601061200", unit="ICU", prior_unit="4W"),
    told("A03", "3", "202601071300", discharged="202601071300", disposition="30"),
    told("A22", "4", "202601081300"),
    told("A03", "5", "202601091400", discharged="202601091400", disposition="HOMEX"),
    told("A31", "6", "202601111000", visit=None, dead="Y"),
    told("A03", "7", "202601091400", visit="T1", discharged="202601091400", processing="T"),
    OTHER,
    MERGE,
]

_TIMES = {"occurred_at", "recorded_at", "created_at", "stated_at", "admit_at", "discharge_at"}
_WHO = {"patient", "identifiers"}

CORRECTIONS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "words of the disposition, and the zone": (
        {"disposition_map": {"HOMEX": "01"}, "zone": "America/Chicago"},
        {"disposition", "flags"} | _TIMES,
    ),
    "the type of the identifier": ({"mrn_types": ["EI", "MR"]}, _WHO),
    "the authority of what names none, and leading zeros": (
        {"default_authority": "HOSPX", "strip_leading_zeros": True},
        _WHO | {"visit"},
    ),
    "what counts as real, and who is one person": (
        {"processing_ids": ["P", "T"], "enterprise_types": ["EI"]},
        {"test", "enterprise"},
    ),
    "a leave sent as a discharge, and the character set": (
        {"loa_as_a03": True, "fallback_charset": "iso8859-7", "a08_implies_discharge": False},
        {"trigger", "type", "disposition", "discharge_at", "flags", "person.name"},
    ),
}


def feeds(**corrected: Any) -> Feeds:
    return Feeds([FeedProfile.model_validate(BEFORE.model_dump() | corrected)])


def inbound(by: Feeds) -> Inbound:
    found = Inbound(Settings())
    found.feeds = found._newest = by
    return found


async def feed(
    service: Service, reader: Inbound, messages: Sequence[bytes], *, start: int = 0, batch: int = 100
) -> None:
    records = [
        record(message, offset=start + n, at=AT + timedelta(seconds=start + n))
        for n, message in enumerate(messages)
    ]
    for first in range(0, len(records), batch):
        await reader.on_inbound(service, records[first : first + batch])


async def rows(service: Service) -> list[Any]:
    """What everybody is told of each visit there is, with ids."""
    found = [
        msgspec.json.decode(publish.encounter(row).value or b"")
        for row in await service.pool.fetch(SQL["unpublished_visits"], 10_000)
    ]
    return sorted(
        (
            (said["visit_id"], said["visit"], said["patient"], said["live"])
            for said in found
            if NEVER_WAS not in said["visit"].get("flags", ())
        ),
        key=repr,
    )


async def afresh(service: Service, by: Feeds, messages: Sequence[bytes]) -> list[Any]:
    """The rows where the messages are read by these profiles from the beginning."""
    await service.pool.execute(
        """TRUNCATE admissions.visit, admissions.event, admissions.message, admissions.patient, admissions.visit_root,
           admissions.merge, admissions.visit_join, admissions.account_move, admissions.visit_account"""
    )
    await feed(service, inbound(by), messages)
    return await rows(service)


def reader(by: Feeds) -> Reader:
    return Reader(by, "default", ZONE_OF)


@pytest.mark.parametrize(("corrected", "fields"), CORRECTIONS.values(), ids=CORRECTIONS)
async def test_a_corrected_profile(service: Service, corrected: dict[str, Any], fields: set[str]) -> None:
    """Given messages read by a wrong profile; when they are read again, then all is as if it had always been right, the preview
    has told which fields would be others and changed nothing, and once more finds nothing to do.
    """
    by = feeds(**corrected)
    await feed(service, inbound(feeds()), MESSAGES, batch=4)
    before = await rows(service)
    seen = await reader(by).preview(service.pool)
    assert await rows(service) == before
    found = await reader(by).refold(service.pool)
    again = await reader(by).refold(service.pool)
    after = await rows(service)

    assert set(seen.fields) == fields
    assert (found.otherwise, found.fields) == (seen.otherwise, seen.fields)
    assert (again.otherwise, again.visits) == (0, 0)
    assert after == await afresh(service, by, MESSAGES)


async def test_what_is_pruned_or_refused_stays_as_it_is(service: Service) -> None:
    """Given messages without their bytes, and one that the new profile refuses; then what they said stands, and is counted."""
    await feed(service, inbound(feeds()), MESSAGES)
    before = await rows(service)
    nobody = feeds(mrn_types=["EI"])
    found = await reader(nobody).refold(service.pool)
    assert dict(found.refused) == {"no_patient_identifier": 2}
    assert found.pruned == 0

    await service.pool.execute("TRUNCATE admissions.message")
    found = await reader(feeds()).refold(service.pool)
    assert (found.events, found.pruned, found.otherwise, found.visits) == (len(MESSAGES), len(MESSAGES), 0, 0)
    assert before != await rows(service)


async def test_an_undone_merge_stays_undone(service: Service) -> None:
    """Given a merge that an operator undid; when its message is read again under another zone, then it stays undone."""
    await feed(service, inbound(feeds()), [MESSAGES[0], OTHER, MERGE.replace(b"-0500", b"")])
    merge = await service.pool.fetchval("SELECT event_id FROM admissions.merge")
    await undo(service.pool, merge, "ann", "two people")
    found = await reader(feeds(zone="America/Chicago")).refold(service.pool)

    assert found.otherwise == 2
    assert await service.pool.fetchval("SELECT refused FROM admissions.merge") == "undone"
    assert {patient["number"] for _, _, patient, _ in await rows(service)} == {"70001", "0070002"}


async def test_a_process_that_remembers_a_long_visit_asks_again(service: Service) -> None:
    """Given a service that remembers a visit of many messages; when they are read again by another process, then its next
    message meets what they say now.
    """
    storm = [told("A08", f"s{n}", f"20260106{n // 60:02}{n % 60:02}") for n in range(70)]
    closing = told("A03", "5", "202601091400", discharged="202601091400", disposition="HOMEX")
    late = [told("A08", f"l{n}", f"2026011{n}0900") for n in range(3)]
    by = feeds(disposition_map={"HOMEX": "03"})
    remembers = inbound(by)
    await feed(service, inbound(feeds()), [*MESSAGES[:1], *storm, closing])
    await feed(service, remembers, late[:1], start=100)
    await feed(service, remembers, late[1:2], start=101)
    await reader(by).refold(service.pool)
    await feed(service, remembers, late[2:], start=102)
    ((_, visit, _, _),) = await rows(service)

    assert visit["disposition"]["code"] == "03"


async def test_beside_a_running_service(service: Service) -> None:
    """Given messages that come while others are read again; then nobody waits for ever, and all of it is read by the new one."""
    by = feeds(mrn_types=["EI", "MR"], zone="America/Chicago")
    await feed(service, inbound(feeds()), MESSAGES[:6])
    await asyncio.gather(
        feed(service, inbound(by), MESSAGES[6:], batch=1, start=50),
        reader(by).refold(service.pool),
        reader(by).refold(service.pool),
    )
    assert (await reader(by).refold(service.pool)).otherwise == 0
    visits = [(number, visit, patient) for number, visit, patient, _ in await rows(service)]
    fresh = [(number, visit, patient) for number, visit, patient, _ in await afresh(service, by, MESSAGES)]
    assert _without_arrivals(visits) == _without_arrivals(fresh)


def _without_arrivals(found: Any) -> Any:
    if isinstance(found, dict):
        return {
            key: _without_arrivals(value)
            for key, value in found.items()
            if not key.endswith("learned_at") and key not in {"settle_from", "sources"}
        }
    if isinstance(found, list | tuple):
        return [_without_arrivals(each) for each in found]
    return found


async def test_the_command(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    """Given no feed of that name; then it says so. What is told of a feed holds counts and names of fields, and no value."""
    await feed(service, inbound(feeds(processing_ids=["T"])), MESSAGES)

    def told_by(*words: str) -> tuple[int, str, str]:
        code = main(["refold", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    assert (await asyncio.to_thread(told_by, "--feed", "nobody"))[0] == 1
    assert (await asyncio.to_thread(told_by, "--dry-run"))[0] == 2
    code, out, _ = await asyncio.to_thread(told_by, "--feed", "default", "--dry-run")
    assert (code, out.splitlines()[0]) == (0, "9 messages, 9 of which would say something else.")
    assert await asyncio.to_thread(told_by, "--feed", "default") == (
        0, "9 messages, 9 of which say something else.\nFIELD  MESSAGES\ntest   9\n6 visits changed.\n", "",
    )  # fmt: skip
    assert (await asyncio.to_thread(told_by, "--feed", "default", "--json"))[1].startswith(
        '{"messages": 9, "otherwise": 0'
    )


def test_counting_pages() -> None:
    """Given two pages; then all is added up."""
    found, page = Found(events=2, pruned=1), Found(events=3, otherwise=2, visits=1)
    page.fields["test"] = 2
    found.add(page)
    assert (found.events, found.pruned, found.otherwise, found.visits, dict(found.fields)) == (
        5,
        1,
        2,
        1,
        {"test": 2},
    )
