"""What cannot work ends at start, with a code and one sentence that says what to do; never with a traceback."""

import asyncio
import json
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.infra import nursery
from tests.infra.postgres import execute
from tests.system.stand import ROOT

pytestmark = [pytest.mark.system, pytest.mark.postgres, pytest.mark.timeout(300)]

NOWHERE = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
    "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
}


@dataclass(frozen=True)
class Start:
    """A process started in a way that cannot work, and what it must say."""

    process: str
    says: str
    code: int = 2
    files: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)


WEBHOOK = "app_url: https://b.example\nchannels: {pager: {webhook: %s, secret_env: PAGER_SECRET}}\nteams: {default: [pager]}\n"
MAIL = "app_url: https://b.example\nchannels: {mail: {email: a@b.example, sender: b@b.example, host: b.example, %s}}\nteams: {default: [mail]}\n"
STARTS = {
    "a feed file that is no YAML": Start(
        "admissions", "east.yaml, line 3: this is not YAML", files={"feeds/east.yaml": "feed: east\nzone: [\n"}
    ),
    "a feed file with a key nobody knows": Start(
        "admissions", "east.yaml, line 2: zome is no key of a feed profile; write zone",
        files={"feeds/east.yaml": "feed: east\nzome: America/New_York\n"},
    ),
    "a facility in a zone that is nowhere": Start(
        "admissions", "is no IANA time zone",
        files={"facilities.yaml": "facilities:\n  NORTH: {zone: Mars/Olympus}\n"},
    ),
    "a team without a channel": Start(
        "notifications", "contacts.yaml: teams.default names the channel nobody",
        files={"contacts.yaml": "app_url: https://b.example\nteams: {default: [nobody]}\n"},
    ),
    "a webhook without its secret": Start(
        "notifications", "PAGER_SECRET", files={"contacts.yaml": WEBHOOK % "https://pager.example"}
    ),
    "a webhook in the open": Start(
        "notifications", "is not encrypted", files={"contacts.yaml": WEBHOOK % "http://pager.example"},
        settings={"PAGER_SECRET": "a secret that is long enough"},
    ),
    "mail in the open": Start(
        "notifications", "channels.mail is not encrypted", files={"contacts.yaml": MAIL % "tls: none"}
    ),
    "mail with an authority that is not there": Start(
        "notifications", "ca_file that does not hold certificates", files={"contacts.yaml": MAIL % "ca_file: a.pem"}
    ),
    "a protocol with a span that is none": Start(
        "transitions", "ours.yaml, line 2: elapsed.call_72h is no duration",
        files={"protocols/ours.yaml": "extends: transitions-of-care\nelapsed: {call_72h: three days}\n"},
        settings={"BATON_PROTOCOL": "ours"},
    ),
    "a protocol that is not there": Start(
        "deadlines", "theirs.yaml: is not there", settings={"BATON_PROTOCOL": "theirs"}
    ),
    "an address that is none": Start(
        "deadlines", "KAFKA_BOOTSTRAP_SERVERS should be HOST:PORT", settings={"KAFKA_BOOTSTRAP_SERVERS": "kafka"}
    ),
}  # fmt: skip


async def test_a_wrong_setting_ends_a_process_with_one_sentence(tmp_path: Path) -> None:
    """Given a port in use, and a feed, a facility, a contact, a protocol or an address that cannot be; then the
    process ends at start with code 2 and one sentence, and without a traceback.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        in_use = Start(
            "admissions", f"HTTP cannot be served on 127.0.0.1:{port}", settings={"BATON_HTTP_PORT": port}
        )
        starts = STARTS | {"a port in use": in_use}
        ended = await asyncio.gather(
            *(_run(start, tmp_path / str(number)) for number, start in enumerate(starts.values()))
        )

    for (what, start), (code, said) in zip(starts.items(), ended, strict=True):
        lines = said.splitlines()
        assert (what, code, len(lines)) == (what, start.code, 1), said
        assert start.says in lines[0], what
        assert lines[0].endswith("."), (what, said)
        assert "Traceback" not in said, what


async def test_a_database_of_a_newer_baton_ends_every_process_with_one_sentence(
    database: str, tmp_path: Path
) -> None:
    """Given a migration that this program does not know; then every process ends with code 1, says so and what to do,
    and touches nothing.
    """
    await execute(
        database,
        "INSERT INTO baton.migration (package, version, name, sha256) VALUES ('services.admissions', 9999, 'later', '')",
    )
    settings = {"DATABASE_URL": database, "BATON_LOG_LEVEL": "ERROR"}
    names = ("admissions", "transitions", "deadlines", "notifications")
    starts = [Start(name, "", code=1, settings=settings) for name in names]
    ended = await asyncio.gather(*(_run(start, tmp_path / start.process) for start in starts))

    for name, (code, said) in zip(names, ended, strict=True):
        assert (name, code, len(said.splitlines())) == (name, 1, 1), said
        assert json.loads(said)["reason"] == (
            "The database is newer than this program: it has services.admissions 9999_later; "
            "use the program that brought it, or a later one."
        )


async def _run(start: Start, folder: Path) -> tuple[int, str]:
    """Start the process, and wait for its end; gives its code and everything it said."""
    folder.mkdir()
    for name, text in start.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("BATON_", "KAFKA_"))}
    environment = clean | NOWHERE | {"BATON_CONFIG_DIR": str(folder)} | start.settings
    ended = await asyncio.to_thread(nursery.baton, "run", start.process, env=environment, cwd=ROOT)
    return ended.returncode, ended.stdout + ended.stderr
