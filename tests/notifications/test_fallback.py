"""The order of a team's channels, on a real Postgres, to a real pager and a real mail server."""

import pytest

from services.chassis.service import Service
from services.notifications.watch import reachable
from tests.notifications.builders import a_deadline, an_ack
from tests.notifications.conftest import NOW, TWO, House, Receiver, both, of, ordered, told
from tests.notifications.inbox import Inbox

pytestmark = pytest.mark.postgres

MISSED = "call_72h_missed"


# --- the order ----------------------------------------------------------------------------------------------


async def test_the_first_channel_delivers(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """Given a pager that takes it, when the mail's turn comes, then there is no mail: nor an update, nor an end."""
    await ward.hear(a_deadline("missed", severity="P3"))
    await both(ward)
    await ward.hurry()
    await both(ward)
    await ward.hear(a_deadline("missed", revision=2))
    await both(ward)
    await ward.hear(a_deadline("void", revision=3))
    await both(ward)
    await ward.hurry()
    await both(ward)

    assert receiver.reasons == ["trigger", "update", "resolve"]
    assert inbox.mails == []
    assert await told(ward) == {"mail": ("nothing", False), "pager": ("closed", False)}


async def test_the_next_channel_waits_for_its_turn(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """Given a pager that fails once, then mail is written after the set time, and not before."""
    receiver.answers = [500]
    await ward.hear(a_deadline("missed"))
    await both(ward)
    before = list(inbox.mails)
    (row,) = await ward.rows(
        "SELECT extract(epoch FROM due_at - statement_timestamp()) AS pause FROM notice WHERE channel = 'mail'"
    )
    await ward.hurry("mail")
    await ward.send("mail")

    assert before == []
    assert 60 < row["pause"] <= 120
    assert inbox.reasons == ["trigger"]
    assert await told(ward) == {"mail": ("open", False), "pager": ("maybe", True)}


async def test_who_was_told_hears_the_end(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """Pager down, mail after the set time, pager back and told: update and resolve reach both, in one thread."""
    receiver.answers = [500]
    await ward.hear(a_deadline("missed", severity="P3"))
    await both(ward)
    await ward.hurry("mail")
    await ward.send("mail")
    await ward.hurry("pager")
    await both(ward)
    back = (list(receiver.reasons), list(inbox.reasons))
    await ward.hear(a_deadline("missed", revision=2))
    await both(ward)
    await ward.hear(a_deadline("met_late", revision=3))
    await both(ward)

    assert back == (["trigger", "trigger"], ["trigger"])
    assert receiver.reasons == ["trigger", "trigger", "update", "resolve"]
    assert inbox.reasons == ["trigger", "update", "resolve"]
    first, update, resolve = inbox.mails
    assert first["Message-ID"] == update["References"] == resolve["References"]
    assert await told(ward) == {"mail": ("closed", False), "pager": ("closed", False)}


async def test_three_failures_end_the_wait(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """The next channel need not wait for the clock."""
    receiver.answers = [500] * 3
    await ward.hear(a_deadline("missed"))
    for _ in range(2):
        await both(ward)
        await ward.hurry("pager")
    early = list(inbox.mails)
    await both(ward)

    assert early == []
    assert inbox.reasons == ["trigger"]


async def test_a_refusal_for_good_ends_the_wait(service: Service, receiver: Receiver, inbox: Inbox) -> None:
    """Given mail first and a server that refuses the address, then the pager rings at once; mail is tried again."""
    house = House(service, ordered(receiver, inbox, ["mail", "pager"]))
    await house.at(NOW)
    inbox.refused = dict.fromkeys(TWO, "550 5.1.1 no such user")
    await house.hear(a_deadline("missed"))
    await house.send("mail")
    await house.send("pager")
    (mail,) = await house.rows(
        "SELECT failures, extract(epoch FROM due_at - statement_timestamp()) AS pause FROM notice "
        "WHERE channel = 'mail'"
    )
    failing = await reachable(service)
    await house.close()

    assert receiver.reasons == ["trigger"]
    assert (mail["failures"], 100 < mail["pause"] <= 300) == (3, True)
    expected = "Channels fail: mail (1 waiting, last answer: 550 5.1.1 for the recipient). "
    assert failing == expected + "Firing alerts that have reached nobody: 0."


async def test_an_answer_for_now_is_followed_soon(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """451, then taken: one more attempt under the same id."""
    house = House(ward.service, ordered(receiver, inbox, ["mail"]))
    inbox.answers = ["451 4.3.0 busy"]
    await house.hear(a_deadline("missed"))
    await house.send("mail")
    (row,) = await house.rows(
        "SELECT extract(epoch FROM due_at - statement_timestamp()) AS pause FROM notice"
    )
    await house.hurry()
    await house.send("mail")

    assert row["pause"] <= 1
    assert of(await house.rows("SELECT * FROM attempt ORDER BY attempt_id"), "answer", "took") == [
        ("451 4.3.0 for the message", None),
        ("250", TWO),
    ]
    assert inbox.reasons == ["trigger"]


async def test_those_of_one_turn_are_told_at_once(service: Service, receiver: Receiver, inbox: Inbox) -> None:
    """`[[pager, mail], desk]`: both; the desk only if neither delivers."""
    house = House(service, ordered(receiver, inbox, [["pager", "mail"], "desk"]))
    await house.at(NOW)
    receiver.answers = [500]
    await house.hear(a_deadline("missed"))
    await both(house)
    await house.hurry("desk")
    await house.send("desk")
    await house.close()

    assert (receiver.reasons, inbox.reasons) == (["trigger"], ["trigger"])
    assert (await told(house))["desk"] == ("nothing", False)


async def test_the_last_of_three_waits_for_both_before(
    service: Service, receiver: Receiver, inbox: Inbox
) -> None:
    """Twice the set time, or until both have failed."""
    house = House(service, ordered(receiver, inbox, ["pager", "mail", "desk"]))
    await house.at(NOW)
    receiver.answers = [500] * 3
    inbox.refused = dict.fromkeys(TWO, "550 no")
    await house.hear(a_deadline("missed"))
    (row,) = await house.rows(
        "SELECT extract(epoch FROM due_at - statement_timestamp()) AS pause FROM notice WHERE channel = 'desk'"
    )
    for _ in range(3):
        await house.send("pager")
        await house.send("desk")
        await house.hurry("pager")
    early = list(receiver.reasons)
    await house.send("mail")
    await house.send("desk")
    await house.close()

    assert 180 < row["pause"] <= 240
    assert early == ["trigger"] * 3
    assert (await told(house))["desk"] == ("open", False)


# --- what ends the wait -------------------------------------------------------------------------------------


async def test_an_end_while_a_channel_waits_says_nothing_there(
    ward: House, receiver: Receiver, inbox: Inbox
) -> None:
    """A resolve never goes to a channel that has not heard of the alert."""
    receiver.answers = [500]
    await ward.hear(a_deadline("missed"))
    await both(ward)
    await ward.hear(a_deadline("met_late", revision=2))
    await ward.hurry()
    await both(ward)

    assert receiver.reasons == ["trigger", "resolve"]
    assert inbox.mails == []


async def test_an_acknowledged_alert_falls_back_to_nobody(
    ward: House, receiver: Receiver, inbox: Inbox
) -> None:
    """Somebody has it; when that is withdrawn, the pager has its turn again, and after it the mail."""
    receiver.answers = [500, 500]
    await ward.hear(a_deadline("missed"))
    await both(ward)
    await ward.hear(a_deadline("missed", revision=2, acknowledged=(an_ack(MISSED, 72.5),)))
    await ward.hurry()
    await both(ward)
    quiet = (list(receiver.reasons), list(inbox.reasons))
    await ward.hear(a_deadline("missed", revision=3))
    await both(ward)
    waiting = list(inbox.mails)
    await ward.hurry("mail")
    await ward.send("mail")

    assert quiet == (["trigger"], [])
    assert waiting == []
    assert (receiver.reasons, inbox.reasons) == (["trigger", "trigger"], ["trigger"])


async def test_news_the_first_channel_cannot_take_go_on(
    ward: House, receiver: Receiver, inbox: Inbox
) -> None:
    """Given a pager that rang and is down when the alert gets louder, then the mail says it."""
    await ward.hear(a_deadline("missed", severity="P3"))
    await both(ward)
    receiver.answers = [500]
    await ward.hear(a_deadline("missed", revision=2))
    await both(ward)
    before = list(inbox.mails)
    await ward.hurry("mail")
    await ward.send("mail")

    assert before == []
    assert [mail["Subject"].split()[0] for mail in inbox.mails] == ["[P2]"]


async def test_an_alert_raised_again_begins_with_the_first(
    ward: House, receiver: Receiver, inbox: Inbox
) -> None:
    """Both had heard it end; the pager takes the second trigger, so no mail."""
    receiver.answers = [500]
    await ward.hear(a_deadline("missed"))
    await both(ward)
    await ward.hurry()
    await ward.send("mail")
    await ward.send("pager")
    await ward.hear(a_deadline("met", revision=2))
    await both(ward)
    await ward.hear(a_deadline("missed", revision=3, known_at=NOW))
    await both(ward)
    await ward.hurry()
    await both(ward)

    assert receiver.reasons == ["trigger", "trigger", "resolve", "trigger"]
    assert inbox.reasons == ["trigger", "resolve"]


async def test_a_shadow_feed_writes_to_nobody(ward: House, receiver: Receiver, inbox: Inbox) -> None:
    """In no turn."""
    await ward.hear(a_deadline("missed", live=False))
    await ward.hurry()
    await both(ward)

    assert (receiver.reasons, inbox.reasons) == ([], [])
