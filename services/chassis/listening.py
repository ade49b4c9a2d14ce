"""Being woken by Postgres: LISTEN on a connection of its own, for as long as that lasts."""

import asyncio
import contextlib
from collections.abc import Callable

import asyncpg


async def listen(database_url: str, channel: str, woken: Callable[[str], object]) -> None:
    """Call `woken` with the payload of every notification; returns when the connection is lost.

    What was notified while nobody listened is not told: whoever relies on it looks now and then by itself.
    """

    def tell(_db: object, _pid: int, _channel: str, payload: object) -> None:
        woken(str(payload))

    connection = await asyncpg.connect(database_url, timeout=5)
    try:
        await connection.add_listener(channel, tell)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        await lost.wait()
    finally:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close(timeout=2)
