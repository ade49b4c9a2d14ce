"""Senders that keep sending, over several connections, and remember what was acknowledged to them."""

import asyncio
from contextlib import suppress

from tests.admissions.mllp.conftest import frame
from tests.messages import adt

TEMPLATE = adt("A08", control="CONTROL", at="202601050830")


def message(control: str) -> bytes:
    return TEMPLATE.replace(b"CONTROL", control.encode())


def control_of(record: bytes) -> str:
    return record.split(b"|", 10)[9].decode()


class Load:
    """Each of `count` senders sends one message after the other, again until it is accepted, as an engine does."""

    def __init__(self, port: int, count: int = 5) -> None:
        self.port = port
        self.accepted: set[str] = set()
        self.refused: list[str] = []
        self.twice: list[str] = []
        self._stopping = False
        self._lines: dict[int, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        self._senders = [asyncio.create_task(self._send(number)) for number in range(count)]

    async def end(self) -> None:
        """Let each sender finish the message in hand."""
        self._stopping = True
        await asyncio.gather(*self._senders)
        for _, writer in self._lines.values():
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def until(self, count: int) -> None:
        """Return when so many messages were accepted since now."""
        wanted = len(self.accepted) + count
        while len(self.accepted) < wanted:
            await asyncio.sleep(0.01)

    async def _send(self, number: int) -> None:
        turn = 0
        while not self._stopping:
            turn += 1
            control = f"S{number}M{turn}"
            while not await self._try(number, control):
                await asyncio.sleep(0.05)

    async def _try(self, number: int, control: str) -> bool:
        writer = None
        try:
            if number not in self._lines:
                self._lines[number] = await asyncio.open_connection("127.0.0.1", self.port)
            reader, writer = self._lines[number]
            writer.write(frame(message(control)))
            answer = await reader.readuntil(b"\x1c\r")
        except (OSError, asyncio.IncompleteReadError):
            if writer is not None:
                writer.close()
                with suppress(OSError):
                    await writer.wait_closed()
            self._lines.pop(number, None)
            return False
        code, answered = answer.split(b"\r")[1].decode().split("|")[1:3]
        if answered != control:
            self.twice.append(answered)
        if code != "AA":
            self.refused.append(code)
            return False
        self.accepted.add(control)
        return True
