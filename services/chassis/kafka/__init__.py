"""Kafka, all of it: read in batches that are applied or read again, send and know that it has arrived."""

from services.chassis.kafka.admin import (
    Admin,
    GroupBusyError,
    TopicSpec,
    cluster_id,
    end_offsets,
    ensure_topics,
    lag,
)
from services.chassis.kafka.consuming import Broker, UnsafeSubscriberError, new_broker, subscribe
from services.chassis.kafka.producing import (
    KafkaAwayError,
    Producer,
    RecordRefusedError,
    RecordTooLargeError,
    TopicMissingError,
)
from services.chassis.kafka.records import Outgoing, Record
from services.chassis.kafka.subscriber import Handler, Subscriber

__all__ = [
    "Admin",
    "Broker",
    "GroupBusyError",
    "Handler",
    "KafkaAwayError",
    "Outgoing",
    "Producer",
    "Record",
    "RecordRefusedError",
    "RecordTooLargeError",
    "Subscriber",
    "TopicMissingError",
    "TopicSpec",
    "UnsafeSubscriberError",
    "cluster_id",
    "end_offsets",
    "ensure_topics",
    "lag",
    "new_broker",
    "subscribe",
]
