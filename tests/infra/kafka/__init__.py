"""A Kafka broker of our own: Apache Kafka where it can be had, else the embedded broker."""

import os
import signal
from types import TracebackType
from typing import Literal, Protocol, Self

from tests.infra import machine
from tests.infra.kafka.apache import ApacheKafka, classpath, why_not
from tests.infra.kafka.container import IMAGE, KafkaContainer
from tests.infra.kafka.embedded import EmbeddedBroker

Flavour = Literal["docker", "apache", "embedded"]

# What the embedded broker cannot do, and so what the marker `kafka` stands for.
EMBEDDED_LACKS = "the embedded broker forgets everything at a restart and has no idempotent producer"


class Backend(Protocol):
    bootstrap_servers: str

    def start(self) -> None: ...
    def signal(self, what: signal.Signals) -> None: ...
    def stop(self, *, kill: bool) -> None: ...
    def close(self) -> None: ...


class KafkaServer:
    """A broker for as long as the `with` lasts.

    After `stop()`, `start()` brings the same data back on the same port (Apache Kafka only; the embedded
    broker comes back empty). `pause()` freezes it so that it neither answers nor hangs up.
    `for_load=True` gives it the memory and the compiler that a benchmark deserves, at a slower start.
    """

    def __init__(self, *, flavour: Flavour | None = None, for_load: bool = False) -> None:
        self.flavour: Flavour = flavour or default_flavour()[0]
        self.for_load = for_load
        self._backend: Backend | None = None

    @property
    def is_apache(self) -> bool:
        return self.flavour != "embedded"

    @property
    def bootstrap_servers(self) -> str:
        return self._started().bootstrap_servers

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        if self._backend is None:
            self._backend = self._new_backend()
        self._backend.start()

    def _new_backend(self) -> Backend:
        if self.flavour == "docker":
            return KafkaContainer()
        if self.flavour == "apache":
            return ApacheKafka(for_load=self.for_load)
        return EmbeddedBroker()

    def stop(self, *, kill: bool = False) -> None:
        self._started().stop(kill=kill)

    def pause(self) -> None:
        self._started().signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._started().signal(signal.SIGCONT)

    def close(self) -> None:
        if self._backend is not None:
            self._backend.close()
            self._backend = None

    def _started(self) -> Backend:
        if self._backend is None:
            raise RuntimeError("this broker was never started")
        return self._backend


def default_flavour() -> tuple[Flavour, str]:
    """Return the best broker to be had here, and why no better one; resolves Apache Kafka's jars once.

    BATON_TEST_KAFKA=docker|apache|embedded insists on one.
    """
    match os.environ.get("BATON_TEST_KAFKA"):
        case "docker":
            return "docker", "asked for"
        case "apache":
            classpath()
            return "apache", "asked for"
        case "embedded":
            return "embedded", "asked for"
    if machine.docker_has(IMAGE):
        return "docker", "Docker answers"
    no_docker = f"Docker cannot get {IMAGE}" if machine.docker_answers() else "no Docker engine"
    missing = why_not()
    if missing is None:
        return "apache", f"{no_docker}, but Maven and Java"
    return "embedded", f"{no_docker}, and {missing}"
