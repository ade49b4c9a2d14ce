"""contacts.yaml and the signature: what is refused, and in which words."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.chassis.settings import SettingsError
from services.notifications.app import build
from services.notifications.channels.webhook import retry_after, sign, verify
from services.notifications.contacts import ContactsError, load_contacts, parse_contacts
from services.notifications.domain.notices import pause
from services.notifications.settings import Settings

SECRET = "0123456789abcdef"
GOOD = """
app_url: https://baton.example.org/
channels:
  pager: {webhook: "https://pager.example.org/x", secret_env: PAGER}
  desk: {webhook: "http://localhost:9/x", secret_env: PAGER, timeout_seconds: 3}
teams:
  default: [pager]
  4W: [desk, pager, desk]
  5N: []
"""


def test_a_team_has_its_channels() -> None:
    """Others have those of the default one."""
    contacts = parse_contacts(GOOD, {"PAGER": SECRET})

    assert contacts.channels_of("4W") == {"desk": 0, "pager": 1}
    assert contacts.channels_of("5N") == {}
    assert contacts.channels_of("6S") == {"pager": 0}
    assert contacts.app_url == "https://baton.example.org"
    assert (contacts.channels["desk"].host, contacts.channels["desk"].timeout_seconds) == ("localhost:9", 3.0)


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
        ("teams:", "temas: {}\nteams:", "temas is not known; leave it out."),
        ("channels:\n", "channels: [\n", "line 5 is not readable YAML."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_sentence(before: str, after: str, expected: str) -> None:
    """With its place, and never with a secret or an address."""
    with pytest.raises(ContactsError) as caught:
        parse_contacts(GOOD.replace(before, after, 1), {"PAGER": SECRET})

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
    monkeypatch.setenv("PAGER", SECRET)
    (tmp_path / "contacts.yaml").write_text(GOOD)

    service = build(
        Settings(database_url="postgresql://x", kafka_bootstrap_servers="x:1", config_dir=tmp_path)
    )

    assert service.needed_topics() == ["care.transitions", "care.alerts"]
    assert len(service.loops) == 4
    assert SECRET not in repr(load_contacts(tmp_path))


def test_a_secret_does_not_show() -> None:
    """Neither it nor the address, which may be one."""
    shown = repr(parse_contacts(GOOD, {"PAGER": SECRET}))

    assert SECRET not in shown
    assert "pager.example.org" not in shown


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
