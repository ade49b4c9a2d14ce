"""What tests of the whole system stand on: a pager, a system of their own, and how a story ends when nothing happens."""

import fcntl
import json
import os
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from services.chassis.migrations import migrate
from tests.infra import KafkaServer, PostgresServer
from tests.infra.postgres import run_sync
from tests.system import rows, stories
from tests.system.receiver import Receiver
from tests.system.rows import Rows
from tests.system.stand import System

NewSystem = Callable[..., AbstractAsyncContextManager[System]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def new_system(
    kafka_broker: KafkaServer, topic_prefix: str, database: str, receiver: Receiver, tmp_path: Path
) -> NewSystem:
    """Make a system of the test's own, with its topics; its processes are the test's to start."""

    @asynccontextmanager
    async def made(starts_at: datetime, **given: Any) -> AsyncIterator[System]:
        known: dict[str, Any] = {
            "database_url": database,
            "bootstrap_servers": kafka_broker.bootstrap_servers,
            "prefix": topic_prefix,
            "folder": tmp_path / "stand",
            "receiver": receiver,
        }
        fields = {name: given.pop(name) for name in [*given] if not name.isupper()}
        system = System(**(known | fields), starts_at=starts_at, settings=given)
        await system.create_topics()
        async with system:
            yield system

    return made


@pytest.fixture(scope="session")
def undisturbed(
    kafka_broker: KafkaServer, postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> Rows:
    """The rows that the story of all tests leaves behind when nothing goes wrong; found out once for all workers."""
    story = stories.of_all_tests()

    async def run() -> Rows:
        url = postgres_server.fresh_database()
        await migrate(url)
        prefix = f"t{secrets.token_hex(4)}."
        folder = tmp_path_factory.mktemp("undisturbed")
        with Receiver() as receiver:
            system = System(url, kafka_broker.bootstrap_servers, prefix, folder, receiver, story.starts_at)
            await system.create_topics()
            async with system:
                await system.start()
                await system.play(*story.beats)
                await system.at_rest(told=False)
                return await rows.rows(system)

    folder_of_all = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder_of_all = folder_of_all.parent
    kept = folder_of_all / "undisturbed.json"
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_text(json.dumps(run_sync(run())))
        return {name: [tuple(row) for row in rows] for name, rows in json.loads(kept.read_text()).items()}
