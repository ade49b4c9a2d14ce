"""`baton simulate`: the feed to a file or stdout, and the truth to a file beside it."""

import json
import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from baton.simulate import Hospital, Sent, Simulation
from baton.trouble import Misuse, Trouble
from schemas.base import iso


@dataclass(frozen=True, slots=True)
class Order:
    """What to write where; no output means stdout. With `scenario`, the lines of `baton replay`."""

    start: datetime
    until: datetime
    output: Path | None = None
    truth: Path | None = None
    scenario: bool = False


def run(hospital: Hospital, order: Order) -> int:
    """Write everything."""
    _refuse_what_cannot_be(order)
    simulation = Simulation(hospital, order.start, order.until)
    try:
        with ExitStack() as files:
            output = sys.stdout.buffer if order.output is None else files.enter_context(_open(order.output))
            truth = None if order.truth is None else files.enter_context(_open(order.truth))
            for sent in simulation:
                output.write(_line(sent) if order.scenario else sent.data + b"\n")
                if truth is not None:
                    truth.write(_json(message(sent)))
            if truth is not None:
                truth.writelines(_json({"kind": "visit", **visit}) for visit in simulation.truth())
            output.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Trouble(f"The feed cannot be written: {os.strerror(error.errno or 0)}.") from None
    return 0


def message(sent: Sent) -> dict[str, Any]:
    """What the truth says of one arrival."""
    return {
        "kind": "message",
        "id": sent.id,
        "number": sent.number,
        "trigger": sent.trigger,
        "visit": sent.visit,
        "written_at": iso(sent.written_at),
        "arrived_at": iso(sent.at),
        "done": list(sent.done),
    }


def _refuse_what_cannot_be(order: Order) -> None:
    if order.until <= order.start:
        raise Misuse("--until is not after --from; name a later time.")
    if (
        order.truth is not None
        and order.output is not None
        and order.truth.absolute() == order.output.absolute()
    ):
        raise Misuse("--truth and --output name the same file; name two.")


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        raise Misuse(f"{path} cannot be written: {os.strerror(error.errno or 0)}.") from None


def _line(sent: Sent) -> bytes:
    return _json({"at": iso(sent.at), "adt": sent.data.decode()})


def _json(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
