"""How alerts travel on `care.alerts`."""

from typing import Any

import msgspec

from schemas import cloudevents, topics
from schemas.alerts import ALERT_TYPE
from services.chassis.kafka import Outgoing
from services.chassis.outbox import Outlet
from services.chassis.postgres import Row
from services.notifications.store import SQL

SOURCE = "baton/notifications"


def alert(row: Row) -> Outgoing:
    """An alert as it now stands; one that names no patient is keyed by itself."""
    values: dict[str, Any] = {
        name: value for name, value in row.items() if value is not None and name not in {"id", "changed_at"}
    }
    return Outgoing(
        key=str(row["patient_id"] or row["alert_id"]).encode(),
        value=msgspec.json.encode(values),
        headers=cloudevents.headers(
            event_id=f"{row['alert_id']}:{row['revision']}",
            event_type=ALERT_TYPE,
            source=SOURCE,
            time=row["ended_at"] or row["raised_at"],
        ),
    )


def outlet() -> Outlet:
    """The alerts, their own outbox."""
    return Outlet(
        "alerts",
        SQL["unpublished_alerts"],
        SQL["alerts_published"],
        topics.CARE_ALERTS,
        alert,
        SQL["republish_alerts"],
    )
