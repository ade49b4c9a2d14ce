"""Mail, to real servers in this process: what is sent, what each answer means, and what can never be in it."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.notifications.channels import Answer, Message
from services.notifications.channels import email as email_channel
from services.notifications.channels.email import Email
from services.notifications.contacts import Contacts, parse_contacts
from services.notifications.domain.model import Alert
from services.notifications.domain.text import text
from tests.notifications.builders import CASE, DUE, hours
from tests.notifications.inbox import PASSWORD, USER, Post, mail_channel
from tests.notifications.test_text import ALLOWED, an_alert

APP = "https://baton.example.org"
NOW = DUE + hours(2)
WALL = datetime(2026, 1, 13, 9, 30, tzinfo=UTC)
VARIABLES = {"MAIL_USER": USER, "MAIL_PASSWORD": PASSWORD}
LOGIN = {"user_env": "MAIL_USER", "password_env": "MAIL_PASSWORD"}
TWO = ["a@hospital.example", "b@hospital.example"]


def some_contacts(channel: dict[str, Any], variables: dict[str, str] | None = None) -> Contacts:
    said = {
        "app_url": APP,
        "channels": {"mail": channel},
        "teams": {"default": ["mail"]},
        "revealing": ["detox"],
    }
    return parse_contacts(json.dumps(said), VARIABLES if variables is None else variables)


def an_email(port: int, *, variables: dict[str, str] | None = None, **fields: Any) -> Email:
    contacts = some_contacts(mail_channel(port, **fields), variables)
    channel = contacts.channels["mail"]
    return Email(channel, contacts)  # type: ignore[arg-type]


def a_message(alert: Alert | None = None, reason: str = "trigger", **fields: Any) -> Message:
    alert = an_alert() if alert is None else alert
    key = f"{alert.alert_id}:1"
    given: dict[str, Any] = {
        "key": key, "reason": reason, "alert": alert, "said": text(alert, APP, NOW), "wall": WALL, "first": key,
    }  # fmt: skip
    return Message(**(given | fields))


# --- what is sent -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_mail_is_encrypted_before_anything_is_said(post: Post, tls: str) -> None:
    """TLS with the certificate of a private authority; then the login; then the message, taken."""
    inbox = await post.inbox(tls)
    email = an_email(inbox.port, tls=tls, ca_file=str(post.ca_file), **LOGIN)

    answer = await email.send(a_message())

    assert answer == Answer(True, "250", took=("oncall@hospital.example",))
    assert [(mail.encrypted, mail.user, mail.sender, mail.recipients) for mail in inbox.mails] == [
        (True, USER, "baton@hospital.example", ("oncall@hospital.example",))
    ]
    assert inbox.logins == [(USER, PASSWORD)]


async def test_a_server_on_this_machine_needs_no_encryption(post: Post) -> None:
    """The demo's inbox."""
    inbox = await post.inbox("none", login=False)

    assert (await an_email(inbox.port, tls="none").send(a_message())).delivered
    assert not inbox.mails[0].encrypted


async def test_a_mail_can_be_read_and_filtered(post: Post) -> None:
    """Subject and text as everywhere; who, when, how urgent; no machine is to answer."""
    inbox = await post.inbox("none", login=False)
    alert = an_alert(unit="Detox 4B", team="Détox 4B", facility="HOSPA")

    await an_email(inbox.port, tls="none", email=TWO).send(a_message(alert))

    (mail,) = inbox.mails
    assert mail["Subject"] == f"[P2] CALL_72H overdue 2 h case {CASE}"
    assert (mail["From"], mail["To"]) == ("Baton <baton@hospital.example>", ", ".join(TWO))
    assert mail["Date"] == "Tue, 13 Jan 2026 09:30:00 +0000"
    assert mail["Message-ID"] == f"<{alert.alert_id}.1@hospital.example>"
    assert (mail["Auto-Submitted"], mail["Importance"]) == ("auto-generated", "high")
    assert (mail["Baton-Alert"], mail.reason) == (str(alert.alert_id), "trigger")
    assert (mail["In-Reply-To"], mail["References"]) == ("None", "None")
    assert mail.message.get_content_type() == "text/plain"
    assert mail.message.get_content_charset() == "utf-8"
    assert mail.text.splitlines() == [
        f"[P2] CALL_72H overdue 2 h case {CASE} {APP}/c/{CASE}",
        "",
        "Nobody has said yet to have this.",
        "",
        f"Case:   {APP}/c/{CASE}",
        "Team:   Détox 4B",
        "Due:    2026-01-12 20:00 UTC",
        "Raised: 2026-01-12 20:00 UTC",
        "",
        "-- ",
        "Acknowledging says that you have it; only the work itself ends it.",
        "Baton sends this by itself and reads no answers. The same Message-ID again is the same message.",
    ]


