"""`make demo`: the story is played without a terminal, ends when told, and can be started again."""

import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.baton.stack import Stack, gone
from tests.baton.test_up import folder, pytestmark

__all__ = ["folder", "pytestmark"]


def test_the_demo_plays_ends_and_plays_again(folder: Path) -> None:
    """Alerts come as readable lines that say DEMO; a terminate signal ends all of it; a second start keeps the data."""
    with Stack(folder / "home", module="baton.demo").ready() as stack:
        stack.wait_for(r"hospital +A patient goes home")
        stack.wait_for(r"REFUSED +no_patient_identifier at PID-3")
        stack.wait_for(r"ALERT +DEMO \[P3\] FIRING late_known")
        case = stack.wait_for(r"ALERT +DEMO \[P2\] FIRING handoff_ack_unit_missed case (\w+)")[1]
        assert f"Case {case}: unit handoff" in stack.baton("why", case).stdout
        assert "\x1b" not in stack.said()
        assert "Lindqvist" not in stack.said()
        pids = list(stack.pids().values())
        began = time.monotonic()
        assert stack.end(signal.SIGTERM) == 0
        assert time.monotonic() - began < 20
        assert gone(pids, within=0)
    with Stack(folder / "home", module="baton.demo").ready() as stack:
        stack.wait_for(r"hospital +A patient moves")
        assert stack.json("status", "--json")["visits"]["admitted"] >= 2
        assert f"Case {case}: unit handoff" in stack.baton("why", case).stdout


def test_the_demo_explains_itself() -> None:
    """Its help says what it does and where it keeps things."""
    said = subprocess.run(
        [sys.executable, "-m", "baton.demo", "--help"], capture_output=True, text=True, check=True
    )
    assert ".baton/demo" in said.stdout
