"""A plain MLLP client: one message at a time, each waiting for its acknowledgement."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from baton.trouble import Misuse, Trouble

START, END = b"\x0b", b"\x1c\r"
ANSWER_WITHIN = 30.0
MOST_OF_AN_ANSWER = 1024 * 1024
ACCEPTED = frozenset({"AA", "CA"})


async def send_over_mllp(url: str, messages: Sequence[bytes], refused: Callable[[str], None]) -> None:
    """Send them in order over one connection; an answer that is not an acceptance is told to `refused`."""
    host, port = _address(url)
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            reader, writer = await asyncio.open_connection(host, port, limit=MOST_OF_AN_ANSWER)
    except (OSError, TimeoutError):
        raise Trouble(f"Nobody answers at {url}.") from None
    accepted = 0
    try:
        for number, message in enumerate(messages, start=1):
            code = await _exchange(reader, writer, message, number)
            if code in ACCEPTED:
                accepted += 1
            else:
                refused(f"message {number} was answered with {code}.")
    finally:
        writer.close()
        print(f"{accepted} of {len(messages)} messages accepted.", file=sys.stderr)


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes, number: int
) -> str:
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            writer.write(START + message + END)
            await writer.drain()
            answer = await reader.readuntil(END)
    except TimeoutError:
        raise Trouble(
            f"message {number}: no acknowledgement within {ANSWER_WITHIN:.0f} s; the rest was not sent."
        ) from None
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise Trouble(
            f"message {number}: the connection ended without an acknowledgement; the rest was not sent."
        ) from None
    return acknowledgement(answer)


def acknowledgement(answer: bytes) -> str:
    """Give MSA-1 of an answer, such as AA, AE or AR."""
    separator = answer.partition(b"MSH")[2][:1] or b"|"
    for line in answer.replace(b"\n", b"\r").split(b"\r"):
        fields = line.lstrip(START).split(separator)
        if fields[0] == b"MSA" and len(fields) > 1:
            return fields[1].decode("ascii", "replace")[:10] or "an empty code"
    return "something that is no acknowledgement"


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        if parts.hostname and parts.port:
            return parts.hostname, parts.port
    except ValueError:
        pass
    raise Misuse(f"{url} is no address: mllp://HOST:PORT.")
