"""Where the running system is: the environment first, else the run.json of a `baton up`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from baton.home import Home
from baton.trouble import Misuse, Trouble
from services.chassis.settings import SECURITY

DEMO = "demo"
LOOPBACK = "127.0.0.1"
NOTHING_RUNS = "Nothing is running here: start `baton up`, or set DATABASE_URL and KAFKA_BOOTSTRAP_SERVERS."


# The embedded broker speaks in the open, whatever the environment says of another one.
_EMBEDDED = {
    "BATON_EMBEDDED": "true",
    "BATON_KAFKA_IDEMPOTENCE": "false",
    "BATON_MLLP_CONFIRM": "postgres",
    "BATON_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
    **{f"BATON_{field.upper()}": "" for field in SECURITY},
}


@dataclass(frozen=True, slots=True)
class Addresses:
    """What a command needs to reach a running system."""

    database_url: str
    kafka_bootstrap_servers: str
    topic_prefix: str = ""
    embedded: bool = False
    controlled_clock: bool = False
    services: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Give the variables by which a process of ours finds the same system."""
        said = {
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka_bootstrap_servers,
            "BATON_TOPIC_PREFIX": self.topic_prefix,
            "BATON_CONTROLLED_CLOCK": "true" if self.controlled_clock else "false",
        }
        return said | (_EMBEDDED if self.embedded else {})

    def topic(self, name: str) -> str:
        return self.topic_prefix + name


def from_environment() -> Addresses | None:
    """Return what the environment names, None where it does not name both servers."""
    database, kafka = os.environ.get("DATABASE_URL"), os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if not database or not kafka:
        return None
    return Addresses(
        database,
        kafka,
        os.environ.get("BATON_TOPIC_PREFIX", ""),
        controlled_clock=os.environ.get("BATON_CONTROLLED_CLOCK", "").lower() in {"1", "true", "yes", "on"},
    )


def find() -> Addresses:
    """Return where the running system is, or raise one sentence that says what to do."""
    named, run = from_environment(), find_running()
    if named and run and run.database_url == named.database_url:
        return run
    if found := named or run:
        return found
    raise Trouble(NOTHING_RUNS)


def find_database() -> str:
    """Return where the database is, for what needs nothing else."""
    return os.environ.get("DATABASE_URL") or find().database_url


def find_running() -> Addresses | None:
    """Return where the `baton up` of this home is, None where none runs."""
    home = Home.here()
    run = home.read()
    if run is None or not home.running():
        return None
    services = {name: str(said["http"]) for name, said in run.get("services", {}).items() if said.get("http")}
    return Addresses(
        run["database_url"],
        run["kafka_bootstrap_servers"],
        run.get("topic_prefix", ""),
        bool(run.get("embedded")),
        run.get("clock") is not None,
        services,
    )


def refuse_demo_settings(*, embedded: bool) -> None:
    """Deadlines of seconds are for the demo: never on servers that somebody may rely on."""
    if os.environ.get("BATON_PROTOCOL") == DEMO and not (embedded and _on_this_machine()):
        raise Misuse(
            "BATON_PROTOCOL=demo runs on the embedded servers only: `make demo`, or `baton up --embedded`."
        )


def _on_this_machine() -> bool:
    """Tell whether both servers are where embedded ones are, whatever else the environment says."""
    database = urlsplit(os.environ.get("DATABASE_URL", ""))
    kafka = os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "")
    return database.hostname == LOOPBACK and kafka.rpartition(":")[0] == LOOPBACK
