"""Health: alive is progress, ready is reach; and the page that shows both to machines."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from services.chassis import metrics
from services.chassis.clock import monotonic
from services.chassis.logs import error_name

Check = Callable[[], Awaitable[str | None]]

LIMIT = 120.0
CHECK_TIMEOUT = 5.0


class Progress:
    """Who in this process moves on: loops and subscribers report here, and are missed when they do not."""

    def __init__(self) -> None:
        self._limits: dict[str, float] = {}
        self._beats: dict[str, float] = {}
        self._waiting: dict[str, int] = {}

    def register(self, name: str, limit: float = LIMIT) -> None:
        """Expect a beat of `name` at least every `limit` seconds from now on."""
        self._limits[name] = limit
        self.beat(name)

    def forget(self, name: str) -> None:
        for table in (self._limits, self._beats, self._waiting):
            table.pop(name, None)

    def beat(self, name: str) -> None:
        self._beats[name] = monotonic()

    @contextmanager
    def waiting(self, name: str) -> Iterator[None]:
        """While inside, `name` waits for something that is away, with back-off: that is progress too."""
        self._waiting[name] = self._waiting.get(name, 0) + 1
        try:
            yield
        finally:
            self._waiting[name] = self._waiting.get(name, 1) - 1
            self.beat(name)

    def names(self) -> list[str]:
        return sorted(self._limits)

    def stalled(self) -> list[str]:
        """Who made no progress within its limit."""
        now = monotonic()
        return [
            name
            for name, limit in sorted(self._limits.items())
            if not self._waiting.get(name) and now - self._beats[name] > limit
        ]


class Readiness:
    """Named questions, each answered with nothing when all is well, or with a sentence that says what is not."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._notes: dict[str, Check] = {}

    def add_check(self, name: str, check: Check) -> None:
        self._checks[name] = check

    def add_note(self, name: str, check: Check) -> None:
        """Ask one more question whose answer an operator should read, and which keeps no work from being done."""
        self._notes[name] = check

    async def answers(self) -> dict[str, str | None]:
        """Ask everything at once; a question that fails or takes long is answered by that."""
        return await self._ask_all(self._checks)

    async def notes(self) -> dict[str, str | None]:
        """Ask what does not decide."""
        return await self._ask_all(self._notes)

    async def _ask_all(self, asked: dict[str, Check]) -> dict[str, str | None]:
        checks = dict(asked)
        return dict(zip(checks, await asyncio.gather(*map(self._ask, checks.values())), strict=True))

    async def _ask(self, check: Check) -> str | None:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT):
                return await check()
        except TimeoutError:
            return f"No answer within {CHECK_TIMEOUT:.0f} s."
        except Exception as error:  # noqa: BLE001  (a check that fails is an answer)
            return f"The check failed: {error_name(error)}."


def application(
    service: str,
    progress: Progress,
    readiness: Readiness,
    registry: metrics.Registry,
    routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """The HTTP face of a process: /healthz, /readyz, /metrics, and the routes of its own."""

    async def healthz(_: Request) -> Response:
        stalled = progress.stalled()
        return JSONResponse(
            {"service": service, "alive": not stalled, "stalled": stalled, "watched": progress.names()},
            status_code=503 if stalled else 200,
        )

    async def readyz(_: Request) -> Response:
        answers = await readiness.answers()
        ready = not any(answers.values())
        checks = {name: {"ok": sentence is None, "detail": sentence} for name, sentence in answers.items()}
        checks |= {name: {"ok": True, "detail": said} for name, said in (await readiness.notes()).items()}
        return JSONResponse(
            {"service": service, "ready": ready, "checks": checks}, status_code=200 if ready else 503
        )

    async def exposition(_: Request) -> Response:
        stalled = set(progress.stalled())
        for name in progress.names():
            registry.gauge(metrics.STALLED).labels(name).set(name in stalled)
        return Response(registry.exposition(), media_type="text/plain; version=0.0.4; charset=utf-8")

    ours = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", exposition)]
    return Starlette(routes=[*ours, *routes])