async def test_one_alert_is_one_thread(post: Post) -> None:
    """Update and resolve point to the trigger; a repeat has the id of what it repeats."""
    inbox = await post.inbox("none", login=False)
    email = an_email(inbox.port, tls="none")
    alert = an_alert()
    ended = replace(alert, status="resolved", ending="done", ended_at=NOW)
    keys = {name: f"{alert.alert_id}:{n}" for n, name in enumerate(("trigger", "update", "resolve"), 1)}
    said = [("trigger", alert), ("trigger", alert), ("update", alert), ("resolve", ended)]
    for reason, stands in said:
        await email.send(a_message(stands, reason, key=keys[reason], first=keys["trigger"]))

    first, again, update, resolve = inbox.mails
    assert first["Message-ID"] == again["Message-ID"]
    assert len({mail["Message-ID"] for mail in inbox.mails}) == 3
    assert {first["Message-ID"]} == {
        mail[header] for mail in (update, resolve) for header in ("In-Reply-To", "References")
    }
    assert resolve["Subject"] == f"[P2] CALL_72H done case {CASE}"
    assert resolve["Importance"] == "normal"
    assert "This has ended: nobody has to act on it any more." in resolve.text
    assert "Ended:  2026-01-12 22:00 UTC" in resolve.text


async def test_a_long_name_of_a_house_breaks_no_id(post: Post) -> None:
    """Neither ids nor links are folded or encoded, and many recipients fit."""
    inbox = await post.inbox("none", login=False)
    domain = ".".join(["a-rather-long-name-of-a-department"] * 5) + ".example"
    recipients = [f"someone-with-a-long-name-{n}@{domain}" for n in range(50)]
    email = an_email(inbox.port, tls="none", sender=f"baton@{domain}", email=recipients)
    alert = an_alert()

    await email.send(a_message(alert, "update", key=f"{alert.alert_id}:2"))

    (mail,) = inbox.mails
    assert f"\r\nIn-Reply-To: <{alert.alert_id}.1@{domain}>\r\n".encode() in mail.raw
    assert f"\r\nMessage-ID: <{alert.alert_id}.2@{domain}>\r\n".encode() in mail.raw
    assert mail["To"].split(", ") == recipients == list(mail.recipients)
    assert max(map(len, mail.raw.split(b"\r\n"))) <= 998


# --- what comes back ----------------------------------------------------------------------------------------


async def test_a_wrong_password_is_tried_once(post: Post) -> None:
    """Locking the account would make it worse; the server said no for good."""
    inbox = await post.inbox()
    email = an_email(
        inbox.port, ca_file=str(post.ca_file), variables=VARIABLES | {"MAIL_PASSWORD": "old"}, **LOGIN
    )

    answer = await email.send(a_message())

    assert answer == Answer(False, "535 5.7.8 at the login", arrived=False, final=True)
    assert inbox.logins == [(USER, "old")]
    assert inbox.mails == []


async def test_a_certificate_that_is_not_trusted_gets_nothing(post: Post) -> None:
    """Neither a password nor a message."""
    for tls in ("starttls", "implicit"):
        inbox = await post.inbox(tls)
        answer = await an_email(inbox.port, tls=tls, **LOGIN).send(a_message())

        assert answer == Answer(False, "its certificate is not trusted", arrived=False)
        assert (inbox.logins, inbox.mails) == ([], [])


async def test_a_certificate_of_another_name_gets_nothing(post: Post) -> None:
    """It is for localhost."""
    inbox = await post.inbox()
    email = an_email(inbox.port, host="127.0.0.1", ca_file=str(post.ca_file), **LOGIN)

    assert (await email.send(a_message())).word == "its certificate is not trusted"
    assert inbox.logins == []


async def test_a_server_without_starttls_gets_nothing(post: Post) -> None:
    """Whoever sits between may have left it out of the list."""
    inbox = await post.inbox("none", login=False)

    answer = await an_email(inbox.port, ca_file=str(post.ca_file), **LOGIN).send(a_message())

    assert answer == Answer(False, "STARTTLS is not offered", arrived=False)
    assert (inbox.logins, inbox.mails) == ([], [])


async def test_a_server_that_speaks_no_tls_gets_nothing(post: Post) -> None:
    """`implicit` on the port of STARTTLS is a common mistake."""
    inbox = await post.inbox("none", login=False)

    answer = await an_email(inbox.port, tls="implicit", ca_file=str(post.ca_file)).send(a_message())

    assert answer == Answer(False, "no TLS on connecting", arrived=False)


