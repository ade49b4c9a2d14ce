"""Apache Kafka in a container, on a port of ours so that it comes back at the same address."""

import signal
import time

from testcontainers.core.container import DockerContainer

from tests.infra import machine
from tests.infra.kafka.apache import PROPERTIES, READY

IMAGE = "apache/kafka:4.1.1"


class KafkaContainer:
    def __init__(self) -> None:
        self._port = machine.free_port()
        self._container = DockerContainer(IMAGE).with_bind_ports(9092, self._port)
        self._created = False
        host = self._container.get_docker_client().host()
        self.bootstrap_servers = f"{host}:{self._port}"
        properties = PROPERTIES | {
            "listeners": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://localhost:9093",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap_servers}",
            "controller.quorum.voters": "1@localhost:9093",
        }
        for key, value in properties.items():
            self._container.with_env(f"KAFKA_{key.upper().replace('.', '_')}", value)

    def start(self) -> None:
        starts_before = self._starts()
        if self._created:
            self._container.get_wrapped_container().start()
        else:
            self._container.start()
            self._created = True
        give_up_at = time.monotonic() + 90
        while self._starts() == starts_before:
            if time.monotonic() > give_up_at:
                raise TimeoutError("Kafka's container was not ready in 90 s")
            time.sleep(0.1)

    def _starts(self) -> int:
        if not self._created:
            return 0
        out, err = self._container.get_logs()
        return int((out + err).count(READY.encode()))

    def signal(self, what: signal.Signals) -> None:
        container = self._container.get_wrapped_container()
        if what is signal.SIGSTOP:
            container.pause()
        elif what is signal.SIGCONT:
            container.unpause()
        else:
            container.kill(signal=what.name)

    def stop(self, *, kill: bool) -> None:
        container = self._container.get_wrapped_container()
        if kill:
            container.kill()
        else:
            container.stop(timeout=20)

    def close(self) -> None:
        self._container.stop()
