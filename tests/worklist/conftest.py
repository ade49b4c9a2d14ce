"""What the tests of the worklist stand on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.worklist.builders import a_deadline, an_encounter, an_episode, at
from tests.worklist.stand import Worklist, worklist


@pytest.fixture
async def empty(database: str, tmp_path: Path) -> AsyncIterator[Worklist]:
    """A worklist that has heard nothing, 20 hours after the discharge."""
    async with worklist(database, tmp_path) as found:
        await found.at(at(20))
        yield found


@pytest.fixture
async def house(empty: Worklist) -> Worklist:
    """One patient at home, to whom a call is owed."""
    await empty.hear(an_encounter(), an_episode(), a_deadline())
    return empty
