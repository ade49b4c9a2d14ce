"""What tests of the whole system stand on: a pager, and a system of their own on the shared servers."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.infra import KafkaServer
from tests.system.receiver import Receiver
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
    async def made(starts_at: datetime, **settings: Any) -> AsyncIterator[System]:
        said = {"database_url": database, "topics": System.topics} | settings
        topics = said.pop("topics")
        url = said.pop("database_url")
        system = System(
            url, kafka_broker.bootstrap_servers, topic_prefix, tmp_path / "stand", receiver, starts_at,
            settings=said, topics=topics,
        )  # fmt: skip
        await system.create_topics()
        async with system:
            yield system

    return made
