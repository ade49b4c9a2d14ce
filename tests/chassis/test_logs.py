"""Logs: one JSON object a line, and never a value that was being worked on."""

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from services.chassis import logs

SECRET = "SMITH^JOHN"

Lines = Callable[[], str]


def parsed(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def fail_deep() -> None:
    patient = SECRET
    try:
        raise ValueError(f"cannot read {patient}")
    except ValueError as error:
        raise KeyError(patient) from error


def test_a_line_is_json_with_the_service_and_an_instant(log_lines: Lines):
    """Each line can be read by a machine and says who wrote it, when and how bad it is."""
    logs.get_logger("thing").info("a batch came", count=3, at=datetime(2026, 1, 1, tzinfo=UTC))
    (line,) = parsed(log_lines())

    assert tuple(line[key] for key in ("service", "logger", "level", "event", "count")) == (
        "test",
        "thing",
        "info",
        "a batch came",
        3,
    )
    assert line["at"] == "2026-01-01T00:00:00+00:00"
    assert line["timestamp"].endswith("Z")


def test_an_exception_is_its_classes_and_innermost_frames(log_lines: Lines):
    """What went wrong and where can be seen; what was being read cannot."""
    try:
        fail_deep()
    except KeyError:
        logs.get_logger("thing").exception("reading failed")
    text = log_lines()
    (line,) = parsed(text)

    assert line["error"] == "KeyError < ValueError"
    assert line["at"][0].startswith("test_logs.py:")
    assert line["at"][0].endswith(":fail_deep")
    assert SECRET not in text


def test_a_group_names_what_is_in_it(log_lines: Lines):
    """A TaskGroup's error says which errors it holds."""
    error = ExceptionGroup(SECRET, [ValueError(SECRET), OSError(SECRET)])
    logs.get_logger("thing").error("loops ended", exc_info=error)
    text = log_lines()

    assert parsed(text)[0]["error"] == "ExceptionGroup(OSError, ValueError)"
    assert SECRET not in text


@pytest.mark.parametrize("template", ["%s", f"ValueError: {SECRET}"])
def test_libraries_cannot_tell_either(log_lines: Lines, template: str):
    """FastStream formats exception messages into its lines, aiokafka passes exceptions as arguments."""
    library = logging.getLogger("faststream")
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        library.exception(template, *([error] if "%s" in template else []))
        library.warning("retrying: %s", error)
    text = log_lines()
    first, second = parsed(text)

    assert (first["event"], first["error"]) == ("a library reported an error", "ValueError")
    assert second["event"] == "retrying: ValueError"
    assert SECRET not in text


def test_debug_lines_of_libraries_stay_away(log_lines: Lines):
    """Aiokafka's debug lines hold keys and values; they are off whatever the level."""
    logging.getLogger("aiokafka.producer").debug("Sending (key=%s value=%s)", SECRET, SECRET)
    logging.getLogger("aiokafka").info("Sending %s", SECRET)

    assert log_lines() == ""


def test_denied_keys_and_strange_values_are_withheld(log_lines: Lines):
    """What a record says is not logged by its name, and an object is not logged by its text."""

    class Patient:
        def __repr__(self) -> str:
            return SECRET

    logs.get_logger("thing").info(
        "odd",
        value=SECRET,
        Payload=SECRET.encode(),
        patient=Patient(),
        raw_bytes=SECRET.encode(),
        seen=[Patient()],
    )
    text = log_lines()
    (line,) = parsed(text)

    assert (line["value"], line["Payload"]) == ("[withheld]", "[withheld]")
    assert (line["patient"], line["raw_bytes"], line["seen"]) == ("[Patient]", "[bytes]", ["[Patient]"])
    assert SECRET not in text


async def test_the_event_loop_cannot_tell(log_lines: Lines):
    """Asyncio's own report of a lost exception shows the exception with its message."""
    logs.quiet_loop(asyncio.get_running_loop())

    async def doomed() -> None:
        raise ValueError(SECRET)

    task = asyncio.create_task(doomed())
    await asyncio.wait({task})
    del task
    text = log_lines()

    assert parsed(text)[0]["error"] == "ValueError"
    assert SECRET not in text


def test_the_last_words_of_a_process_are_a_log_line_too():
    """An error that nobody caught ends the process without Python's own traceback."""
    program = (
        "from services.chassis import logs, settings\n"
        "given = dict(database_url='postgresql://x/y', kafka_bootstrap_servers='k:1')\n"
        "logs.configure('test', settings.ServiceSettings(**given))\n"
        f"raise ValueError('{SECRET}')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    (line,) = parsed(ended.stderr)

    assert (ended.returncode, line["error"]) == (1, "ValueError")
    assert SECRET not in ended.stderr
