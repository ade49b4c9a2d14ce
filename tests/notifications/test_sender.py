"""Sending on a real Postgres to a real receiver: what arrives, how often, and what is kept of it."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.chassis.service import Service
from services.notifications import store
from services.notifications.app import reach
from services.notifications.channels.webhook import verify
from services.notifications.sender import Sender
from services.notifications.watch import Watch, reachable
from tests.notifications.builders import CASE, DUE, a_deadline, an_ack, at, hours
from tests.notifications.conftest import (
    HANG,
    NOW,
    SECRET,
    House,
    Receiver,
    of,
    some_contacts,
)

pytestmark = pytest.mark.postgres

MISSED = "call_72h_missed"


async def attempts(house: House) -> list[tuple[Any, ...]]:
    """(reason, answer) of every attempt, in order."""
    return of(await house.rows("SELECT * FROM attempt ORDER BY attempt_id"), "reason", "answer")


def a_sender(house: House, *, timeout_seconds: float = 0.5, farewell: float = 5.0) -> Sender:
    """A sender of the pager, as a process runs it."""
    contacts = house.contacts
    channel = contacts.channels["pager"].model_copy(update={"timeout_seconds": timeout_seconds})
    return Sender(reach(channel, contacts), contacts.app_url, farewell=farewell)


async def test_a_page_arrives_once(house: House, receiver: Receiver) -> None:
    """Signed, with a text that can be shown and nothing of the patient; then there is nothing more to say."""
    await house.hear(a_deadline("missed", unit="Detox 4B", team="Detox 4B"))
    await house.send()
    await house.send()

    ((headers, body),) = receiver.requests
    message = json.loads(body)
    assert headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert verify(headers["baton-signature"], body, SECRET, datetime.now(UTC).timestamp())
    assert (message["specversion"], message["type"]) == ("1.0", "baton.notice.trigger")
    assert f"{message['subject']}:1" == message["id"]
    assert {
        "alert_id": message["subject"], "reason": "trigger", "status": "firing", "kind": MISSED, "severity": "P2",
        "text": f"[P2] CALL_72H overdue 1 h case {CASE} https://baton.example.org/c/{CASE}",
        "case": CASE, "url": f"https://baton.example.org/c/{CASE}", "team": "care team", "unit": None,
        "raised_at": "2026-01-12T20:00:00Z", "ended_at": None, "due_at": "2026-01-12T20:00:00Z", "items": 1,
    } == message["data"]  # fmt: skip
    assert await attempts(house) == [("trigger", "200")]


async def test_what_was_sent_is_kept_without_secrets(house: House, receiver: Receiver) -> None:
    """When, where, what, with what answer; neither the secret nor the private path nor what came back."""
    await house.hear(a_deadline("missed"))
    await house.send()

    (kept,) = await house.rows("SELECT * FROM attempt")

    assert (f"127.0.0.1:{receiver.port}", "pager", "trigger", "200") == tuple(
        kept[name] for name in ("host", "channel", "reason", "answer")
    )
    assert kept["said"] == receiver.messages[0]["data"]["text"]
    assert kept["started_at"] <= kept["ended_at"]
    everything = json.dumps(await house.rows("SELECT * FROM attempt"), default=str)
    assert not [word for word in (SECRET, "very-private-path", "never shown", "HOSPA") if word in everything]


async def test_it_is_sent_again_until_it_is_taken(house: House, receiver: Receiver) -> None:
    """Refused twice, then taken: three attempts under one key."""
    receiver.answers = [500, 503]
    await house.hear(a_deadline("missed"))
    await house.send()
    await house.send()
    patient = len(receiver.requests)
    for _ in range(3):
        await house.hurry()
        await house.send()

    assert patient == 1
    assert await attempts(house) == [("trigger", "500"), ("trigger", "503"), ("trigger", "200")]
    assert len({message["id"] for message in receiver.messages}) == 1


async def test_pauses_grow_and_the_receiver_may_ask_for_more(house: House, receiver: Receiver) -> None:
    """Exponential back-off, and Retry-After where it is longer."""
    receiver.answers = [429, 500, 500, 500]
    receiver.headers = {"Retry-After": "120"}
    pauses = []
    await house.hear(a_deadline("missed"))
    for _ in range(4):
        await house.hurry()
        await house.send()
        receiver.headers = {}
        (row,) = await house.rows(
            "SELECT extract(epoch FROM due_at - statement_timestamp()) AS pause FROM notice"
        )
        pauses.append(float(row["pause"]))

    assert 115 < pauses[0] <= 120
    for pause, full in zip(pauses[1:], (2, 4, 8), strict=True):
        assert full / 2 - 1 < pause <= full


@pytest.mark.parametrize(("answer", "expected"), [(HANG, "timed out"), (301, "301"), (404, "404")])
async def test_anything_but_taken_is_a_failure(
    house: House, receiver: Receiver, answer: int, expected: str
) -> None:
    """No answer in time, a redirect, a wrong address."""
    receiver.answers = [answer]
    await house.hear(a_deadline("missed"))
    await house.send()
    await house.hurry()
    await house.send()

    assert [("trigger", expected), ("trigger", "200")] == await attempts(house)


async def test_a_receiver_that_is_away_is_waited_for(house: House, receiver: Receiver) -> None:
    """Nothing can have arrived, so nothing needs to be taken back."""
    elsewhere = House(house.service, some_contacts("http://127.0.0.1:1/"))
    await elsewhere.hear(a_deadline("missed"))
    await elsewhere.send()
    await elsewhere.hear(a_deadline("met_late", revision=2))
    await elsewhere.hurry()
    await elsewhere.send()

    assert await attempts(house) == [("trigger", "not reached")]
    assert of(await house.rows("SELECT * FROM notice"), "told", "due_at") == [("nothing", None)]
    await elsewhere.close()


async def test_an_end_before_the_page_says_nothing(house: House, receiver: Receiver) -> None:
    """Checked at the moment of sending: neither the trigger nor the resolve."""
    await house.hear(a_deadline("missed"))
    await house.hear(a_deadline("void", revision=2))
    await house.send()

    assert receiver.requests == []
    assert await attempts(house) == []


async def test_an_end_after_the_page_is_told(house: House, receiver: Receiver) -> None:
    """To every channel that got the trigger; the text says which end it is."""
    await house.hear(a_deadline("missed"))
    await house.send()
    await house.hear(a_deadline("void", revision=2))
    await house.send()
    await house.send()

    assert receiver.reasons == ["trigger", "resolve"]
    resolve = receiver.messages[1]
    assert (
        f"[P2] CALL_72H no longer needed case {CASE} https://baton.example.org/c/{CASE}"
        == resolve["data"]["text"]
    )
    assert "2026-01-12T21:00:00Z" == resolve["time"] == resolve["data"]["ended_at"]
    assert receiver.messages[0]["subject"] == resolve["subject"]


async def test_a_page_that_may_have_arrived_is_taken_back(house: House, receiver: Receiver) -> None:
    """A receiver that timed out may have rung somebody."""
    receiver.answers = [HANG]
    await house.hear(a_deadline("missed"))
    await house.send()
    await house.hear(a_deadline("met_late", revision=2))
    await house.hurry()
    await house.send()

    assert receiver.reasons == ["trigger", "resolve"]


async def test_a_changed_severity_is_an_update(house: House, receiver: Receiver) -> None:
    """The same alert; the same news is told once."""
    await house.hear(a_deadline("missed", severity="P3"))
    await house.send()
    await house.hear(a_deadline("missed", revision=2))
    await house.hear(a_deadline("missed", revision=3, unit="5N"))
    await house.send()
    await house.send()

    assert receiver.reasons == ["trigger", "update"]
    assert receiver.messages[1]["data"]["severity"] == "P2"


async def test_what_somebody_has_is_not_rung(house: House, receiver: Receiver) -> None:
    """Acknowledged before anyone was paged; when that is withdrawn it rings."""
    await house.hear(a_deadline("missed", acknowledged=(an_ack(MISSED, 72.5),)))
    await house.send()
    quiet = len(receiver.requests)
    await house.hear(a_deadline("missed", revision=2))
    await house.send()

    assert quiet == 0
    assert receiver.reasons == ["trigger"]


async def test_an_alert_raised_again_rings_again(house: House, receiver: Receiver) -> None:
    """After its end was told."""
    await house.hear(a_deadline("missed"))
    await house.send()
    await house.hear(a_deadline("met", revision=2))
    await house.send()
    await house.hear(a_deadline("missed", revision=3, known_at=NOW))
    await house.send()

    assert receiver.reasons == ["trigger", "resolve", "trigger"]


async def test_a_killed_sender_is_followed_by_another(house: House, receiver: Receiver) -> None:
    """Killed after sending, before it noted that: said once more, under the same key, when its time is up."""
    receiver.answers = [HANG]
    await house.hear(a_deadline("missed"))
    killed = asyncio.create_task(house.send())
    await receiver.arrived.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)

    await house.send()
    held = len(receiver.requests)
    await house.hurry()
    await house.send()

    assert held == 1
    assert receiver.reasons == ["trigger", "trigger"]
    assert receiver.messages[0]["id"] == receiver.messages[1]["id"]
    assert await attempts(house) == [("trigger", None), ("trigger", "200")]


async def test_a_sender_told_to_stop_says_to_the_end_what_it_has_begun(
    house: House, receiver: Receiver
) -> None:
    """Stopped after sending, before the answer came: it waits for the answer and notes it, so nobody says it again."""
    receiver.answers = [HANG]
    await house.hear(a_deadline("missed"))
    sender = a_sender(house)
    stopped = asyncio.create_task(sender.run(house.service))
    await receiver.arrived.wait()
    stopped.cancel()
    await asyncio.sleep(0.05)
    receiver.release()
    with pytest.raises(asyncio.CancelledError):
        await stopped

    assert await attempts(house) == [("trigger", "200")]
    assert of(await house.rows("SELECT * FROM notice"), "told", "lease_until") == [("open", None)]


async def test_a_sender_told_to_stop_does_not_wait_for_ever(house: House, receiver: Receiver) -> None:
    """Where no answer comes in time the message is left as after a kill: another sender says it again, under its key."""
    receiver.answers = [HANG]
    await house.hear(a_deadline("missed"))
    sender = a_sender(house, timeout_seconds=30.0, farewell=0.2)
    stopped = asyncio.create_task(sender.run(house.service))
    await receiver.arrived.wait()
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    await house.hurry()
    await house.send()

    assert await attempts(house) == [("trigger", None), ("trigger", "200")]
    assert receiver.messages[0]["id"] == receiver.messages[1]["id"]


async def test_what_a_killed_sender_said_is_taken_back(house: House, receiver: Receiver) -> None:
    """Nobody knows whether it arrived, so its end is told."""
    receiver.answers = [HANG]
    await house.hear(a_deadline("missed"))
    killed = asyncio.create_task(house.send())
    await receiver.arrived.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    await house.hear(a_deadline("void", revision=2))
    await house.hurry()
    await house.send()

    assert receiver.reasons == ["trigger", "resolve"]


async def test_an_end_during_the_sending_is_told_after_it(house: House, receiver: Receiver) -> None:
    """Never before it, by no sender: the notice is held until the answer is noted."""
    receiver.answers = [HANG]
    await house.hear(a_deadline("missed"))
    sending = asyncio.create_task(house.send())
    await receiver.arrived.wait()
    await house.hear(a_deadline("void", revision=2))
    await house.send()
    during = receiver.reasons
    receiver.release()
    await sending
    await house.send()

    assert during == ["trigger"]
    assert receiver.reasons == ["trigger", "resolve"]


async def test_many_senders_say_it_once(house: House, receiver: Receiver) -> None:
    """Several replicas at once, many alerts: each trigger exactly once."""
    events = [a_deadline("missed", deadline_id=f"00000000-0000-0000-0000-{n:012d}") for n in range(30)]
    await house.hear(*events)
    houses = [House(house.service, house.contacts) for _ in range(3)]
    for _ in range(60):
        await asyncio.gather(*(one.send() for one in houses))
        if len(receiver.messages) >= 30:
            break
    await asyncio.gather(*(one.send() for one in houses))

    subjects = [message["subject"] for message in receiver.messages]
    assert 30 == len(subjects) == len(set(subjects))
    for one in houses:
        await one.close()


async def test_a_shadow_feed_rings_nobody(house: House, receiver: Receiver) -> None:
    """And one that goes live does."""
    await house.hear(a_deadline("missed", live=False))
    await house.send()
    quiet = len(receiver.requests)
    await house.hear(a_deadline("missed", revision=2))
    await house.send()

    assert quiet == 0
    assert receiver.reasons == ["trigger"]


# --- channels that fail -------------------------------------------------------------------------------------


async def test_when_every_channel_fails_everybody_can_see_it(service: Service, receiver: Receiver) -> None:
    """The alert keeps firing; /readyz, a metric and one log line a change say so; it is told when one works."""
    house = House(service, some_contacts(receiver.url, "desk"))
    await house.at(NOW)
    watch = Watch(house.contacts)
    receiver.answers = [500] * 6
    await house.hear(a_deadline("missed"))
    for _ in range(3):
        await house.hurry()
        await house.send("pager")
        await house.send("desk")
    with capture_logs() as lines:
        await watch.once(service)
        await watch.once(service)
    failing, alerts = await reachable(service), await house.alerts()
    metrics = service.registry.exposition().decode()

    await house.hurry()
    await house.send("desk")
    await watch.once(service)
    one_works = await reachable(service)
    await house.send("pager")
    with capture_logs() as more:
        await watch.once(service)

    assert [(line["event"], line["channel"]) for line in lines] == [
        ("a channel fails", "desk"),
        ("a channel fails", "pager"),
    ]
    assert [(line["event"], line["channel"]) for line in more] == [("a channel works again", "pager")]
    waits = "pager (1 waiting, last answer: 500)"
    assert (
        f"Channels fail: desk (1 waiting, last answer: 500), {waits}. Firing alerts that have reached nobody: 1."
        == (failing)
    )
    assert alerts == {MISSED: "firing"}
    assert 'baton_notice_failing{channel="pager"} 1.0' in metrics
    assert "baton_alert_unheard 1.0" in metrics
    assert f"Channels fail: {waits}. Firing alerts that have reached nobody: 0." == one_works
    assert await reachable(service) is None
    await house.close()


async def test_two_failures_are_not_yet_a_failing_channel(house: House, receiver: Receiver) -> None:
    """A receiver that restarts is no news."""
    receiver.answers = [500] * 2
    await house.hear(a_deadline("missed"))
    for _ in range(2):
        await house.hurry()
        await house.send()

    assert await reachable(house.service) is None


async def test_a_new_channel_hears_of_what_stands(house: House, receiver: Receiver) -> None:
    """After a change of the contacts: what stands is told to who was added; what is gone is waited for no more."""
    await house.hear(a_deadline("missed"))
    changed = House(house.service, some_contacts(receiver.url, "desk"))
    await Watch(changed.contacts).once(house.service)
    await changed.send("desk")
    nobody = some_contacts(receiver.url).model_copy(update={"channels": {}, "teams": {"default": ()}})
    await Watch(nobody).once(house.service)
    await changed.hurry()
    await changed.send("pager")

    assert receiver.reasons == ["trigger"]
    await changed.close()


async def test_a_notice_without_anything_to_say_falls_silent(house: House) -> None:
    """Nothing is looked at again and again."""
    await house.hear(a_deadline("missed"))
    await house.hear(a_deadline("void", revision=2, known_at=at(75)))
    await house.send()
    async with house.pool.acquire() as db:
        due = await store.claim_notices(db, "pager", 8, 3)

    assert due == []


def test_the_call_was_due_an_hour_ago() -> None:
    """What the texts above count from."""
    assert DUE + hours(1) == NOW


async def test_a_label_stands_before_every_message(house: House, receiver: Receiver) -> None:
    """What comes from a demonstration or a test says so first."""
    contacts = house.contacts
    house.senders["pager"] = Sender(
        reach(contacts.channels["pager"], contacts), contacts.app_url, label="DEMO"
    )
    await house.hear(a_deadline("missed"))
    await house.send()

    ((_, body),) = receiver.requests
    assert json.loads(body)["data"]["text"].startswith("DEMO [P2] CALL_72H overdue")
