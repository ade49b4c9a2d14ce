"""Settings: read from the environment, refused with one sentence each."""

from pathlib import Path

import pytest
from pydantic import Field
from pydantic_settings import BaseSettings

from services.chassis.settings import ServiceSettings, SettingsError, fail, load, variable

GOOD = {"DATABASE_URL": "postgresql://baton@db/baton", "KAFKA_BOOTSTRAP_SERVERS": "k1:9092,k2:9092"}


class OwnSettings(ServiceSettings):
    """A service's own settings, on top of everyone's."""

    settle_minutes: int = Field(default=30, ge=0, description="how long a correction may take, in minutes")
    feeds: list[str] = Field(default_factory=list, description="the feeds")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def problems(cls: type[BaseSettings] = ServiceSettings) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(cls)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value.problems


def test_two_variables_are_enough(environment: pytest.MonkeyPatch):
    """Where Postgres is and where Kafka is; the rest has defaults that fit."""
    settings = load(ServiceSettings)

    assert GOOD["DATABASE_URL"] == settings.database_url
    assert settings.batch_max_records == 5000
    assert settings.max_record_bytes == 1024 * 1024
    assert not settings.controlled_clock


def test_names_begin_with_baton(environment: pytest.MonkeyPatch):
    """Every other variable is BATON_ and the name of the setting."""
    environment.setenv("BATON_HTTP_PORT", "8080")
    environment.setenv("BATON_CONFIG_DIR", "/etc/baton")
    environment.setenv("BATON_SETTLE_MINUTES", "5")
    settings = load(OwnSettings)

    assert (8080, Path("/etc/baton"), 5) == (settings.http_port, settings.config_dir, settings.settle_minutes)
    assert variable(OwnSettings, "settle_minutes") == "BATON_SETTLE_MINUTES"
    assert variable(OwnSettings, "database_url") == "DATABASE_URL"


def test_what_is_missing_is_named_with_an_example():
    """Somebody who starts Baton with nothing learns both names and what to put there."""
    assert problems() == [
        "DATABASE_URL is not set: it says where Postgres is, for example postgresql://baton@localhost:5432/baton.",
        "KAFKA_BOOTSTRAP_SERVERS is not set: it says where Kafka is, for example localhost:9092.",
    ]


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("BATON_HTTP_PORT", "eighty", "should be a valid integer"),
        ("BATON_HTTP_PORT", "70000", "less than or equal to 65535"),
        ("BATON_LOG_LEVEL", "LOUD", "'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("BATON_PATIENCE", "-1", "greater than 0"),
        ("BATON_TOPIC_PREFIX", "a b", "should match pattern"),
        ("KAFKA_BOOTSTRAP_SERVERS", "kafka", "should be HOST:PORT"),
        ("DATABASE_URL", "mysql://root:hunter2@db/x", "should begin with postgresql://"),
        ("BATON_SETTLE_MINUTES", "x", "how long a correction may take"),
    ],
)
def test_a_bad_value_is_one_sentence_that_does_not_repeat_it(
    environment: pytest.MonkeyPatch, name: str, value: str, part: str
):
    """The sentence names the variable and what it is for; the value may be a secret."""
    environment.setenv(name, value)
    (problem,) = problems(OwnSettings)

    assert problem.startswith(f"{name} ")
    assert part in problem
    assert problem.endswith(".")
    assert value not in problem.removeprefix(name)
    assert "hunter2" not in problem


def test_unreadable_json_is_a_sentence_too(environment: pytest.MonkeyPatch):
    """A list that is no JSON is said to be none, without its text."""
    environment.setenv("BATON_FEEDS", "[north, hunter2")
    (problem,) = problems(OwnSettings)

    assert "BATON_FEEDS" in problem
    assert "hunter2" not in problem


def test_settings_do_not_show_the_database_url():
    """The URL may hold a password, and settings get printed."""
    assert "hunter2" not in repr(
        ServiceSettings(database_url="postgresql://u:hunter2@db/x", kafka_bootstrap_servers="k:1")
    )


def test_fail_says_it_and_exits_with_two(capsys: pytest.CaptureFixture[str]):
    """Wrong use ends with 2, the sentence on stderr and nothing on stdout."""
    with pytest.raises(SystemExit) as ended:
        fail("BATON_HTTP_PORT is taken.")

    assert ended.value.code == 2
    assert tuple(capsys.readouterr()) == ("", "BATON_HTTP_PORT is taken.\n")
