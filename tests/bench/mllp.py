"""`mllp`: messages a second to acknowledged over ten connections, each waiting for its answer; and p99 at 200 a second.

The baseline is the straightforward listener: one asyncio handler a connection, python-hl7 for the answer, one
`send_and_wait` a message. Both write to the same Apache Kafka, each is its own process.
"""

import asyncio
import json
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any

import hl7
from aiokafka import AIOKafkaProducer

from schemas.topics import ADT_INBOUND
from tests.bench import feed
from tests.bench.stand import Ground, Servers, processes, say

CONNECTIONS = 10
SECONDS = float(os.environ.get("BENCH_MLLP_SECONDS", "15"))
RATE = 200
SEED = 20260109
UNTIL = datetime(2026, 1, 9, 17, tzinfo=UTC)
PORT = 27_575
STARTED = '{"event": "started"}'


def messages(count: int) -> list[bytes]:
    return [message.data for message in feed.messages(count, seed=SEED, until=UNTIL)]


# --- senders ------------------------------------------------------------------------------------------------


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: bytes) -> float:
    """Send one and wait for its AA; gives the seconds it took."""
    began = time.perf_counter()
    writer.write(b"\x0b" + message + b"\x1c\r")
    answer = await reader.readuntil(b"\x1c\r")
    # The feed asks for commit acknowledgements (MSH-15); the straightforward listener knows AA only.
    if b"\rMSA|AA|" not in answer and b"\rMSA|CA|" not in answer:
        raise RuntimeError("a message was not accepted")
    return time.perf_counter() - began


async def _full(sample: list[bytes]) -> float:
    """As many as ten connections take, one after the other on each; messages a second."""
    until = time.perf_counter() + SECONDS

    async def send(own: list[bytes]) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        count = 0
        while time.perf_counter() < until:
            await _exchange(reader, writer, own[count % len(own)])
            count += 1
        writer.close()
        return count

    began = time.perf_counter()
    counts = await asyncio.gather(*(send(sample[number::CONNECTIONS]) for number in range(CONNECTIONS)))
    return sum(counts) / (time.perf_counter() - began)


async def _even(sample: list[bytes]) -> list[float]:
    """At 200 a second over ten connections; the seconds to each answer, sorted."""
    waited: list[float] = []

    async def send(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
        began = time.perf_counter() + number / RATE
        for turn in range(int(SECONDS * RATE / CONNECTIONS)):
            ahead = began + turn * CONNECTIONS / RATE - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
            waited.append(await _exchange(reader, writer, sample[(turn + number) % len(sample)]))
        writer.close()

    await asyncio.gather(*(send(number) for number in range(CONNECTIONS)))
    return sorted(waited)


# --- the straightforward listener ---------------------------------------------------------------------------


async def straightforward(bootstrap_servers: str, topic: str) -> None:
    """Serve until killed."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")
    await producer.start()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                payload = (await reader.readuntil(b"\x1c\r"))[1:-2]
                await producer.send_and_wait(topic, payload)
                answer = str(hl7.parse(payload.decode("utf-8", "replace")).create_ack("AA"))
                writer.write(b"\x0b" + answer.encode() + b"\x1c\r")
                await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", PORT, limit=1024 * 1024)
    print(STARTED, flush=True)
    await server.serve_forever()


# --- both ---------------------------------------------------------------------------------------------------


async def _measure(ground: Ground, module: list[str], sample: list[bytes]) -> tuple[float, list[float]]:
    os.environ["MLLP_BENCH_TOPIC"] = ground.prefix + ADT_INBOUND
    with processes(ground, {"mllp": module}):
        await asyncio.sleep(1)
        waited = await _even(sample)
        return await _full(sample), waited


async def _run() -> dict[str, Any]:
    sample = messages(5000)
    with Servers() as servers:
        await servers.warm()
        ours, waited = await _measure(await servers.ground("ours."), ["tests.bench.mllp", "ours"], sample)
        say(f"ours: {ours:.0f} messages a second")
        theirs, theirs_waited = await _measure(
            await servers.ground("theirs."), ["tests.bench.mllp", "theirs"], sample
        )
        say(f"the straightforward one: {theirs:.0f} messages a second")
    return {
        "bench": "mllp",
        "value": round(ours),
        "unit": "messages/s",
        "baseline": {"name": "one handler a connection, send_and_wait a message", "value": round(theirs)},
        "ratio": round(ours / theirs, 2),
        "p99_seconds": _quantile(waited, 0.99),
        "p50_seconds": _quantile(waited, 0.5),
        "baseline_p99_seconds": _quantile(theirs_waited, 0.99),
        "over": f"{CONNECTIONS} connections, {SECONDS:.0f} s each; latency at {RATE}/s",
    }


def _quantile(ordered: list[float], share: float) -> float:
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 4)


def run() -> dict[str, Any]:
    return asyncio.run(_run())


def _serve(which: str) -> None:
    """Run as the process that is measured."""
    if which == "ours":
        os.environ["BATON_MLLP_PORT"] = str(PORT)
        from baton.run import run as run_process

        run_process("mllp")
    else:
        servers = os.environ["KAFKA_BOOTSTRAP_SERVERS"]
        asyncio.run(straightforward(servers, os.environ["MLLP_BENCH_TOPIC"]))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _serve(sys.argv[1])
    else:
        print(json.dumps(run()))
