"""The loop that lets patients go whose lease has run out; nobody waits for it, since what has run out holds nobody."""

from typing import TYPE_CHECKING

from services.chassis.loops import run_forever
from services.worklist import acts
from services.worklist.desk import Desk

if TYPE_CHECKING:
    from services.chassis.service import Service

EVERY = 5.0


class Leases:
    """Ends leases, and tells everybody."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def run(self, service: "Service") -> None:
        """Until cancelled."""
        await run_forever("leases", self.once, service.progress, every=EVERY, registry=service.registry)

    async def once(self) -> float | None:
        """At once again, where there were so many that more may be left."""
        return 0 if await acts.end_leases(self._desk) else None