async def test_a_server_without_login_gets_no_password(post: Post) -> None:
    """It is said what is not offered."""
    port = await post.blunt(b"220 hello\r\n", b"250 inbox.test\r\n")

    answer = await an_email(port, tls="none", **LOGIN).send(a_message())

    assert answer == Answer(False, "neither AUTH PLAIN nor AUTH LOGIN is offered", arrived=False)


async def test_a_server_that_is_away(unused_tcp_port: int, post: Post) -> None:
    """Nothing can have arrived."""
    answer = await an_email(unused_tcp_port, tls="none").send(a_message())

    assert answer == Answer(False, "not reached", arrived=False)


HELLO, OK, GO = b"220 hello\r\n", b"250 OK\r\n", b"354 go\r\n"
TAKES_NOTHING = b"554 5.3.2 we take no mail: <oncall@hospital.example>\r\n"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([TAKES_NOTHING], Answer(False, "554 5.3.2 on connecting", arrived=False, final=True)),
        ([b"421 too many\r\n"], Answer(False, "421 on connecting", arrived=False)),
        ([b"HTTP/1.1 400 Bad Request\r\n"], Answer(False, "no SMTP on connecting", arrived=False)),
        ([], Answer(False, "not reached", arrived=False)),
        ([HELLO, OK, b"550 5.7.1 who?\r\n"], Answer(False, "550 5.7.1 for the sender", arrived=False, final=True)),
        ([HELLO, OK], Answer(False, "connection lost for the sender", arrived=False)),
        ([HELLO, OK, OK], Answer(False, "connection lost for the recipient", arrived=False)),
        ([HELLO, OK, OK, None], Answer(False, "timed out for the recipient", arrived=False)),
        ([HELLO, OK, OK, b"551 gone\r\n"], Answer(False, "551 for the recipient", arrived=False, final=True)),
        ([HELLO, OK, OK, b"450 4.2.0 later\r\n"], Answer(False, "450 4.2.0 for the recipient", arrived=False)),
        ([HELLO, OK, OK, b"421 bye\r\n"], Answer(False, "421 for the recipient", arrived=False)),
        ([HELLO, OK, OK, OK, b"451 disk\r\n"], Answer(False, "451 for the message", arrived=False)),
        ([HELLO, OK, OK, OK, GO], Answer(False, "connection lost for the message")),
        ([HELLO, OK, OK, OK, GO, None], Answer(False, "timed out for the message")),
        ([HELLO, OK, OK, OK, GO, b"552 5.3.4 no\r\n"], Answer(False, "552 5.3.4 for the message", arrived=False, final=True)),
        ([HELLO, OK, OK, OK, GO, b"what?\r\n"], Answer(False, "no SMTP for the message")),
        ([HELLO, OK, OK, OK, GO, OK], Answer(True, "250", took=("oncall@hospital.example",))),
        ([HELLO, OK, OK, OK, GO, OK, None], Answer(True, "250", took=("oncall@hospital.example",))),
    ],
    ids=lambda value: value.word if isinstance(value, Answer) else "",
)  # fmt: skip
async def test_every_answer_has_its_meaning(
    post: Post, lines: list[bytes | None], expected: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its code and where it came, never its text; whether the message may have arrived; whether it is for good."""
    port = await post.blunt(*lines)
    if None in lines:
        monkeypatch.setattr(email_channel, "asyncio", post.patience)

    answer = await an_email(port, tls="none", timeout_seconds=60).send(a_message())

    assert answer == expected


async def test_a_server_has_its_time_and_no_more(post: Post) -> None:
    """The limit is that of the channel, for the whole of one message."""
    port = await post.blunt(None)

    answer = await an_email(port, tls="none", timeout_seconds=0.2).send(a_message())

    assert answer == Answer(False, "timed out on connecting", arrived=False)


async def test_one_of_two_recipients_is_refused(post: Post) -> None:
    """The other has it: not delivered, said so, and only who lacks it is tried again."""
    inbox = await post.inbox("none", login=False)
    inbox.refused = {TWO[1]: "550 5.1.1 no such user"}
    email = an_email(inbox.port, tls="none", email=TWO)

    some = await email.send(a_message())
    inbox.refused = {}
    rest = await email.send(a_message(took=frozenset(some.took)))
    nobody_left = await email.send(a_message(took=frozenset(TWO)))

    assert some == Answer(False, "550 5.1.1 for 1 of 2 recipients", final=True, took=(TWO[0],))
    assert rest == Answer(True, "250", took=(TWO[1],))
    assert nobody_left == Answer(True, "taken before")
    assert [mail.recipients for mail in inbox.mails] == [(TWO[0],), (TWO[1],)]
    assert inbox.mails[0]["Message-ID"] == inbox.mails[1]["Message-ID"]


async def test_what_may_pass_by_itself_is_tried_again_soon(post: Post) -> None:
    """One recipient refused for good, another for now: for now."""
    inbox = await post.inbox("none", login=False)
    inbox.refused = {TWO[0]: "550 5.1.1 no", TWO[1]: "451 4.7.1 greylisted"}

    answer = await an_email(inbox.port, tls="none", email=TWO).send(a_message())

    assert answer == Answer(False, "451 4.7.1 for the recipient", arrived=False)
    assert inbox.mails == []


async def test_a_send_that_is_cancelled_leaves_no_connection(post: Post) -> None:
    """The process is asked to stop while a server thinks."""
    inbox = await post.inbox("none", login=False)
    inbox.hang = asyncio.Event()
    sending = asyncio.create_task(an_email(inbox.port, tls="none").send(a_message()))
    await inbox.arrived.wait()
    sending.cancel()

    with pytest.raises(asyncio.CancelledError):
        await sending
    inbox.hang.set()


# --- what can never be in it --------------------------------------------------------------------------------

BREAKS = "\r\nBcc: thief@evil.example\r\n\r\nInjected"
SECRET = "ZZTESTCASEZZ"


@pytest.mark.parametrize("field", ["email", "sender", "host"])
@pytest.mark.parametrize(
    "breaking", [BREAKS, "\n", "\r", "\x00", " <thief@evil.example>", ",thief@evil.example", "\u2028x"]
)
def test_no_setting_breaks_out_of_its_line(field: str, breaking: str) -> None:
    """Refused at start."""
    channel = mail_channel(25)
    whole = {"email": "oncall@hospital.example", "sender": "baton@hospital.example", "host": "smtp.example"}
    channel[field] = whole[field] + breaking

    with pytest.raises(ValueError, match=f"channels.mail.{field}"):
        some_contacts(channel)


def test_no_link_breaks_out_of_its_line() -> None:
    """A library overlooks line breaks."""
    said = {"app_url": "https://baton.example.org\nBcc: thief@evil.example", "teams": {"default": []}}
    with pytest.raises(ValueError, match="app_url holds a space or a line break"):
        parse_contacts(json.dumps(said), {})


def breaking(name: str) -> st.SearchStrategy[str]:
    """Text with everything that ends a line somewhere, and a marker."""
    ends = st.sampled_from(["\r\n", "\n", "\r", "\x0b", "\x85", "\u2028", "\x00", ".\r\n", "\r\n.\r\n"])
    return st.builds(lambda a, b: f"{a}{b}Bcc: {name}{b}{b}", st.text(max_size=5), ends)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    unit=breaking("unit"), team=breaking("team"), kind=breaking("kind"), severity=breaking("severity"),
    case=st.one_of(st.just(CASE), breaking("case")), status=breaking("status"),
)  # fmt: skip
def test_no_value_breaks_out_of_its_line(
    unit: str, team: str, kind: str, severity: str, case: str, status: str
) -> None:
    """Whatever an alert holds: the same headers, one part, one case, and each name within its line."""
    alert = an_alert(
        kind, unit=unit, team=team, severity=severity, episode_id=case, status=status,
        facility=SECRET, subject=SECRET, visit_id=UUID(int=77), patient_id=UUID(int=78),
    )  # fmt: skip
    contacts = some_contacts(mail_channel(25, host="localhost", tls="none"))
    mail = Email(contacts.channels["mail"], contacts)._mail(a_message(alert))  # type: ignore[arg-type]

    raw = mail.as_bytes()
    head = raw.partition(b"\r\n\r\n")[0]

    names = [line.partition(b":")[0].decode() for line in head.split(b"\r\n")]
    assert names == [
        "From", "To", "Subject", "Date", "Message-ID", "Importance", "Auto-Submitted", "X-Auto-Response-Suppress",
        "Baton-Alert", "Baton-Reason", "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    ]  # fmt: skip
    assert raw.isascii()
    assert b"\n" not in raw.replace(b"\r\n", b"")
    lines = mail.get_content().splitlines()
    assert not [line for line in lines if line.startswith("Bcc")]
    assert ALLOWED.match(lines[0])
    for never in (SECRET, str(UUID(int=77)), str(UUID(int=78))):
        assert never.encode() not in raw
        assert never not in mail.get_content()
