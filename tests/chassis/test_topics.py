"""Topics as Kafka is told of them."""

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from schemas.topics import ADT_ENCOUNTERS, ADT_REJECTED, TOPICS
from services.chassis.kafka import Admin, TopicSpec
from services.chassis.settings import ServiceSettings


@pytest.mark.kafka
async def test_a_topic_is_made_as_it_is_declared(settings: ServiceSettings):
    """Given the topics of schemas/topics.py, when they are made, then Kafka holds every setting declared for them."""
    specs = [TopicSpec(t.name, t.partitions, t.compacted, t.retention_ms, t.max_bytes) for t in TOPICS]
    async with Admin(settings) as admin:
        await admin.ensure(specs)
        client, _ = await admin._connected()
        resources = [ConfigResource(ConfigResourceType.TOPIC, settings.topic(t.name)) for t in TOPICS]
        answers = await client.describe_configs(resources)
    held = {
        name.removeprefix(settings.topic_prefix): {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for _, _, _, name, entries in answer.resources
    }

    for topic in TOPICS:
        declared = {name: str(value) for name, value in topic.config.items()}
        assert held[topic.name] | declared == held[topic.name]


def test_marks_are_compacted_before_they_fill_a_disk():
    """Of the compacted topic a segment is closed within the hour; a refused message of any size fits with its headers."""
    declared = {topic.name: topic.config for topic in TOPICS}

    assert declared[ADT_ENCOUNTERS]["segment.ms"] == 3_600_000
    assert declared[ADT_ENCOUNTERS]["max.compaction.lag.ms"] == 24 * 3_600_000
    assert declared[ADT_REJECTED]["max.message.bytes"] == 2 * 1024 * 1024
