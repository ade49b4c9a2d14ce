"""Apache Kafka itself, without Docker: its jars by Maven, run in KRaft mode on Java 17 or newer."""

import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from tests.infra import machine
from tests.infra.processes import Child

POM = Path(__file__).with_name("pom.xml")

# One node that is broker and controller, quick to start, to settle and to stop.
PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # A broker that was killed must wait out its old session before it may register again.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.coordinator.rebalance.protocols": "classic,consumer",
    "num.partitions": "1",
    "offsets.topic.num.partitions": "3",
    "offsets.topic.replication.factor": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "transaction.state.log.num.partitions": "3",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "log.cleaner.dedupe.buffer.size": "8388608",
}
QUICK_START = ["-Xms96m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
FOR_LOAD = ["-Xms512m", "-Xmx1g", "-XX:+UseSerialGC"]
READY = "Kafka Server started"


USER, PASSWORD = "baton", "only-the-tests-know"
SASL = {
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
    "plain.sasl.jaas.config": "org.apache.kafka.common.security.plain.PlainLoginModule required "
    f'user_{USER}="{PASSWORD}";',
    "scram-sha-256.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    "scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
}


class ApacheKafka:
    """One broker. `secure=True` gives it two more doors: TLS with the client's certificate, and TLS with a password."""

    def __init__(self, *, for_load: bool, secure: bool = False, options: Sequence[str] | None = None) -> None:
        self._folder = machine.new_folder("kafka")
        self._options = options or (FOR_LOAD if for_load else [*QUICK_START, *with_classes_loaded()])
        self._log = self._folder / "kafka.log"
        self._child: Child | None = None
        port, controller = machine.free_port(), machine.free_port()
        self.bootstrap_servers = f"127.0.0.1:{port}"
        properties = PROPERTIES | {
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "log.dirs": str(self._folder / "data"),
        }
        self.with_certificate = self.with_password = ""
        self.ours = self.theirs = self._folder
        if secure:
            properties |= self._secured(properties)
        self._config = self._folder / "server.properties"
        self._config.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
        self._format()

    def _secured(self, properties: Mapping[str, str]) -> dict[str, str]:
        """Two more listeners, with a certificate of the broker's and one of the client's."""
        self.theirs, self.ours = certificate(self._folder, "broker"), certificate(self._folder, "client")
        certified, told = machine.free_port(), machine.free_port()
        self.with_certificate, self.with_password = f"127.0.0.1:{certified}", f"127.0.0.1:{told}"
        doors = f",SSL://{self.with_certificate},SASL_SSL://{self.with_password}"
        return {
            "listeners": properties["listeners"] + doors,
            "advertised.listeners": properties["advertised.listeners"] + doors,
            "listener.security.protocol.map": properties["listener.security.protocol.map"]
            + ",SSL:SSL,SASL_SSL:SASL_SSL",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.theirs),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.ours.with_suffix(".crt")),
            "listener.name.ssl.ssl.client.auth": "required",
            **{f"listener.name.sasl_ssl.{name}": value for name, value in SASL.items()},
        }

    def _format(self) -> None:
        cluster_id = urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode().replace("-", "a")
        users = [f"{kind}=[name={USER},password={PASSWORD}]" for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512")]
        scram = [word for user in users for word in ("--add-scram", user)] if self.with_password else []
        formatted = self._java(
            "kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self._config), *scram
        )
        if formatted.process.wait(60) != 0:
            raise RuntimeError(f"formatting Kafka's folder failed:\n{formatted.said()[-4000:]}")

    def _java(self, *arguments: str) -> Child:
        command = [machine.java() or "java", *self._options, "-Dorg.slf4j.simpleLogger.defaultLogLevel=info"]
        return Child([*command, "-cp", classpath(), *arguments], log=self._log, cwd=self._folder)

    def start(self) -> None:
        self._child = self._java("kafka.Kafka", str(self._config))
        self._child.wait_until(lambda: READY in self._said(), within=90)

    def _said(self) -> str:
        return self._child.said() if self._child else ""

    def signal(self, what: signal.Signals) -> None:
        if self._child is not None:
            self._child.send(what)

    def stop(self, *, kill: bool) -> None:
        if self._child is not None:
            self._child.end(signal.SIGKILL if kill else signal.SIGTERM)

    def close(self) -> None:
        self.stop(kill=True)
        shutil.rmtree(self._folder, ignore_errors=True)


def certificate(folder: Path, name: str) -> Path:
    """Make a key and a certificate signed by itself: NAME.crt, NAME.key, and both in the file that is returned."""
    key, signed, both = (folder / f"{name}.{end}" for end in ("key", "crt", "pem"))
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "2"),
            *("-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(signed)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    both.write_text(key.read_text() + signed.read_text())
    return both


@cache
def why_not() -> str | None:
    """Say why Apache Kafka cannot run here, or nothing when it can."""
    if machine.java() is None:
        return "no Java 17 or newer"
    try:
        classpath()
    except FileNotFoundError:
        return "no mvn"
    except subprocess.CalledProcessError as failed:
        return (
            f"Maven could not resolve Apache Kafka: {failed.stdout.decode(errors='replace').strip()[-300:]}"
        )
    except subprocess.TimeoutExpired:
        return "Maven did not resolve Apache Kafka in time"
    return None


@cache
def classpath() -> str:
    """Return the class path of Apache Kafka, asking Maven only the first time on a machine."""
    kept = machine.cache_dir() / f"kafka-classpath-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _all_there(kept):
            half = kept.with_suffix(f".{os.getpid()}")
            subprocess.run(
                [
                    "mvn",
                    "-B",
                    "-q",
                    "-f",
                    str(POM),
                    "dependency:build-classpath",
                    f"-Dmdep.outputFile={half}",
                ],
                check=True,
                timeout=900,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                # Java would ask the system for the home folder, whatever HOME says.
                env=os.environ
                | {"MAVEN_OPTS": f"{os.environ.get('MAVEN_OPTS', '')} -Duser.home={Path.home()}"},
            )
            half.rename(kept)
    return kept.read_text().strip()


@cache
def with_classes_loaded() -> tuple[str, ...]:
    """Return the option by which Java starts with Kafka's classes as an earlier run kept them: half the time to start.

    The first time on a machine a broker is run for it. Java leaves aside what another version of it kept.
    """
    known = hashlib.sha256(f"{machine.java()} {classpath()}".encode()).hexdigest()[:12]
    kept = machine.cache_dir() / f"kafka-classes-{known}.jsa"
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            half = kept.with_suffix(f".{os.getpid()}")
            broker = ApacheKafka(for_load=False, options=[*QUICK_START, f"-XX:ArchiveClassesAtExit={half}"])
            try:
                broker.start()
                broker.stop(kill=False)
            finally:
                broker.close()
            if not half.exists():
                return ()
            half.rename(kept)
    return (f"-XX:SharedArchiveFile={kept}",)


def _all_there(kept: Path) -> bool:
    return kept.exists() and all(Path(jar).exists() for jar in kept.read_text().strip().split(":"))
