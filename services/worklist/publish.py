"""How actions travel on `care.actions`."""

from schemas import cloudevents, topics
from schemas.actions import ACTION_TYPE
from services.chassis.kafka import Outgoing
from services.chassis.outbox import Outlet
from services.chassis.postgres import Row
from services.worklist.sql import SQL

SOURCE = "baton/worklist"


def action(row: Row) -> Outgoing:
    """An action as it was entered; its key says nothing of anybody."""
    return Outgoing(
        key=None,
        value=row["body"].encode(),
        headers=cloudevents.headers(
            event_id=row["id"], event_type=ACTION_TYPE, source=SOURCE, time=row["at"]
        ),
    )


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
