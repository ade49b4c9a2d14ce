"""One record whose data cannot be applied is refused alone; an outage refuses nothing; nor does a fault of ours."""

import ssl

import asyncpg
import pytest

from services.chassis.kafka import Record
from services.chassis.poison import LIMIT, Sieve
from tests.messages import record

GOOD, BAD = b"good", b"bad"


class Applied:
    """A handler that fails for a batch with a bad record, and what became of the records."""

    def __init__(self, error: Exception) -> None:
        self.applied: list[int] = []
        self.refused: list[tuple[int, str]] = []
        self._error = error
        self.sieve = Sieve(self.handle, self.refuse)

    async def handle(self, records: list[Record]) -> None:
        if any(each.value == BAD for each in records):
            raise self._error
        self.applied += [each.offset for each in records]

    async def refuse(self, bad: Record, why: str) -> None:
        self.refused.append((bad.offset, why))


def batch(*values: bytes) -> list[Record]:
    return [record(value, offset=offset) for offset, value in enumerate(values)]


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (asyncpg.CharacterNotInRepertoireError(), "asyncpg.exceptions.CharacterNotInRepertoireError"),
        (asyncpg.ProgramLimitExceededError(), "asyncpg.exceptions.ProgramLimitExceededError"),
        (OverflowError(), "OverflowError"),
        (ExceptionGroup("lanes", [ValueError()]), "ValueError"),
    ],
)
async def test_only_the_bad_record_is_refused(error: Exception, name: str) -> None:
    """Given two bad records among good ones; then those two are refused, and the rest is applied in order."""
    seen = Applied(error)
    await seen.sieve(batch(GOOD, GOOD, BAD, GOOD, GOOD, GOOD, BAD))

    assert seen.applied == [0, 1, 3, 4, 5]
    assert seen.refused == [(2, name), (6, name)]


@pytest.mark.parametrize(
    "error",
    [
        OSError(),
        ssl.SSLCertVerificationError(),
        asyncpg.DeadlockDetectedError(),
        asyncpg.InsufficientPrivilegeError(),
        asyncpg.UndefinedTableError(),
        asyncpg.InterfaceError("the connection is closed"),
        KeyError(),
        ExceptionGroup("lanes", [ValueError(), OSError()]),
    ],
)
async def test_what_is_not_the_record_s_fault_refuses_nothing(error: Exception) -> None:
    """Given an outage, a missing right or a fault of ours; then the batch fails as a whole and comes again."""
    seen = Applied(error)
    with pytest.raises(type(error)):
        await seen.sieve(batch(GOOD, BAD))

    assert (seen.applied, seen.refused) == ([], [])


async def test_a_fault_of_ours_does_not_empty_the_feed_into_the_rejections() -> None:
    """Given nothing but failures, in one batch or in many; then after LIMIT of them the line stops."""
    seen = Applied(ValueError())
    for _ in range(LIMIT // 2):
        await seen.sieve(batch(BAD, BAD))
    with pytest.raises(ValueError):
        await seen.sieve(batch(BAD))
    with pytest.raises(ValueError):
        await seen.sieve(batch(*[BAD] * 50))

    assert len(seen.refused) == LIMIT


async def test_a_record_that_can_be_applied_starts_the_count_anew() -> None:
    """Given many bad records with a good one now and then; then each bad one is refused."""
    seen = Applied(ValueError())
    for _ in range(3 * LIMIT):
        await seen.sieve(batch(BAD, GOOD))

    assert len(seen.refused) == 3 * LIMIT
