"""Fixtures every test may ask for: databases, brokers, a clean environment."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra import KafkaServer, PostgresServer
from tests.infra import kafka as kafka_kinds
from tests.infra import postgres as postgres_kinds

KAFKA_FIXTURES = {"kafka_broker", "own_kafka"}
POSTGRES_FIXTURES = {"postgres_server", "own_postgres"}
POSTGRES_KIND = pytest.StashKey[str]()
KAFKA_KIND = pytest.StashKey[tuple[kafka_kinds.Flavour, str]]()
NEEDS_APACHE = "needs Apache Kafka"
ROOT = Path(__file__).parent
LONG = (
    "system/test_outcome_equals_replay",
    "baton/test_demo.py",
    "baton/test_up",
    "system/test_servers_away",
    "worklist/test_browser",
    "system/",
    "baton/test_clock",
    "chassis/",
)
"""Whole files that take minutes, the longest first: begun last, one process would still be at it when the others are done."""


# --- what this machine can run ------------------------------------------------------------------------------


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Choose the broker once it is known that one is needed; leave out what it cannot do. The longest files go first."""
    items.sort(key=_begun)
    needing = [item for item in items if item.get_closest_marker("kafka") or _needs(item, KAFKA_FIXTURES)]
    if needing:
        config.stash[KAFKA_KIND] = kafka_kinds.default_flavour()
    if any(_needs(item, POSTGRES_FIXTURES) for item in items):
        config.stash[POSTGRES_KIND] = _postgres_kind()
    if needing and config.stash[KAFKA_KIND][0] == "embedded":
        for item in needing:
            if item.get_closest_marker("kafka"):
                item.add_marker(pytest.mark.skip(reason=f"{NEEDS_APACHE} ({config.stash[KAFKA_KIND][1]})"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Choose for all workers, before each does for itself: what has to be fetched is fetched once."""
    config.stash[KAFKA_KIND] = kafka_kinds.default_flavour()
    config.stash[POSTGRES_KIND] = _postgres_kind()
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is not None:
        for line in pytest_report_collectionfinish(config):
            reporter.write_line(line)


def _begun(item: pytest.Item) -> int:
    """Which of the long ones it belongs to; the others come after them."""
    path = str(item.path.relative_to(ROOT))
    return next((number for number, long in enumerate(LONG) if path.startswith(long)), len(LONG))


def _postgres_kind() -> str:
    given = "BATON_TEST_DATABASE_URL" in os.environ
    return "BATON_TEST_DATABASE_URL" if given else postgres_kinds.default_flavour()


def _needs(item: pytest.Item, fixtures: set[str]) -> bool:
    return not fixtures.isdisjoint(getattr(item, "fixturenames", ()))


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    lines = []
    if POSTGRES_KIND in config.stash:
        lines.append(f"postgres: {config.stash[POSTGRES_KIND]}")
    if KAFKA_KIND in config.stash:
        kind, why = config.stash[KAFKA_KIND]
        lines.append(f"kafka: {kind} ({why})")
        if kind == "embedded":
            lines += ["", *_warning(why), ""]
    return lines


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    kind, why = config.stash.get(KAFKA_KIND, ("apache", ""))
    if kind != "embedded":
        return
    skipped = terminalreporter.stats.get("skipped", ())
    left_out = sorted(report.nodeid for report in skipped if NEEDS_APACHE in str(report.longrepr))
    for line in (*_warning(why), f"!!! LEFT OUT ({len(left_out)}): {', '.join(left_out) or 'none'}"):
        terminalreporter.write_line(line, red=True, bold=True)


def _warning(why: str) -> list[str]:
    return [
        f"!!! TESTS RUN ON THE EMBEDDED BROKER, NOT ON APACHE KAFKA: {why}",
        f"!!! {kafka_kinds.EMBEDDED_LACKS}",
    ]


# --- the environment ----------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's shell reaches a test."""
    for name in list(os.environ):
        ours = name.startswith(("BATON_", "KAFKA_")) or name == "DATABASE_URL"
        if ours and not name.startswith(("BATON_TEST_", "BATON_CACHE")):
            monkeypatch.delenv(name)


# --- Postgres -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server all tests share; a test that stops one takes `own_postgres`."""
    given = "BATON_TEST_DATABASE_URL" in os.environ
    with PostgresServer(flavour="external" if given else None) as server:
        yield server


@pytest.fixture(scope="session")
def _template(postgres_server: PostgresServer) -> Iterator[str]:
    from services.chassis.migrations import migrate

    dsn = postgres_server.fresh_database()
    postgres_kinds.run_sync(migrate(dsn))
    yield postgres_kinds.database_of(dsn)
    postgres_server.drop_database(dsn)


@pytest.fixture
def database(postgres_server: PostgresServer, _template: str) -> Iterator[str]:
    """The DSN of a migrated database that this test has to itself."""
    dsn = postgres_server.fresh_database(template=_template)
    yield dsn
    postgres_server.drop_database(dsn)


@pytest.fixture
def empty_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The DSN of a database without any schema, for what migrates by itself."""
    dsn = postgres_server.fresh_database()
    yield dsn
    postgres_server.drop_database(dsn)


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A durable server that this test may stop, kill and start again; it holds nothing yet."""
    with PostgresServer(durable=True) as server:
        yield server


# --- Kafka --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def kafka_broker(request: pytest.FixtureRequest) -> Iterator[KafkaServer]:
    """The broker all tests share; who stops or pauses it brings it back. See `topic_prefix`."""
    with KafkaServer(flavour=request.config.stash[KAFKA_KIND][0]) as broker:
        yield broker


@pytest.fixture
def own_kafka(request: pytest.FixtureRequest) -> Iterator[KafkaServer]:
    """A broker that this test may stop, kill, freeze and start again."""
    with KafkaServer(flavour=request.config.stash[KAFKA_KIND][0]) as broker:
        yield broker


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for topics and groups, so that tests on one broker never read each other's records."""
    return f"t{secrets.token_hex(4)}."
