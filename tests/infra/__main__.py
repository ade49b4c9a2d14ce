"""Start a Postgres and a Kafka, say where they are, and keep them until Ctrl-C."""

import argparse
import signal

from tests.infra import KafkaServer, PostgresServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.infra", description=__doc__)
    parser.add_argument("--durable", action="store_true", help="keep fsync and synchronous_commit on")
    parser.add_argument(
        "--for-load", action="store_true", help="give Kafka more memory and its full compiler"
    )
    parser.add_argument(
        "--kafka", choices=["docker", "apache", "embedded"], help="insist on one kind of broker"
    )
    options = parser.parse_args()

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with (
            PostgresServer(durable=options.durable) as postgres,
            KafkaServer(flavour=options.kafka, for_load=options.for_load) as kafka,
        ):
            print(f"export DATABASE_URL={postgres.fresh_database()}")
            print(f"export KAFKA_BOOTSTRAP_SERVERS={kafka.bootstrap_servers}")
            print(f"# postgres: {postgres.flavour}, kafka: {kafka.flavour}; until Ctrl-C", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
