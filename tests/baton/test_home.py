"""The folder of a running system: one `baton up` at a time, addresses found only while it runs."""

from pathlib import Path

import pytest

from baton import addresses
from baton.home import Home
from baton.trouble import Misuse, Trouble

RUN = {
    "pid": 1, "database_url": "postgresql://x@127.0.0.1:5/baton", "kafka_bootstrap_servers": "127.0.0.1:6",
    "topic_prefix": "p.", "embedded": True, "clock": None,
    "services": {"admissions": {"http": "http://127.0.0.1:7", "pid": 2}},
}  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("BATON_HOME", str(tmp_path / "home"))
    home = Home.here()
    home.make()
    return home


def test_only_one_at_a_time(home: Home) -> None:
    """A second `baton up` in the same home is used wrongly, and says which process has it."""
    with home.lock():
        home.write(RUN)
        with pytest.raises(Misuse, match=r"A `baton up` \(process 1\) already runs in .*home"), home.lock():
            pass
    with home.lock():
        pass


def test_addresses_are_those_of_a_live_system(home: Home) -> None:
    """run.json counts only while its `baton up` holds the lock; a stale one is nothing."""
    with home.lock():
        home.write(RUN)
        found = addresses.find()
        assert found.database_url == RUN["database_url"]
        assert found.services == {"admissions": "http://127.0.0.1:7"}
        assert found.environment()["BATON_KAFKA_IDEMPOTENCE"] == "false"
        assert found.topic("adt.inbound") == "p.adt.inbound"
    with pytest.raises(Trouble, match="start `baton up`"):
        addresses.find()


def test_the_environment_comes_first(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named servers win over a `baton up` nearby; the database alone is enough for what needs no Kafka."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://else/where")
    assert addresses.find_database() == "postgresql://else/where"
    with home.lock():
        home.write(RUN)
        assert addresses.find().database_url == RUN["database_url"]
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "else:9092")
        found = addresses.find()
    assert (found.database_url, found.embedded, found.services) == ("postgresql://else/where", False, {})


def test_run_json_is_its_owners(home: Home) -> None:
    """It names the database's password: nobody else may read it; and no half of it is ever there."""
    home.write(RUN)
    assert home.run_file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in home.path.glob(".run-*")] == []
    home.run_file.write_text('{"pid": 1')
    assert home.read() is None


def test_a_home_that_cannot_be_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home below a file says so."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BATON_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(Trouble, match=r"cannot be written .*; set BATON_HOME"):
        Home.here().make()
