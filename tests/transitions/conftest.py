"""Transitions on a real Postgres: the service as it is built, without Kafka in front of it."""

from collections.abc import AsyncIterator

import pytest

from services.chassis.health import Progress
from services.chassis.kafka import Producer
from services.chassis.outbox import Relay
from services.chassis.postgres import close_pool, open_pool
from services.chassis.service import Service
from services.transitions.app import build
from services.transitions.settings import Settings


@pytest.fixture
async def service(database: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """Transitions with its pool open; its relay is never started, so nothing leaves it."""
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    settings = Settings()
    service = build(settings)
    service.pool = await open_pool(settings, schema="transitions")
    service.relay = Relay(service.pool, Producer(settings, "test"), service.outlets, progress=Progress())
    yield service
    await close_pool(service.pool)
