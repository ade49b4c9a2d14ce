"""The order of channels when recipients, processes and settings fail: on a real Postgres, to real receivers."""

import asyncio

import pytest

from services.notifications.watch import Watch, reachable
from tests.notifications.builders import a_deadline
from tests.notifications.conftest import NOW, TWO, House, Receiver, both, of, ordered, told
from tests.notifications.inbox import Inbox

pytestmark = pytest.mark.postgres


async def test_an_alert_is_unheard_when_every_turn_has_failed(
    ward: House, receiver: Receiver, inbox: Inbox
) -> None:
    """Not while one still waits; /readyz and the metric say so; it is told as soon as one works."""
    watch = Watch(ward.contacts)
    receiver.answers = [500] * 3
    inbox.refused = dict.fromkeys(TWO, "550 5.1.1 no such user")
    await ward.hear(a_deadline("missed"))
    for _ in range(3):
        await ward.send("pager")
        await ward.hurry("pager")
    await watch.once(ward.service)
    waiting = ward.service.registry.exposition().decode()
    await ward.send("mail")
    await watch.once(ward.service)
    unheard, said = ward.service.registry.exposition().decode(), await reachable(ward.service)
    inbox.refused = {}
    await ward.hurry("mail")
    await ward.send("mail")
    one_works = await reachable(ward.service)

    assert "baton_alert_unheard 0.0" in waiting
    assert "baton_alert_unheard 1.0" in unheard
    assert 'baton_notice_failing{channel="mail"} 1.0' in unheard
    assert "Firing alerts that have reached nobody: 1." in str(said)
    assert "Firing alerts that have reached nobody: 0." in str(one_works)
    assert inbox.reasons == ["trigger"]


