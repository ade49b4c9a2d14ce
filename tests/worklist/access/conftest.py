"""What the tests of signing in stand on."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.worklist.access.stand import Stand, standing


@pytest.fixture
async def stand(database: str, tmp_path: Path) -> AsyncIterator[Stand]:
    """The application on loopback, without TLS."""
    async with standing(database, tmp_path) as made:
        yield made
