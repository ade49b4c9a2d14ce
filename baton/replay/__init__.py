"""`baton replay`: a scenario through the same domain code as the running system, in virtual time and without any server."""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from baton.replay.config import Config, load
from baton.replay.engine import Engine
from baton.replay.outcome import outcome
from baton.replay.scenario import Line, ScenarioError, in_order, read

__all__ = ["Config", "Line", "ScenarioError", "in_order", "load", "read", "replay", "replay_under"]


STRETCH = 20_000
"""After how many lines a replay tells how far it is."""


def replay(
    lines: list[Line],
    until: datetime,
    config: Config,
    progress: Callable[[int, datetime], None] | None = None,
) -> dict[str, Any]:
    """Give the outcome of a scenario, read at `until`. `progress` is told how many lines are done, and up to when."""
    return replay_under(lines, until, [config], progress)[0]


def replay_under(
    lines: list[Line],
    until: datetime,
    configs: Sequence[Config],
    progress: Callable[[int, datetime], None] | None = None,
) -> list[dict[str, Any]]:
    """Give the outcome under each of these: the first one reads the messages, all of them plan."""
    with _uncollected():
        return _replayed(lines, until.astimezone(UTC), configs, progress)


def _replayed(
    lines: list[Line],
    until: datetime,
    configs: Sequence[Config],
    progress: Callable[[int, datetime], None] | None,
) -> list[dict[str, Any]]:
    engine = Engine(configs[0])
    engines = [engine, *(Engine(config, beside=engine) for config in configs[1:])]
    lines = sorted(lines, key=lambda line: line.at)
    done = 0
    while (following := _stretch(lines, done)) < len(lines) and lines[following].at <= until:
        at = lines[following - 1].at
        engine.run(lines[done:following], at)
        done = following
        if progress:
            progress(done, at)
    engine.run(lines[done:], until)
    outcomes = [outcome(each) for each in engines]
    engine.all.clear()  # engines that know each other are a circle, and large
    return outcomes


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
            # Whatever stays is old by now, and is not looked through at once.
            gc.freeze()
            gc.unfreeze()
            gc.enable()
