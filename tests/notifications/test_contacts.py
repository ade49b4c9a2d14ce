"""contacts.yaml and the signature: what is refused, and in which words."""

import re
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from services.chassis.settings import SettingsError
from services.notifications.app import build
from services.notifications.channels.webhook import retry_after, sign, verify
from services.notifications.contacts import ContactsError, load_contacts, parse_contacts
from services.notifications.domain.notices import pause
from services.notifications.kinds import EmailChannel
from services.notifications.sender import Sender
from services.notifications.settings import Settings

SECRET = "0123456789abcdef"
GOOD = """
app_url: https://baton.example.org/
channels:
  pager: {webhook: "https://pager.example.org/x", secret_env: PAGER}
  desk: {webhook: "http://localhost:9/x", secret_env: PAGER, timeout_seconds: 3}
  mail: {email: [a@x.example, a@x.example], sender: baton@x.example, host: smtp.x.example, user_env: USER, password_env: PASS}
  post: {email: b@x.example, sender: baton@localhost, host: "::1", tls: none}
teams:
  default: [pager]
  4W: [desk, pager, desk]
  5N: []
  6S: [[pager, mail], [mail], post]
"""
VARIABLES = {"PAGER": SECRET, "USER": "me", "PASS": "x y"}


def test_a_team_has_its_channels() -> None:
    """In their order, each once; other teams have those of the default one."""
    contacts = parse_contacts(GOOD, VARIABLES)

    assert contacts.channels_of("4W") == {"desk": 0, "pager": 1}
    assert contacts.channels_of("5N") == {}
    assert contacts.channels_of("6S") == {"pager": 0, "mail": 0, "post": 1}
    assert contacts.channels_of("7E") == {"pager": 0}
    assert contacts.fallback_after_seconds == 120.0
    assert contacts.app_url == "https://baton.example.org"
    assert (contacts.channels["desk"].host, contacts.channels["desk"].timeout_seconds) == ("localhost:9", 3.0)


def test_mail_is_encrypted_unless_it_stays_here() -> None:
    """Ports as usual, each recipient once, user and password from their variables."""
    contacts = parse_contacts(GOOD.replace("tls: none", "tls: implicit"), VARIABLES)
    mail, post = contacts.channels["mail"], contacts.channels["post"]

    assert isinstance(mail, EmailChannel)
    assert isinstance(post, EmailChannel)
    assert (mail.tls, mail.port, mail.email) == ("starttls", 587, ("a@x.example",))
    assert (mail.user.get_secret_value(), mail.password.get_secret_value()) == ("me", "x y")
    assert (post.tls, post.port, post.email) == ("implicit", 465, ("b@x.example",))


def test_the_shipped_examples_work() -> None:
    """What stands in comments is what one begins with."""
    text = files("services.notifications").joinpath("config", "contacts.yaml").read_text("utf-8")
    text = re.sub(r"(?m)^#( +(?:pager|mail|icu|[a-z_]+):)", r"\1", text).replace("channels: {}", "channels:")
    text = re.sub(r"(?m)^ +ca_file:.*\n", "", text)
    variables = {"BATON_PAGER_SECRET": SECRET, "BATON_MAIL_USER": "me", "BATON_MAIL_PASSWORD": "pw"}

    contacts = parse_contacts(text, variables)

    assert contacts.channels_of("icu") == {"pager": 0, "mail": 1}


