"""The listener: takes connections, holds them to the limits, and ends by answering what it holds."""

import asyncio
import ipaddress
import itertools
import os
import secrets
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

from schemas.topics import ADT_INBOUND
from services.admissions.hl7.er7 import MAX_SIZE
from services.admissions.hl7.sender import sender
from services.admissions.mllp import metrics
from services.admissions.mllp.carrier import Carrier
from services.admissions.mllp.connection import CHUNK, Connection, Shared
from services.admissions.mllp.door import Door
from services.admissions.mllp.safe import Safe
from services.admissions.mllp.settings import Settings
from services.chassis import clock
from services.chassis.logs import error_name, get_logger
from services.chassis.settings import SettingsError

if TYPE_CHECKING:
    from services.admissions.domain.feed import FeedProfile
    from services.chassis.service import Service

log = get_logger("mllp")

BACKLOG = 512
HANDSHAKE_WITHIN = 10.0
END_WITHIN = 5.0
"""How long a shutdown waits for what is held, in seconds; the process itself may take ten."""


class Listener:
    """One port and its connections."""

    def __init__(self, settings: Settings) -> None:
        """Take the port, so that one that cannot be had fails at start; raises SettingsError."""
        self._settings = settings
        self._networks = settings.mllp_networks
        self._feeds = settings.feeds()
        self._door = Door(self._profile_of, settings.facilities().zone_of)
        self._port = _taken(settings)
        self._connections: set[Connection] = set()
        self._serving: set[asyncio.Task[None]] = set()
        self._ending = False
        self.listening = False

    @property
    def port(self) -> int:
        return int(self._port.getsockname()[1])

    async def run(self, service: "Service") -> None:
        """Listen until cancelled, then finish what is held."""
        safe = Safe(service, self._settings)
        await safe.begin()
        carrier = Carrier(safe.store, retry_min=self._settings.retry_min)
        self._shared = self._share(service, carrier, safe)
        service.registry.gauge(metrics.HELD).set_function(lambda: carrier.held)
        service.registry.gauge(metrics.CONNECTIONS).set_function(lambda: len(self._connections))
        service.add_check("mllp", self._check)
        carrying = asyncio.create_task(carrier.run())
        watching = asyncio.create_task(safe.watch())
        try:
            listening = await self._listen()
            try:
                done, _ = await asyncio.wait({carrying, watching}, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
            finally:
                await self._end(listening)
        finally:
            carrying.cancel()
            watching.cancel()
            await asyncio.gather(carrying, watching, return_exceptions=True)

    def _share(self, service: "Service", carrier: Carrier, safe: Safe) -> Shared:
        # Two processes, or one that began anew, never give the same id; 20 characters are the most there may be.
        prefix, numbers = secrets.token_hex(5).upper(), itertools.count(1)
        return Shared(
            settings=self._settings,
            door=self._door,
            carrier=carrier,
            registry=service.registry,
            limit=min(MAX_SIZE, self._settings.max_record_bytes),
            control_id=lambda: f"{prefix}{next(numbers) % 10**10:010d}",
            now=clock.wall,
            stamp=safe.stamp,
        )

    async def _listen(self) -> asyncio.Server:
        context = self._settings.mllp_ssl_context()
        server = await asyncio.start_server(
            self._connected,
            sock=self._port,
            backlog=BACKLOG,
            limit=2 * CHUNK,
            ssl=context,
            ssl_handshake_timeout=HANDSHAKE_WITHIN if context else None,
        )
        self.listening = True
        log.info(
            "listening", address=self._settings.mllp_host, port=self.port,
            tls="mutual" if self._settings.mllp_tls_client_ca_file else "yes" if context else "no",
            confirms=self._settings.mllp_confirm,
        )  # fmt: skip
        return server

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, or close it at once where it may not be."""
        peer = writer.get_extra_info("peername")
        address = str(peer[0]) if peer else ""
        if reason := self._unwelcome(address):
            self._shared.registry.counter(metrics.TURNED_AWAY).labels(reason).inc()
            log.warning("a connection was refused", reason=reason, peer=address)
            writer.transport.abort()
            return
        with suppress(OSError):
            _keep_alive(writer.get_extra_info("socket"))
        self._shared.registry.counter(metrics.OPENED).inc()
        connection = Connection(self._shared, reader, writer, os.urandom(8))
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(connection)
        self._serving.add(task)
        began = clock.monotonic()
        try:
            await connection.serve()
        except Exception as error:
            log.exception("a connection ended by an error", peer=address, reason=error_name(error))
        finally:
            self._connections.discard(connection)
            self._serving.discard(task)
            log.info(
                "a connection was closed", peer=address, why=connection.why, messages=connection.messages,
                bytes=connection.bytes, seconds=round(clock.monotonic() - began, 1),
            )  # fmt: skip

    def _unwelcome(self, address: str) -> str | None:
        if self._networks and not _within(address, self._networks):
            return "address"
        if self._ending or len(self._connections) >= self._settings.mllp_connections:
            return "too_many"
        return None

    def _profile_of(self, raw: bytes) -> "FeedProfile":
        return self._feeds.of(ADT_INBOUND, self._settings.mllp_feed, *sender(raw))

    async def _check(self) -> str | None:
        return None if self.listening else "The MLLP listener does not listen."

    async def _end(self, listening: asyncio.Server) -> None:
        """Take no more, read no more, answer what is held, close."""
        self.listening, self._ending = False, True
        listening.close()
        for connection in tuple(self._connections):
            connection.stop()
        serving = set(self._serving)
        if serving:
            _, late = await asyncio.wait(serving, timeout=END_WITHIN)
            for task in late:
                task.cancel()
            if late:
                log.warning("connections were closed with messages unanswered", connections=len(late))
                await asyncio.wait(late, timeout=1.0)


def _taken(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.mllp_host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((settings.mllp_host, settings.mllp_port))
    except OSError as error:
        taken.close()
        problem = (
            f"MLLP cannot be served on {settings.mllp_host}:{settings.mllp_port} ({error.strerror}): free that port, "
            "or set BATON_MLLP_PORT or BATON_MLLP_HOST to another; port 0 takes a free one."
        )
        raise SettingsError([problem]) from None
    taken.setblocking(False)
    return taken


def _within(address: str, allowed: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    try:
        peer = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    peer = getattr(peer, "ipv4_mapped", None) or peer
    return any(peer in network for network in allowed)


def _keep_alive(connection: socket.socket | None) -> None:
    """MLLP has no ping: the kernel finds out within some three minutes that a silent sender is gone."""
    if connection is None:
        return
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 90), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 5)):
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
