"""Who may connect, over what, and what settings are refused at start."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from baton.mllp import send_over_mllp
from services.admissions.mllp.listener import Listener
from services.admissions.mllp.settings import Settings
from services.chassis.settings import SettingsError, load
from tests.admissions.mllp.conftest import frame
from tests.admissions.mllp.load import message


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def files(authority: trustme.CA, folder: Path) -> dict[str, Path]:
    """Certificate, key and the authority, as PEM files."""
    ours = authority.issue_cert("127.0.0.1")
    certificate, key, ca = folder / "ours.crt", folder / "ours.key", folder / "ca.crt"
    for number, blob in enumerate(ours.cert_chain_pems):
        blob.write_to_path(certificate, append=number > 0)
    ours.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(ca)
    return {"mllp_tls_certificate_file": certificate, "mllp_tls_key_file": key, "mllp_tls_client_ca_file": ca}


def context(authority: trustme.CA, issuer: trustme.CA | None) -> ssl.SSLContext:
    """A sender that trusts the authority, with a certificate of `issuer`."""
    made = ssl.create_default_context()
    authority.configure_trust(made)
    if issuer is not None:
        issuer.issue_cert("sender@hospital.example").configure_cert(made)
    return made


async def test_tls(listener: Callable[..., Any], authority: trustme.CA, tmp_path: Path) -> None:
    """With a certificate it is TLS only: a message over it is taken, one in the open is not."""
    given = files(authority, tmp_path) | {"mllp_tls_client_ca_file": None}
    async with listener(**given) as stand:
        async with stand.sender(context(authority, None)) as sender:
            assert await (await sender.say(frame(message("C1")))).code() == "AA C1"
        async with stand.sender() as sender:
            await sender.say(frame(message("C2")))
            assert await sender.is_over()
        assert len(await stand.stored()) == 1


async def test_mutual_tls(listener: Callable[..., Any], authority: trustme.CA, tmp_path: Path) -> None:
    """A sender without a certificate of the authority, or with another's, is not heard."""
    async with listener(**files(authority, tmp_path)) as stand:
        async with stand.sender(context(authority, authority)) as sender:
            assert await (await sender.say(frame(message("C1")))).code() == "AA C1"
        for issuer in (None, trustme.CA()):
            try:
                async with stand.sender(context(authority, issuer)) as sender:
                    await sender.say(frame(message("C2")))
                    assert await sender.is_over()
            except (ssl.SSLError, ConnectionError):
                pass
        assert len(await stand.stored()) == 1


async def test_only_those_on_the_list(listener: Callable[..., Any]) -> None:
    """An address that is not on the list, and a connection too many, are closed at once and counted."""
    async with listener(mllp_allow="10.0.0.0/8, 192.0.2.7") as stand, stand.sender() as sender:
        assert await sender.is_over()
        assert stand.counted("baton_mllp_connection_refused_total", "address") == 1
    async with listener(mllp_allow="127.0.0.0/8", mllp_connections=1) as stand, stand.sender() as sender:
        assert await (await sender.say(frame(message("C1")))).code() == "AA C1"
        async with stand.sender() as another:
            assert await another.is_over()
        assert stand.counted("baton_mllp_connection_refused_total", "too_many") == 1
        assert await (await sender.say(frame(message("C2")))).code() == "AA C2"


async def test_our_own_client(listener: Callable[..., Any], capsys: pytest.CaptureFixture[str]) -> None:
    """`baton send --to mllp://…` is understood."""
    async with listener() as stand:
        await send_over_mllp(f"mllp://127.0.0.1:{stand.port}", [message("C1"), message("C2")], print)
        assert capsys.readouterr() == ("", "2 of 2 messages accepted.\n")
        assert stand.counted("baton_mllp_message_answered_total", "AA") == 2


WRONG = [
    ({"mllp_host": "0.0.0.0"}, "anybody there could send"),
    ({"mllp_host": "localhost"}, "BATON_MLLP_HOST should be an IP address of this machine"),
    ({"mllp_allow": "10.0.0.0/8,engine"}, "BATON_MLLP_ALLOW should be IP addresses or networks"),
    ({"mllp_feed": "st annes"}, "BATON_MLLP_FEED"),
    ({"mllp_port": 70000}, "BATON_MLLP_PORT"),
    ({"mllp_tls_certificate_file": "/nowhere"}, "BATON_MLLP_TLS_CERTIFICATE_FILE does not point to a file"),
    ({"mllp_tls_key_file": __file__}, "BATON_MLLP_TLS_KEY_FILE is set and BATON_MLLP_TLS_CERTIFICATE_FILE is not"),
    ({"mllp_tls_certificate_file": __file__}, "do not fit together"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "sentence"), WRONG)
def test_a_setting_that_cannot_work_is_one_sentence(given: dict[str, Any], sentence: str) -> None:
    """It fails at start, with the variable and what to do."""
    with pytest.raises(SettingsError) as wrong:
        load(Settings, database_url="postgresql://x/y", kafka_bootstrap_servers="k:1", **given)
    assert len(wrong.value.problems) == 1
    assert sentence in wrong.value.problems[0]
    assert wrong.value.problems[0].endswith(".")


def test_beyond_this_machine_with_a_list_or_tls() -> None:
    """All interfaces will do where senders are named."""
    settings = load(
        Settings, database_url="postgresql://x/y", kafka_bootstrap_servers="k:1", mllp_host="0.0.0.0",
        mllp_allow="10.0.0.0/8",
    )  # fmt: skip
    assert [str(network) for network in settings.mllp_networks] == ["10.0.0.0/8"]


def test_a_port_that_is_taken_is_one_sentence() -> None:
    """Two listeners on one port: the second says which port, and what to set."""
    given = {"database_url": "postgresql://x/y", "kafka_bootstrap_servers": "k:1"}
    first = Listener(load(Settings, **given, mllp_port=0))
    first._port.listen()
    with pytest.raises(
        SettingsError, match=rf"MLLP cannot be served on 127.0.0.1:{first.port} .*BATON_MLLP_PORT"
    ):
        Listener(load(Settings, **given, mllp_port=first.port))
    first._port.close()
