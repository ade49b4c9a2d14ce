"""`make demo`: ten days, then a story whose messages its inbox shows; it ends when told, and goes on when started again."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.baton.stack import Stack, gone, query, until
from tests.baton.test_up import folder, pytestmark

__all__ = ["folder", "pytestmark"]

STORY = [
    "FIRING readmission_detected",
    "FIRING handoff_ack_unit_missed",
    "FIRING call_72h_missed",
    "FIRING call_72h_missed",
    "FIRING call_72h_missed",
    "RETRACTED: no longer needed call_72h_missed",
    "RETRACTED: no longer needed call_72h_missed",
]

NEWER = """
INSERT INTO baton.migration (package, version, name, sha256) VALUES ('services.admissions', 9999, 'later', 'x')
"""


def alerts(stack: Stack) -> list[str]:
    """The alerts of the story, in their order; what is owed from the ten days before is left out."""
    told = re.findall(r"ALERT +DEMO \[P2\] ((?:FIRING|RETRACTED).*?) case", stack.said())
    return [each for each in told if "tcm_contact" not in each]


def received(stack: Stack) -> list[dict[str, str]]:
    return [json.loads(line) for line in (stack.home / "inbox.jsonl").read_text().split("\n") if line]


def test_the_demo_tells_its_story_is_killed_and_goes_on(folder: Path) -> None:
    """History is work and no page; the story's alerts come in order, over webhook and mail, and say DEMO.

    A second demo beside it is refused; killed with -9 it leaves no process, and started again it holds what it
    held, with the inbox at the same address; a terminate signal then ends all of it within 20 s.
    """
    with Stack(folder / "home", module="baton.demo").ready() as stack:
        stack.wait_for(r"hospital +loading: (\d+) of \1 messages")
        stack.wait_for(r"REFUSED +no_patient_identifier at PID-3")
        stack.wait_for(r"DEMO +the story is told")
        until(lambda: len(alerts(stack)) >= len(STORY))
        assert alerts(stack) == STORY
        until(lambda: sum(each["reason"] == "resolve" for each in received(stack)) >= 2)
        pages = received(stack)
        assert {each["by"] for each in pages} == {"webhook", "mail"}
        assert all((each.get("subject") or each["text"]).startswith("DEMO [P") for each in pages)
        owed = [each["text"] for each in pages if "overdue" in each["text"]]
        assert len({text.split(" case ")[1].split()[0] for text in owed}) == 4, "a page for an old miss"
        assert query(
            stack,
            "SELECT count(*) > 0 FROM transitions.deadline WHERE kind = 'tcm_contact' AND status = 'pending'",
        )
        assert "\x1b" not in stack.said()
        assert "Lindqvist" not in stack.said()
        assert re.search(r"summary +\d+ messages in, \d+ visits, \d+ open episodes, deadlines", stack.said())

        inbox = stack.wait_for(r"inbox: (http://127.0.0.1:\d+)")[1]
        page = httpx.get(inbox).text
        assert "<title>DEMO" in page
        assert httpx.post(f"{inbox}/webhook", content=b"{}").status_code == 401
        case = re.search(r'href="/c/(\w+)"', page)
        assert case is not None
        assert "What was owed" in httpx.get(f"{inbox}/c/{case[1]}").text

        second = subprocess.run(
            [sys.executable, "-m", "baton.demo"],
            capture_output=True,
            text=True,
            check=False,
            env=stack.environment,
        )
        assert second.returncode == 2
        assert "already runs in" in second.stderr
        before = stack.json("status", "--json")
        pids = list(stack.pids().values())
        stack.process.kill()
        stack.process.wait()
        assert gone(pids)
    with Stack(folder / "home", module="baton.demo").ready() as stack:
        assert stack.wait_for(r"inbox: (http://127.0.0.1:\d+)")[1] == inbox
        assert f'href="/c/{case[1]}"' in httpx.get(inbox).text
        stack.wait_for(r"DEMO +the story, round 1\b")
        after = stack.json("status", "--json")
        assert after["visits"]["discharged"] >= before["visits"]["discharged"]
        assert after["adt"]["received"] < before["adt"]["received"] + 100, "the ten days came a second time"
        pids = list(stack.pids().values())
        began = time.monotonic()
        stack.process.send_signal(signal.SIGTERM)
        assert stack.end(signal.SIGINT) == 0
        assert time.monotonic() - began < 20
        assert gone(pids, within=0)


def test_an_interrupt_while_the_days_arrive_ends_it(folder: Path) -> None:
    """Ctrl-C, and Ctrl-C again, in the middle of the loading: 0, and no process is left.

    Data that a later version has meanwhile brought up to its schema are refused in a sentence.
    """
    with Stack(folder / "home", module="baton.demo").ready() as stack:
        stack.wait_for(r"hospital +loading: ")
        pids = list(stack.pids().values())
        query(stack, NEWER)
        stack.process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert stack.end(signal.SIGINT) == 0
        assert gone(pids, within=0)
    with Stack(folder / "home", module="baton.demo") as stack:
        assert stack.process.wait(60) == 1
        assert "demo: The database is newer than this program" in stack.said()


def test_a_port_in_use_is_said(folder: Path) -> None:
    """Where ports were asked for, the inbox's must be free too: 2, and a sentence."""
    from baton.ports import PROCESSES

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        first = str(port - len(PROCESSES))
        with Stack(folder / "home", module="baton.demo", BATON_HTTP_PORT=first) as stack:
            assert stack.process.wait(30) == 2
    assert f"demo: Port {port} is in use: free it" in stack.said()


