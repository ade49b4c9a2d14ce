"""A broker that comes back empty is told everything again, by the processes themselves."""

import asyncio
import shutil
from collections.abc import Iterable

import pytest

from schemas import topics
from tests.infra import KafkaServer
from tests.infra.kafka.apache import ApacheKafka
from tests.system import deliveries, rows, stories
from tests.system.conftest import NewSystem
from tests.system.rows import Rows
from tests.system.stand import System, until

pytestmark = [pytest.mark.system, pytest.mark.kafka, pytest.mark.timeout(600)]

STATE = {
    topics.ADT_ENCOUNTERS: "SELECT visit_id || ':' || revision FROM admissions.visit",
    topics.CARE_TRANSITIONS: """
        SELECT episode_id || ':' || revision FROM transitions.episode
        UNION ALL SELECT deadline_id || ':' || revision FROM transitions.deadline""",
    topics.CARE_ALERTS: "SELECT alert_id || ':' || revision FROM notifications.alert WHERE revision > 0",
}


async def test_a_new_kafka_on_the_old_address_is_told_everything_and_work_goes_on(
    new_system: NewSystem, own_kafka: KafkaServer, undisturbed: Rows
) -> None:
    """Given a system at rest, and its Kafka replaced by an empty one to which the hospital sends on at once; then
    every visit, episode, deadline and alert stands on the new one as it is, the feed is applied from its first
    record, and in the end the rows are those of an undisturbed run.
    """
    story = stories.of_all_tests()
    first, second, third = stories.thirds(story)
    address = {"bootstrap_servers": own_kafka.bootstrap_servers}
    async with new_system(story.starts_at, **address, BATON_BATCH_MAX_RECORDS="20") as system:
        await system.start()
        await system.play(*first)
        await system.at_rest()

        await asyncio.to_thread(_forget_everything, own_kafka)
        # What was applied of the old one says nothing of the new one. This test counts by it, the processes do not.
        await system.execute("UPDATE baton.applied_mark SET applied_offset = NULL")
        before = await _clusters(system)
        await system.hang_up()
        await asyncio.to_thread(own_kafka.start)
        await system.create_topics()
        await system.play(*second)
        await until(lambda: _all_differ(system, before), "every service sees that this is another Kafka")
        await system.at_rest()
        missing = {topic: await _missing(system, topic, query) for topic, query in STATE.items()}

        await system.play(*third)
        await system.at_rest()
        after = await rows.rows(system)
        wrong = await deliveries.complaints(system, system.receiver.deliveries)

    assert missing == {name: set() for name in STATE}
    assert rows.different(undisturbed, after) == {}
    assert wrong == []


def _forget_everything(broker: KafkaServer) -> None:
    """Stop a broker, and make it a new one on the same address."""
    backend = broker._backend
    if not isinstance(backend, ApacheKafka):
        pytest.skip("a container's broker cannot be made new in its place")
    broker.stop(kill=True)
    shutil.rmtree(backend._folder / "data")
    # As deploy/README.md asks for. Otherwise the first question of any consumer creates topics of one partition.
    with backend._config.open("a") as config:
        config.write("auto.create.topics.enable=false\n")
    backend._format()


async def _clusters(system: System) -> set[str]:
    return {row["cluster_id"] for row in await system.fetch("SELECT cluster_id FROM baton.kafka_cluster")}


async def _all_differ(system: System, before: Iterable[str]) -> bool:
    return not await _clusters(system) & set(before)


async def _missing(system: System, topic: str, query: str) -> set[str]:
    """The states that Postgres holds and this Kafka does not."""
    held = {row[0] for row in await system.fetch(query)}
    held -= {dict(raw.headers)["ce_id"].decode() for raw in await system.carried(topic)}
    return held
