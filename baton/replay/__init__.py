"""`baton replay`: a scenario through the same domain code as the running system, in virtual time and without any server."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from baton.replay.config import Config, load
from baton.replay.engine import Engine
from baton.replay.outcome import outcome
from baton.replay.scenario import Line, ScenarioError, in_order, read

__all__ = ["Config", "Line", "ScenarioError", "in_order", "load", "read", "replay"]


STRETCH = 20_000
"""After how many lines a replay tells how far it is."""


def replay(
    lines: list[Line],
    until: datetime,
    config: Config,
    progress: Callable[[int, datetime], None] | None = None,
) -> dict[str, Any]:
    """Give the outcome of a scenario, read at `until`. `progress` is told how many lines are done, and up to when."""
    with _uncollected():
        return _replayed(lines, until.astimezone(UTC), config, progress)


def _replayed(
    lines: list[Line], until: datetime, config: Config, progress: Callable[[int, datetime], None] | None
) -> dict[str, Any]:
    engine = Engine(config)
    lines = sorted(lines, key=lambda line: line.at)
    done = 0
    while (following := _stretch(lines, done)) < len(lines) and lines[following].at <= until:
        at = lines[following - 1].at
        engine.run(lines[done:following], at)
        done = following
        if progress:
            progress(done, at)
    engine.run(lines[done:], until)
    return outcome(engine)


def _stretch(lines: list[Line], start: int) -> int:
    """Where the next stretch ends: never between lines of one instant, which happen together."""
    end = start + STRETCH
    while end < len(lines) and lines[end].at == lines[end - 1].at:
        end += 1
    return end


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