def test_as_shipped_nobody_is_told() -> None:
    """And names that reveal a diagnosis stay inside."""
    contacts = load_contacts(None, {})

    assert contacts.channels_of("4W") == {}
    assert contacts.names.team("Detox 4B") == "care team"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("app_url: https://baton.example.org/", "", "app_url is missing."),
        ("https://baton.example.org/", "baton", "app_url should be scheme and host only, such as https://baton.example.org."),
        ("https://pager.example.org/x", "pager", "channels.pager.webhook is no address; write one such as https://pager.example.org/baton."),
        ("https://pager", "http://pager", "channels.pager.webhook is not encrypted; write https:// (http:// only on this machine)."),
        ("https://pager", "https://me:pw@pager", "channels.pager.webhook holds a user or password; the signature says who we are, so leave them out."),
        ("secret_env: PAGER}", "secret_env: OTHER}", "channels.pager needs the variable OTHER to hold a secret of at least 16 characters."),
        ("timeout_seconds: 3", "timeout: 3", "channels.desk.timeout is not known; leave it out."),
        ("timeout_seconds: 3", "timeout_seconds: 0", "channels.desk.timeout_seconds should be greater than 0."),
        ("  desk:", "  Desk!:", "channels.Desk! should be a name of lower case letters, digits, - and _."),
        ("default: [pager]", "default: [fax]", "teams.default names the channel fax, which `channels:` does not have."),
        ("default: [pager]", "default: pager", "teams.default should be a list of channels in their order, such as [pager, mail], or [[pager, desk], mail] to tell two at once."),
        ("default: [pager]", "other: [pager]", "teams has no `default`; write `default: []` if nobody is to be told."),
        ("default: [pager]", "default: [[[pager]]]", "teams.default should be a list of channels in their order, such as [pager, mail], or [[pager, desk], mail] to tell two at once."),
        ("default: [pager]", "default: [[]]", "teams.default should be a list of channels in their order, such as [pager, mail], or [[pager, desk], mail] to tell two at once."),
        ("default: [pager]", "default: [[pager, fax]]", "teams.default names the channel fax, which `channels:` does not have."),
        ("teams:", "fallback_after_seconds: 0\nteams:", "fallback_after_seconds should be greater than 0."),
        ('webhook: "https://pager.example.org/x"', "url: x", "channels.pager should hold either `webhook:` or `email:`, and what belongs to it."),
        ("sender:", "webhook: x, sender:", "channels.mail should hold either `webhook:` or `email:`, and what belongs to it."),
        ("sender:", "password: x, sender:", "channels.mail.password is not known; leave it out."),
        ("tls: none", "tls: none, user_env: USER", "channels.post needs both `user_env` and `password_env`, or neither."),
        ("user_env: USER", "user_env: NOBODY", "channels.mail needs the variable NOBODY to hold the user of its server."),
        ("password_env: PASS", "password_env: NOTHING", "channels.mail needs the variable NOTHING to hold the password of its server."),
        ("host: smtp", "tls: none, host: smtp", "channels.mail is not encrypted; write `tls: starttls` or `tls: implicit` (none only on this machine)."),
        ("host: smtp", "tls: ssl, host: smtp", "channels.mail.tls should be 'starttls', 'implicit' or 'none'."),
        ("host: smtp", "port: 70000, host: smtp", "channels.mail.port should be less than or equal to 65535."),
        ("smtp.x.example", "smtp/x", "channels.mail.host is no name of a server; write one such as smtp.hospital.example."),
        ("host: smtp", "ca_file: nowhere.pem, host: smtp", "channels.mail names a ca_file that does not hold certificates in PEM; put it there, or leave it out where the server's certificate is a public one."),
        ("[a@x.example, a@x.example]", "[]", "channels.mail.email should be one to 50 addresses; a list server reaches more."),
        ("[a@x.example, a@x.example]", "[a@x.example, nurse]", "channels.mail.email.1 is no mail address; write one such as oncall@hospital.example, without a name."),
        ("sender: baton@x.example", "sender: Baton <baton@x.example>", "channels.mail.sender is no mail address; write one such as oncall@hospital.example, without a name."),
        ("sender: baton@x.example, ", "", "channels.mail.sender is missing."),
        ("teams:", "temas: {}\nteams:", "temas is not known; leave it out."),
        ("channels:\n", "channels: [\n", "line 5 is not readable YAML."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(before: str, after: str, expected: str) -> None:
    """With its place, and never with a secret or an address."""
    with pytest.raises(ContactsError) as caught:
        parse_contacts(GOOD.replace(before, after, 1), VARIABLES)

    assert f"contacts.yaml: {expected}" == str(caught.value)


def test_a_service_with_wrong_contacts_does_not_start(tmp_path: Path) -> None:
    """It is a setting like any other."""
    (tmp_path / "contacts.yaml").write_text("- nothing")
    settings = Settings(database_url="postgresql://x", kafka_bootstrap_servers="x:1", config_dir=tmp_path)

    with pytest.raises(SettingsError) as caught:
        build(settings)

    expected = "contacts.yaml: it holds no keys; write at least `app_url:`, `channels:` and `teams:`."
    assert [expected] == caught.value.problems


async def test_the_table_of_contents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What notifications reads and writes, and a loop for each channel."""
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "contacts.yaml").write_text(GOOD)

    service = build(
        Settings(database_url="postgresql://x", kafka_bootstrap_servers="x:1", config_dir=tmp_path)
    )

    assert service.needed_topics() == ["care.transitions", "care.alerts"]
    senders = [one for loop in service.loops if isinstance(one := getattr(loop, "__self__", None), Sender)]
    assert [sender._channel.name for sender in senders] == ["pager", "desk", "mail", "post"]
    assert SECRET not in repr(load_contacts(tmp_path))


def test_a_secret_does_not_show() -> None:
    """Neither it nor the address, which may be one, nor who is written to."""
    shown = repr(parse_contacts(GOOD, VARIABLES))

    assert not [word for word in (SECRET, "pager.example.org", "x y", "a@x.example") if word in shown]


@pytest.mark.parametrize(
    ("header", "body", "now", "genuine"),
    [
        (sign(b"{}", SECRET, 1000), b"{}", 1000, True),
        (sign(b"{}", SECRET, 1000), b"{}", 1300, True),
        (sign(b"{}", SECRET, 1000), b"{}", 1301, False),
        (sign(b"{}", SECRET, 1000), b"{ }", 1000, False),
        (sign(b"{}", "another secret", 1000), b"{}", 1000, False),
        (sign(b"{}", SECRET, 1000).replace("t=1000", "t=1001"), b"{}", 1000, False),
        ("t=1000", b"{}", 1000, False),
        ("t=x,v1=é", b"{}", 1000, False),
        ("", b"{}", 1000, False),
    ],
)
def test_a_signature_is_of_this_body_and_of_now(header: str, body: bytes, now: float, genuine: bool) -> None:
    """The receiver's side."""
    assert genuine == verify(header, body, SECRET, now)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, 0), ("120", 120), ("-1", 0), ("soon", 0), ("999999999", 3600), ("9" * 400, 3600),
        ("Mon, 12 Jan 2026 20:00:30 GMT", 30), ("Mon, 12 Jan 2026 19:00:00 GMT", 0), ("Mon, 99 Jan 2026", 0),
    ],
)  # fmt: skip
def test_a_receiver_may_ask_for_time(header: str | None, expected: float) -> None:
    """In seconds or as a date; nonsense is nothing, and an hour is the most."""
    assert expected == retry_after(header, datetime(2026, 1, 12, 20, 0, tzinfo=UTC))


def test_pauses_double_up_to_the_longest() -> None:
    """From about a second to five minutes, spread out at random."""
    assert [pause(n, 300, 0) for n in range(4)] == [0.5, 1, 2, 4]
    assert (pause(20, 300, 1), pause(20, 300, 0), pause(10_000, 300, 1)) == (300, 150, 300)
