"""How actions travel on `care.actions`."""

from schemas import cloudevents, topics
from schemas.actions import ACTION_TYPE
from services.chassis import metrics
from services.chassis.counting import Count
from services.chassis.kafka import Outgoing
from services.chassis.outbox import Outlet
from services.chassis.postgres import Row
from services.worklist.sql import SQL
from services.worklist.views import ActionState

SOURCE = "baton/worklist"
PENDING = (ActionState.WAITING, ActionState.SENT, ActionState.REFUSED)
ACTIONS = metrics.declare(
    "baton_worklist_actions",
    "gauge",
    "Actions that are not confirmed, by state, counted every 15 s. Every replica counts them all: take the largest.",
    ["state"],
)


def action(row: Row) -> Outgoing:
    """An action as it was entered; its key says nothing of anybody."""
    return Outgoing(
        key=None,
        value=row["body"].encode(),
        headers=cloudevents.headers(
            event_id=row["id"], event_type=ACTION_TYPE, source=SOURCE, time=row["at"]
        ),
    )


def counting() -> Count:
    """What has not been confirmed, for whoever watches."""
    return Count(ACTIONS, SQL["tally_actions"], PENDING)


def outlet() -> Outlet:
    """The actions of the worklist, their own outbox."""
    return Outlet(
        "worklist_actions",
        SQL["unpublished_actions"],
        SQL["actions_published"],
        topics.CARE_ACTIONS,
        action,
        SQL["republish_actions"],
    )
