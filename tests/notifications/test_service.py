"""The whole service, on a real broker and a real Postgres: an event in, a page and an alert event out."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from schemas import topics
from schemas.alerts import AlertEvent
from services.chassis import service as process
from services.chassis.kafka import Admin, Outgoing, Producer, Record, TopicSpec, new_broker, subscribe
from services.chassis.service import Service
from services.chassis.web import listen
from services.notifications.app import build
from services.notifications.settings import Settings
from tests.infra import KafkaServer
from tests.notifications.builders import a_deadline
from tests.notifications.conftest import SECRET, Receiver, a_record

pytestmark = pytest.mark.postgres


async def until(holds: Callable[[], Awaitable[bool] | bool], within: float = 60.0) -> None:
    give_up_at = time.monotonic() + within
    while True:
        found = holds()
        if found if isinstance(found, bool) else await found:
            return
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.05)


async def test_a_missed_call_pages_somebody_until_it_is_made(
    kafka_broker: KafkaServer,
    topic_prefix: str,
    database: str,
    receiver: Receiver,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Missed: paged and published. Called after all: resolved, for both."""
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    pager = {"webhook": receiver.url, "secret_env": "HOOK_SECRET"}
    contacts = {"app_url": "https://x.org", "channels": {"pager": pager}, "teams": {"default": ["pager"]}}
    (tmp_path / "contacts.yaml").write_text(json.dumps(contacts))
    settings = Settings(
        database_url=database,
        kafka_bootstrap_servers=kafka_broker.bootstrap_servers,
        kafka_idempotence=kafka_broker.is_apache,
        topic_prefix=topic_prefix,
        config_dir=tmp_path,
    )
    admin, producer = Admin(settings, "test"), Producer(settings, "test")
    names = (topics.CARE_TRANSITIONS, topics.CARE_ALERTS)
    await admin.ensure([TopicSpec(name, 2, compacted=False, retention_ms=3_600_000) for name in names])
    service = build(settings)
    port = listen(settings)
    monkeypatch.setattr(process, "listen", lambda _: port)
    running = asyncio.create_task(process._live(service))
    heard: list[AlertEvent] = []

    async def hear(records: list[Record]) -> None:
        heard.extend(AlertEvent.model_validate_json(record.value or b"") for record in records)

    broker = new_broker(settings, "test")
    subscribe(
        broker,
        settings,
        [topics.CARE_ALERTS],
        "test",
        hear,
        progress=service.progress,
        registry=service.registry,
    )
    await broker.start()
    try:
        for revision, status in enumerate(("pending", "missed", "met_late"), 1):
            event = a_record(a_deadline(status, revision=revision))
            outgoing = Outgoing(event.key, event.value, list(event.headers))
            await producer.send_many(topics.CARE_TRANSITIONS, [outgoing])
            if status == "missed":
                await until(lambda: len(receiver.requests) == 1)
        await until(lambda: len(receiver.requests) == 2)
        await until(lambda: [event.status for event in heard] == ["firing", "resolved"])
        await until(lambda: ready(service))
    finally:
        await broker.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await producer.stop()
        await admin.stop()
        port.close()

    assert receiver.reasons == ["trigger", "resolve"]
    assert [event.revision for event in heard] == [1, 2]


async def ready(service: Service) -> bool:
    return not any((await service.readiness.answers()).values())
