"""A record with data that nothing can be done with is found and refused, so that the rest of its batch goes on."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import asyncpg

from services.chassis.kafka import Handler, Record
from services.chassis.logs import error_name, get_logger
from services.chassis.postgres import is_transient

log = get_logger("poison")

LIMIT = 20
"""Records refused with none applied between: from here on the fault is rather ours, and the line waits for a person."""

Refuse: TypeAlias = Callable[[Record, str], Awaitable[None]]
"""Keeps a record as refused and marks it as applied, in one transaction; the text is the class of the error."""

# What Postgres cannot store and Python cannot reckon with. Nothing of it passes by itself.
_OF_THE_DATA = (
    asyncpg.DataError,
    asyncpg.ProgramLimitExceededError,
    ValueError,
    ArithmeticError,
    RecursionError,
)


class Sieve:
    """A handler around a handler: halves a batch that fails for its data until the record that does it stands alone."""

    def __init__(self, handler: Handler, refuse: Refuse) -> None:
        self._handler = handler
        self._refuse = refuse
        self._refused_in_a_row = 0

    async def __call__(self, records: list[Record]) -> None:
        try:
            await self._handler(records)
        except Exception as error:
            if not lies_in_the_data(error):
                raise
            if len(records) == 1:
                await self._pass_by(records[0], error)
                return
        else:
            self._refused_in_a_row = 0
            return
        # One after the other: the order within a partition holds.
        middle = len(records) // 2
        await self(records[:middle])
        await self(records[middle:])

    async def _pass_by(self, record: Record, error: Exception) -> None:
        if self._refused_in_a_row >= LIMIT:
            raise error
        await self._refuse(record, _name(error))
        self._refused_in_a_row += 1
        where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        log.error("a record cannot be applied and is refused", **where, exc_info=error)


def lies_in_the_data(error: BaseException) -> bool:
    """Whether the same record would fail so again, today and tomorrow, whatever is restarted."""
    if isinstance(error, BaseExceptionGroup):
        return all(lies_in_the_data(inner) for inner in error.exceptions)
    # A certificate that is not trusted is a ValueError too.
    return isinstance(error, _OF_THE_DATA) and not is_transient(error)


def _name(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error_name(error)
