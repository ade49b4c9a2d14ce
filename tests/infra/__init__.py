"""Real Postgres and real Kafka for tests, benchmarks and trials by hand.

`python -m tests.infra` starts both and says where they are.
"""

from tests.infra.kafka import KafkaServer
from tests.infra.postgres import PostgresServer

__all__ = ["KafkaServer", "PostgresServer"]
