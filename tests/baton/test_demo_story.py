"""The demo's sample: its times are made those of today, and every message is one."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from baton.demo_story import SAMPLE, tell
from services.admissions.domain.feed import FeedProfile
from services.admissions.domain.model import AdtEvent, Rejection
from services.admissions.hl7 import adt

START = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def test_the_sample_reads_as_a_feed() -> None:
    """Each chapter comes at its time, nothing is left unfilled, and one message is meant to be refused."""
    chapters = list(tell(SAMPLE.read_text("utf-8"), start=START, run=3))
    sent = [message for chapter in chapters for message in chapter.messages]
    said = [
        adt.normalize(each, FeedProfile(feed="default"), zone_of=lambda _: ZoneInfo("UTC"), received_at=START)
        for each in sent
    ]
    events = [each for each in said if isinstance(each, AdtEvent)]
    refused = [each for each in said if isinstance(each, Rejection)]
    assert [chapter.after for chapter in chapters] == sorted(chapter.after for chapter in chapters)
    assert not any(b"{" in message for message in sent)
    again = b"".join(m for c in tell(SAMPLE.read_text("utf-8"), start=START, run=4) for m in c.messages)
    assert b"Lindqvist" not in again
    assert [each.code for each in refused] == ["no_patient_identifier"]
    assert {each.trigger for each in events} == {"A01", "A02", "A03", "A13", "A31"}
    assert all(each.visit and each.visit.number.endswith("-3") for each in events)
    assert [each.person.death_at for each in events if each.person.dead] == [START + timedelta(seconds=56)]
    assert len({each.control_id for each in events}) == len(events)


def test_times_are_counted_from_the_start() -> None:
    """{now-2d} and {now+6s} are before and after the start; comments are left out."""
    template = "# words\n@ 6s It begins.\nMSH|^~\\&|A|B|||{now+6s}||ADT^A01|{run}|P|2.5\nEVN|A01|{now-2d}\n"
    (chapter,) = tell(template, start=START, run=7)
    assert chapter.after == timedelta(seconds=6)
    assert chapter.text == "It begins."
    assert chapter.messages == (
        b"MSH|^~\\&|A|B|||20260304120006+0000||ADT^A01|7|P|2.5\rEVN|A01|20260302120000+0000",
    )
