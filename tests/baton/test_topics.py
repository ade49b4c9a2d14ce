"""`baton topics` on a real Kafka: made once, told as they are, and what falls short of the plan is named."""

from pathlib import Path

import pytest

from baton.topics import shortfalls, topics
from schemas.topics import TOPICS
from services.chassis.kafka import TopicSpec, ensure_topics
from services.chassis.settings import ServiceSettings
from tests.infra import KafkaServer

BY_NAME = {topic.name: topic for topic in TOPICS}


@pytest.fixture
def here(
    kafka_broker: KafkaServer, topic_prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ServiceSettings:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", kafka_broker.bootstrap_servers)
    monkeypatch.setenv("BATON_TOPIC_PREFIX", topic_prefix)
    return ServiceSettings()


@pytest.mark.kafka
async def test_they_are_made_once_and_are_as_planned(
    here: ServiceSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a Kafka without them, then --check names each and makes none; without it they are there, twice over."""
    missing = await topics(create=False)
    before = capsys.readouterr()
    made = [await topics(create=True) for _ in range(2)]
    after = capsys.readouterr()
    checked = await topics(create=False)

    assert (missing, made, checked) == (1, [0, 0], 0)
    assert before.err.count("does not exist") == len(TOPICS)
    assert after.out.count("as planned") == 2 * len(TOPICS)
    assert "30 d" in after.out
    assert "the latest of each key" in after.out
    assert after.err == ""


@pytest.mark.kafka
async def test_what_falls_short_is_named_and_left_alone(
    here: ServiceSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given a topic of one partition that keeps records for an hour; then both are named, and it stays as it is."""
    await ensure_topics(here, [TopicSpec("adt.inbound", 1, compacted=False, retention_ms=3_600_000)])
    codes = [await topics(create=True) for _ in range(2)]
    said = capsys.readouterr()

    assert codes == [1, 1]
    assert "adt.inbound: it has 1 partitions, planned are 6." in said.err
    assert "adt.inbound: retention.ms is 3600000, planned is 604800000." in said.err
    assert said.out.count("FALLS SHORT") == 2


@pytest.mark.parametrize(
    ("name", "partitions", "held", "expected"),
    [
        ("adt.inbound", 6, {"cleanup.policy": "delete", "retention.ms": "604800000"}, []),
        ("adt.inbound", 12, {"cleanup.policy": "delete", "retention.ms": "-1"}, []),
        (
            "adt.inbound",
            6,
            {"cleanup.policy": "compact", "retention.ms": "-1"},
            ["cleanup.policy is compact, planned is delete"],
        ),
        (
            "adt.rejected",
            1,
            {"max.message.bytes": "1048588"},
            ["max.message.bytes is 1048588, planned is 2097152"],
        ),
        (
            "adt.encounters",
            6,
            {"cleanup.policy": "compact", "segment.ms": "604800000"},
            ["segment.ms is 604800000, planned is 3600000"],
        ),
        ("care.alerts", 0, {}, ["it does not exist; `baton topics` creates it"]),
    ],
)
def test_more_than_planned_is_fine_and_less_is_not(
    name: str, partitions: int, held: dict[str, str], expected: list[str]
) -> None:
    """Given what Kafka has of a topic, then only what is less than the plan is named."""
    assert list(shortfalls(BY_NAME[name], partitions, held)) == expected