async def test_an_alert_raised_again_can_be_unheard(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """That somebody heard of its first end is not to have heard that it fires."""
    house = House(ward.service, ordered(receiver, inbox, ["mail"]))
    await house.hear(a_deadline("missed"))
    await house.send("mail")
    await house.hear(a_deadline("met", revision=2))
    await house.send("mail")
    inbox.refused = dict.fromkeys(TWO, "550 no")
    await house.hear(a_deadline("missed", revision=3, known_at=NOW))
    await house.send("mail")

    assert await told(house) == {"mail": ("closed", True)}
    assert "Firing alerts that have reached nobody: 1." in str(await reachable(house.service))


async def test_a_channel_that_was_dropped_hides_nothing(
    ward: House, receiver: Receiver, inbox: Inbox
) -> None:
    """Given mail that waits for its turn, when the contacts drop it, then the pager is all there is."""
    receiver.answers = [500] * 3
    await ward.hear(a_deadline("missed"))
    for _ in range(3):
        await ward.send("pager")
        await ward.hurry("pager")
    waiting = await reachable(ward.service)
    pager = ward.contacts.channels["pager"]
    dropped = ward.contacts.model_copy(
        update={"channels": {"pager": pager}, "teams": {"default": (("pager",),)}}
    )
    await Watch(dropped).once(ward.service)

    assert "reached nobody: 0." in str(waiting)
    assert "reached nobody: 1." in str(await reachable(ward.service))


async def test_one_of_two_recipients_is_refused(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """The other has it: no alert unheard, but the channel fails, its next has its turn, and who lacks it is tried."""
    house = House(ward.service, ordered(receiver, inbox, ["mail", "pager"]))
    inbox.refused = {TWO[1]: "550 5.1.1 no such user"}
    await house.hear(a_deadline("missed"))
    await house.send("mail")
    await house.send("pager")
    said = await reachable(house.service)
    await house.hurry("mail")
    await house.send("mail")
    inbox.refused = {}
    await house.hurry("mail")
    await house.send("mail")
    await house.close()

    assert said == (
        "Channels fail: mail (1 waiting, last answer: 550 5.1.1 for 1 of 2 recipients). "
        "Firing alerts that have reached nobody: 0."
    )
    assert receiver.reasons == ["trigger"]
    assert of(await house.rows("SELECT * FROM attempt WHERE channel = 'mail' ORDER BY attempt_id"), "answer", "took") == [
        ("550 5.1.1 for 1 of 2 recipients", [TWO[0]]),
        ("550 5.1.1 for the recipient", None),
        ("250", [TWO[1]]),
    ]  # fmt: skip
    assert len({mail["Message-ID"] for mail in inbox.mails}) == 1
    assert (await told(house))["mail"] == ("open", False)


async def test_whoever_refuses_for_good_is_not_asked_about_the_end(
    ward: House, receiver: Receiver, inbox: Inbox
) -> None:
    """Given one who took the trigger and one who never does: the alert has been heard of, its end is said once."""
    house = House(ward.service, ordered(receiver, inbox, ["mail"]))
    inbox.refused = {TWO[1]: "550 5.1.1 no such user"}
    await house.hear(a_deadline("missed"))
    await house.send("mail")
    heard = await reachable(house.service)
    await house.hear(a_deadline("met_late", revision=2))
    await house.hurry()
    await house.send("mail")
    await house.hurry()
    await house.send("mail")

    assert "Firing alerts that have reached nobody: 0." in str(heard)
    assert [(mail.reason, mail.recipients) for mail in inbox.mails] == [
        ("trigger", (TWO[0],)),
        ("resolve", (TWO[0],)),
    ]
    assert await told(house) == {"mail": ("closed", False)}


async def test_a_killed_sender_of_mail_is_followed_by_another(
    ward: House, receiver: Receiver, inbox: Inbox
) -> None:
    """Killed before the answer: written again to all, under the same id, when its time is up."""
    receiver.answers = [500]
    inbox.hang = asyncio.Event()
    await ward.hear(a_deadline("missed"))
    await ward.send("pager")
    await ward.hurry("mail")
    killed = asyncio.create_task(ward.send("mail"))
    await inbox.arrived.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    inbox.hang.set()
    inbox.hang = None

    await ward.send("mail")
    held = len(await ward.rows("SELECT FROM attempt WHERE channel = 'mail'"))
    await ward.hurry("mail")
    await ward.send("mail")

    assert held == 1
    assert len({mail["Message-ID"] for mail in inbox.mails}) == 1
    assert {mail.recipients for mail in inbox.mails} == {tuple(TWO)}
    assert of(await ward.rows("SELECT * FROM attempt WHERE channel = 'mail'"), "answer") == [
        (None,),
        ("250",),
    ]


async def test_a_restart_knows_whose_turn_it_is(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """Nothing of the order is in memory: another process goes on where one was killed."""
    receiver.answers = [500]
    await ward.hear(a_deadline("missed"))
    await both(ward)
    other = House(ward.service, ward.contacts)
    await Watch(other.contacts).once(other.service)
    await other.send("mail")
    early = list(inbox.mails)
    await other.hurry("mail")
    await other.send("mail")
    await other.close()

    assert early == []
    assert inbox.reasons == ["trigger"]


async def test_many_senders_keep_the_order(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """Three replicas, thirty alerts, a pager that refuses ten: those ten go by mail, each once, and no other."""
    receiver.answers = [500] * 10
    receiver.headers = {"Retry-After": "120"}
    events = [a_deadline("missed", deadline_id=f"00000000-0000-0000-0000-{n:012d}") for n in range(30)]
    await ward.hear(*events)
    replicas = [ward, *(House(ward.service, ward.contacts) for _ in range(2))]
    for _ in range(5):
        await asyncio.gather(*(both(one) for one in replicas))
    refused = {
        str(row["alert_id"]) for row in await ward.rows("SELECT alert_id FROM attempt WHERE answer = '500'")
    }
    waits = await ward.rows("SELECT FROM notice WHERE channel = 'mail' AND due_at IS NOT NULL")
    before = list(inbox.mails)
    await ward.hurry("mail")
    for _ in range(3):
        await asyncio.gather(*(one.send("mail") for one in replicas))
    for one in replicas[1:]:
        await one.close()

    mailed = [mail["Baton-Alert"] for mail in inbox.mails]
    assert (len(refused), len(waits), before) == (10, 10, [])
    assert sorted(mailed) == sorted(refused)


async def test_a_new_order_holds_for_what_stands(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """Given a pager that fails, when the contacts put the mail first, then it is written at once."""
    receiver.answers = [500]
    await ward.hear(a_deadline("missed"))
    await both(ward)
    changed = House(ward.service, ordered(receiver, inbox, [["pager", "mail"]], after=3600))
    await ward.run("UPDATE notice SET due_at = NULL WHERE channel = 'mail'")
    await Watch(changed.contacts).once(changed.service)
    await changed.send("mail")
    await changed.close()

    assert inbox.reasons == ["trigger"]


async def test_a_database_of_before_tells_all_at_once(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """A notice that was written before there were turns is of the first."""
    await ward.hear(a_deadline("missed"))
    await ward.run("UPDATE notice SET turn = DEFAULT, due_at = statement_timestamp()")
    await both(ward)

    assert (receiver.reasons, inbox.reasons) == (["trigger"], ["trigger"])


async def test_no_value_of_a_patient_is_in_any_byte(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """Neither ids of person, visit and deadline nor the facility: in headers, text and what is kept of it."""
    event = a_deadline("missed", facility="ZZFACILITYZZ", because="ZZREASONZZ")
    receiver.answers = [500]
    await ward.hear(event)
    await ward.send("pager")
    await ward.hurry("mail")
    await ward.send("mail")
    await ward.hear(a_deadline("void", revision=2, facility="ZZFACILITYZZ", because="ZZREASONZZ"))
    await both(ward)

    assert inbox.reasons == ["trigger", "resolve"]
    for mail in inbox.mails:
        for value in (event.patient_id, event.visit_id, event.deadline_id, "ZZ"):
            assert str(value).encode() not in mail.raw
            assert str(value) not in mail.text
