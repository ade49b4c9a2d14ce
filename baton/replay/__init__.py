"""`baton replay`: a scenario through the same domain code as the running system, in virtual time and without any server."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from baton.replay.config import Config, load
from baton.replay.engine import Engine
from baton.replay.outcome import outcome
from baton.replay.scenario import Line, ScenarioError, in_order, read

__all__ = ["Config", "Line", "ScenarioError", "in_order", "load", "read", "replay"]


def replay(lines: list[Line], until: datetime, config: Config) -> dict[str, Any]:
    """Give the outcome of a scenario, read at `until`."""
    engine = Engine(config)
    with _uncollected():
        engine.run(sorted(lines, key=lambda line: line.at), until.astimezone(UTC))
    return outcome(engine)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Rows only grow and hold no circles: looking for garbage among them takes a fifth of the time and finds none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
