"""Admissions: HL7 v2 messages become visits. Reads adt.inbound; writes adt.encounters and adt.rejected."""

from collections.abc import Coroutine
from functools import partial

from schemas import topics
from services.admissions import checkpoints, merges, publish, upkeep
from services.admissions.consumer import Inbound
from services.admissions.feed_reload import Reload
from services.admissions.settings import Settings
from services.admissions.silence import Watch
from services.admissions.store import SQL
from services.chassis.counting import Count
from services.chassis.loops import run_forever
from services.chassis.metrics import OPEN_REJECTIONS
from services.chassis.service import Service, Subscription


def build(settings: Settings) -> Service:
    """Put the service together; nothing runs until `services.chassis.service.main`."""
    inbound = Inbound(settings)
    reload = settings.reload()
    refused = Count(OPEN_REJECTIONS, SQL["count_open_rejections"], [topics.ADT_REJECTED])
    parked = Count(merges.REFUSED, SQL["count_refused_merges"], merges.REASONS)
    service = Service(
        "admissions",
        settings,
        subscriptions=[Subscription([topics.ADT_INBOUND], inbound.on_inbound, inbound.refuse)],
        outlets=publish.outlets(),
        checks={"line": lambda _: inbound.check()},
        loops=[
            _tell_mark,
            _upkeep,
            refused.run,
            parked.run,
            Watch(inbound).run,
            partial(_reload, reload, inbound),
        ],
    )
    inbound.take(inbound.feeds, service.registry)
    service.readiness.add_note("feeds", reload.readiness)
    return service


def _reload(reload: Reload, inbound: Inbound, service: Service) -> Coroutine[None, None, None]:
    return reload.run(service, partial(inbound.take, registry=service.registry))


def _tell_mark(service: Service) -> Coroutine[None, None, None]:
    once = partial(publish.tell_mark, service)
    return run_forever(
        "tell mark", once, service.progress, signal=service.marked, retry_max=5, registry=service.registry
    )


def _upkeep(service: Service) -> Coroutine[None, None, None]:
    once = partial(upkeep.prune, service)
    return run_forever("prune", once, service.progress, every=3600, limit=7200, registry=service.registry)


def _close(service: Service) -> Coroutine[None, None, None]:
    once = partial(checkpoints.run, service)
    return run_forever(
        "checkpoints", once, service.progress, every=3600, limit=7200, registry=service.registry
    )
