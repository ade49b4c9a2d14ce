"""Transitions: visits and actions become what is owed. Two processes: `transitions` plans, `deadlines` fires.

Reads adt.encounters and care.actions; writes care.transitions and care.rejected.
"""

from collections.abc import Coroutine
from functools import partial

from schemas import topics
from schemas.transitions import DeadlineStatus
from services.chassis.counting import Count
from services.chassis.metrics import OPEN_REJECTIONS
from services.chassis.service import Service, Subscription
from services.transitions import publish
from services.transitions.consumer import ALARMS, Doors
from services.transitions.deadlines import DEADLINES, HANDOFFS, UNOWNED, Firing
from services.transitions.domain.readmission import AFTER_DEATH
from services.transitions.in_use import protocols_there
from services.transitions.settings import Settings
from services.transitions.store import SQL


def build(settings: Settings) -> Service:
    """The process that plans."""
    rules = settings.rules()
    doors = Doors(rules)
    refused = Count(OPEN_REJECTIONS, SQL["count_open_rejections"], [topics.CARE_REJECTED])
    alarms = Count(ALARMS, SQL["count_alarms"], [AFTER_DEATH])
    return Service(
        "transitions",
        settings,
        subscriptions=[
            Subscription(
                [topics.ADT_ENCOUNTERS],
                doors.on_encounters,
                doors.refuse_encounter,
                group="transitions.encounters",
            ),
            Subscription(
                [topics.CARE_ACTIONS], doors.on_actions, doors.refuse_action, group="transitions.actions"
            ),
        ],
        loops=[refused.run, alarms.run],
        outlets=publish.outlets(),
        checks={"visits readable": lambda _: doors.check()},
        first=[partial(protocols_there, rules)],
    )


def build_deadlines(settings: Settings) -> Service:
    """The process that fires; it reads no topic."""
    rules = settings.rules()

    def fire(service: Service) -> Coroutine[None, None, None]:
        firing = Firing(service, rules)
        service.add_check("applied mark", firing.check)
        return firing.run()

    count = Count(DEADLINES, SQL["count_deadlines"], DeadlineStatus)
    unowned = Count(UNOWNED, SQL["count_unowned"], HANDOFFS)
    return Service(
        "deadlines",
        settings,
        loops=[fire, count.run, unowned.run],
        outlets=publish.outlets(),
        schema="transitions",
        first=[partial(protocols_there, rules)],
    )
