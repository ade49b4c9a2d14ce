"""What the chassis' tests build on: settings for the servers at hand, topics, waiting for something to be true."""

import asyncio
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import structlog

from services.chassis import logs
from services.chassis.kafka import Outgoing, TopicSpec
from services.chassis.settings import ServiceSettings
from tests.infra import KafkaServer

WEEK_MS = 7 * 24 * 3600 * 1000
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def a_settings(**given: Any) -> ServiceSettings:
    defaults: dict[str, Any] = {
        "database_url": NOWHERE,
        "kafka_bootstrap_servers": "127.0.0.1:1",
        "retry_min": 0.05,
        "retry_max": 0.4,
    }
    return ServiceSettings(**(defaults | given))


def on_broker(broker: KafkaServer, prefix: str = "", **given: Any) -> ServiceSettings:
    return a_settings(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        kafka_idempotence=broker.is_apache,
        topic_prefix=prefix,
        **given,
    )


def a_topic(name: str, partitions: int = 3, **given: Any) -> TopicSpec:
    return TopicSpec(name, partitions, compacted=False, retention_ms=WEEK_MS, **given)


def an_item(text: str, **given: Any) -> Outgoing:
    return Outgoing(key=None, value=text.encode(), **given)


async def until(holds: Callable[[], Any], within: float = 30.0, pause: float = 0.02) -> Any:
    """Return what `holds` gives as soon as that is true; it may be a coroutine function."""
    give_up_at = time.monotonic() + within
    while True:
        found = holds()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        if time.monotonic() > give_up_at:
            raise AssertionError(f"not true within {within:g} s: {holds}")
        await asyncio.sleep(pause)


@pytest.fixture
def settings(kafka_broker: KafkaServer, topic_prefix: str) -> ServiceSettings:
    """The settings of a service on the shared broker, with topics and groups of its own."""
    return on_broker(kafka_broker, topic_prefix)


@pytest.fixture
def log_lines(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[], str]]:
    """Everything written to stderr so far, with the log set up as a service has it."""
    before = logging.getLogger().handlers[:], sys.excepthook
    logs.configure("test", a_settings())
    said: list[str] = []

    def so_far() -> str:
        said.append(capfd.readouterr().err)
        return "".join(said)

    yield so_far
    logging.getLogger().handlers[:], sys.excepthook = before
    structlog.reset_defaults()
    logs.safe_until_configured()
