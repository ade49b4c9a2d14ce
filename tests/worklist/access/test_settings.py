"""Settings that cannot work fail at start, with one sentence that says which and what to do."""

from pathlib import Path

import pytest

from services.chassis.settings import SettingsError, load
from services.worklist.access import Access, AccessSettings
from tests.worklist.access.stand import USERS

URL = {"BATON_WORKLIST_URL": "https://baton.example.org"}
PROVIDER = URL | {"BATON_OIDC_ISSUER": "https://login.example.org", "BATON_OIDC_CLIENT_ID": "baton"}


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"BATON_OIDC_ISSUER": "https://login.example.org"} | URL, "BATON_OIDC_CLIENT_ID is not: set the id"),
        ({"BATON_OIDC_CLIENT_ID": "baton"}, "BATON_OIDC_ISSUER is not: set it too"),
        ({"BATON_OIDC_CLIENT_SECRET": "s"}, "BATON_OIDC_ISSUER is not: set it too"),
        (PROVIDER | {"BATON_WORKLIST_URL": ""}, "BATON_WORKLIST_URL is not: the provider must know"),
        (PROVIDER | {"BATON_OIDC_ISSUER": "http://login.example.org"}, "BATON_OIDC_ISSUER should begin with https://"),
        (PROVIDER | {"BATON_OIDC_ISSUER": "login.example.org"}, "BATON_OIDC_ISSUER should be the address"),
        (PROVIDER | {"BATON_OIDC_ISSUER": "https://x.example?y=1"}, "BATON_OIDC_ISSUER should be the address"),
        (PROVIDER | {"BATON_OIDC_SCOPES": "profile email"}, "BATON_OIDC_SCOPES lacks openid"),
        ({"BATON_WORKLIST_URL": "http://baton.example.org"}, "BATON_WORKLIST_URL should begin with https://"),
        ({"BATON_WORKLIST_URL": "https://baton.example.org/worklist"}, "BATON_WORKLIST_URL should be scheme and host"),
        ({"BATON_WORKLIST_URL": "https://u:p@baton.example.org"}, "BATON_WORKLIST_URL should be scheme and host"),
        ({"BATON_HTTP_HOST": "0.0.0.0"}, "BATON_WORKLIST_URL is not set: set it to the https address"),
        ({"BATON_HTTP_HOST": "10.0.0.5"}, "BATON_WORKLIST_URL is not set: set it to the https address"),
        ({"BATON_WORKLIST_IDLE_MINUTES": "90", "BATON_WORKLIST_SESSION_HOURS": "1"}, "IDLE_MINUTES is longer"),
        ({"BATON_WORKLIST_TRUSTED_PROXIES": "proxy.example"}, "should be addresses or networks"),
        ({"BATON_WORKLIST_TRUSTED_PROXIES": "0.0.0.0/0"}, "should name the proxies"),
    ],
)  # fmt: skip
def test_what_cannot_work_fails_at_start(
    said: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given settings that contradict each other or open a hole, when they are read, then a sentence says so."""
    with pytest.raises(SettingsError) as raised:
        settings(said, monkeypatch)

    assert sentence in str(raised.value)


@pytest.mark.parametrize(
    "said",
    [
        {},
        PROVIDER,
        PROVIDER | {"BATON_HTTP_HOST": "0.0.0.0"},
        {"BATON_WORKLIST_URL": "http://localhost:8085", "BATON_HTTP_HOST": "0.0.0.0"},
        {"BATON_HTTP_HOST": "::1"},
        PROVIDER | {"BATON_OIDC_ISSUER": "http://127.0.0.1:9000/realms/x"},
        {"BATON_WORKLIST_TRUSTED_PROXIES": "10.0.0.1, 10.1.0.0/28"},
    ],
)
def test_what_can_work_does(said: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Given settings that fit together, when they are read, then nothing is said."""
    settings(said, monkeypatch)


def test_an_address_is_kept_as_browsers_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given an address with capitals and the usual port, when it is read, then it is the origin browsers send."""
    said = settings({"BATON_WORKLIST_URL": "https://Baton.Example.org:443/"}, monkeypatch)

    assert said.place.origin("baton.example.org") == "https://baton.example.org"


@pytest.mark.parametrize(
    ("embedded", "database", "allowed"),
    [
        ("true", "postgresql://baton@127.0.0.1:5432/baton", True),
        ("true", "postgresql://baton@db.example.org/baton", False),
        ("false", "postgresql://baton@127.0.0.1:5432/baton", False),
    ],
)
def test_links_are_for_the_embedded_servers(
    embedded: str, database: str, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given the embedded mode, when its database is on this machine, then links are good, and nowhere else."""
    made = settings({"BATON_EMBEDDED": embedded, "DATABASE_URL": database}, monkeypatch)

    assert made.link_allowed is allowed


@pytest.mark.parametrize(
    ("users", "said", "sentence"),
    [
        ("users: {x: 1}", {}, "users.yaml, line 1: users.x wants keys"),
        (USERS.partition("groups:")[0], PROVIDER, "users.yaml gives no group a role"),
    ],
)
def test_users_that_cannot_work_fail_at_start(
    users: str, said: dict[str, str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a faulty users.yaml, or a provider none of whose groups has a role, when it starts, then a sentence says so."""
    (tmp_path / "users.yaml").write_text(users)
    made = settings(said | {"BATON_CONFIG_DIR": str(tmp_path)}, monkeypatch)

    with pytest.raises(SettingsError) as raised:
        Access(made, lambda: None)

    assert sentence in str(raised.value)


async def test_users_that_change_for_the_worse_are_told_and_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given a good users.yaml in force, when it becomes faulty, then /readyz says in which line, and the old one stays."""
    (tmp_path / "users.yaml").write_text(USERS)
    access = Access(settings({"BATON_CONFIG_DIR": str(tmp_path)}, monkeypatch), lambda: None)

    (tmp_path / "users.yaml").write_text("users: {rn1: 1}")
    access.look()

    said = await access.readiness(None)  # type: ignore[arg-type]
    assert said is not None
    assert said.startswith("users.yaml, line 1: users.rn1 wants keys")
    assert access.users.user("rn1") is not None


def settings(said: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AccessSettings:
    servers = {"DATABASE_URL": "postgresql://x@127.0.0.1/x", "KAFKA_BOOTSTRAP_SERVERS": "localhost:9092"}
    for name, value in (servers | said).items():
        monkeypatch.setenv(name, value)
    return load(AccessSettings)
