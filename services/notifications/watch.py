"""Sees whether people can be reached: what fails is said by /readyz, a metric, and one log line when it changes."""

from collections.abc import Sequence
from functools import partial

from services.chassis import metrics
from services.chassis.logs import get_logger
from services.chassis.loops import run_forever
from services.chassis.postgres import transaction
from services.chassis.service import Service
from services.notifications import book, store
from services.notifications.contacts import Contacts
from services.notifications.domain.notices import FAILURES

log = get_logger("notifications")

REST = 5.0

FAILING = metrics.declare(
    "baton_notice_failing",
    "gauge",
    "Messages a channel has not answered three times in a row, or refused for good. They are tried again for ever.",
    ["channel"],
)
UNHEARD = metrics.declare(
    "baton_alert_unheard", "gauge", "Firing alerts of which every channel fails: nobody has been reached."
)


class Watch:
    """Looks every few seconds."""

    def __init__(self, contacts: Contacts) -> None:
        self._contacts = contacts
        self._routed = False
        self._failing: set[str] = set()

    async def run(self, service: Service) -> None:
        """Watch until cancelled."""
        await run_forever(
            "watch", partial(self.once, service), service.progress, every=REST, registry=service.registry
        )

    async def once(self, service: Service) -> None:
        if not self._routed:
            await self._route(service)
            self._routed = True
        async with service.pool.acquire() as db:
            failing = await store.failing_channels(db, FAILURES)
            unheard = await store.unheard_alerts(db, FAILURES)
        service.registry.gauge(UNHEARD).set(unheard)
        self._tell(service, failing)

    async def _route(self, service: Service) -> None:
        """The contacts may be others than last time."""
        if not self._contacts.channels:
            log.warning("contacts.yaml names no channel: alerts are kept and published, and nobody is told")
        async with transaction(service.pool) as db:
            gone = await book.route_again(db, self._contacts)
        if gone:
            log.warning(
                "messages wait for channels that contacts.yaml does not name; they are dropped", channels=gone
            )

    def _tell(self, service: Service, failing: Sequence[store.Failing]) -> None:
        gauge = service.registry.gauge(FAILING)
        now = {one.channel: one for one in failing}
        for name in self._contacts.channels:
            gauge.labels(name).set(now[name].notices if name in now else 0)
        for name in sorted(now.keys() - self._failing):
            log.error("a channel fails", channel=name, notices=now[name].notices, answer=now[name].answer)
        for name in sorted(self._failing - now.keys()):
            log.warning("a channel works again", channel=name)
        self._failing = set(now)


async def reachable(service: Service) -> str | None:
    """What /readyz says: nothing, or which channels fail, and how many alerts nobody has heard of for that."""
    async with service.pool.acquire() as db:
        failing = await store.failing_channels(db, FAILURES)
        unheard = await store.unheard_alerts(db, FAILURES)
    if not failing:
        return None
    names = ", ".join(f"{one.channel} ({one.notices} waiting, last answer: {one.answer})" for one in failing)
    return f"Channels fail: {names}. Firing alerts that have reached nobody: {unheard}."