@pytest.mark.parametrize("process", ["admissions", "transitions", "deadlines", "notifications"])
@pytest.mark.parametrize("server", ["DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"])
def test_demo_deadlines_are_refused_elsewhere(
    process: str, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database or a broker of somebody else never gets deadlines of seconds, whatever the environment claims."""
    from baton.run import run
    from baton.trouble import Misuse

    given = {"DATABASE_URL": "postgresql://x@127.0.0.1:5/y", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:6"}
    other = {
        "DATABASE_URL": "postgresql://x@db.example.org/y",
        "KAFKA_BOOTSTRAP_SERVERS": "kafka.example.org:9092",
    }
    for name, value in (
        given | {server: other[server], "BATON_PROTOCOL": "demo", "BATON_EMBEDDED": "true"}
    ).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misuse, match="BATON_PROTOCOL=demo runs on the embedded servers only"):
        run(process)


@pytest.mark.skipif(
    os.geteuid() != 0 or sys.platform != "linux",
    reason="only root may mount a small file system of the test's own",
)
def test_a_full_disk_is_said_and_nothing_is_lost(folder: Path) -> None:
    """With no room left the demo says so and ends with 1; with room again it goes on with what it held."""
    small = folder / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200m,mode=711", "tmpfs", small], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let root mount a tmpfs")
    try:
        with Stack(small / "home", module="baton.demo") as stack:
            stack.wait_for(r"hospital +loading: 250")
            filler = small / "filler"
            with filler.open("wb", buffering=0) as file:
                try:
                    while True:
                        file.write(b"x" * 65536)
                except OSError:
                    pass
            assert stack.process.wait(100) == 1
            assert "is full: make room and start again" in stack.said()
        filler.unlink()
        with Stack(small / "home", module="baton.demo").ready() as stack:
            stack.wait_for(r"hospital +loading: (\d+) of \1 messages")
            stack.wait_for(r"the story, round 1")
            assert stack.json("status", "--json")["adt"]["received"] > 1000
            assert stack.end(signal.SIGTERM) == 0
    finally:
        subprocess.run(["umount", "-l", small], check=False)
        shutil.rmtree(small, ignore_errors=True)


def test_the_demo_explains_itself() -> None:
    """Its help says what it does and where it keeps things."""
    said = subprocess.run(
        [sys.executable, "-m", "baton.demo", "--help"], capture_output=True, text=True, check=True
    )
    assert ".baton/demo" in said.stdout
