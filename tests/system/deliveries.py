"""What the pager was told, held against the alerts: each told, and nothing told anew that is not new."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tests.system.receiver import Delivery
from tests.system.stand import System

NEWS = ("reason", "status", "kind", "severity", "due_at", "team", "unit", "raised_at", "ended_at")
FOLLOWS = {
    "trigger": {"update", "resolve"},
    "update": {"update", "resolve"},
    "resolve": {"trigger"},
}


async def complaints(system: System, deliveries: Sequence[Delivery]) -> list[str]:
    """Everything wrong with what was delivered once the system is at rest; best an empty list."""
    said: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in (each.event for each in deliveries if each.taken):
        said[event["subject"]].append(event)
    cut = await system.fetch("SELECT DISTINCT alert_id FROM notifications.attempt WHERE ended_at IS NULL")
    maybe = {str(row["alert_id"]) for row in cut}
    found = []
    for subject, events in said.items():
        # A process that ended in the middle cannot know what arrived; then the end is told to be safe.
        found += _doubles(
            subject, events, may_begin_with={"trigger"} | ({"resolve"} if subject in maybe else set())
        )
    alerts = await system.fetch("SELECT alert_id, kind, status, told_of, live FROM notifications.alert")
    for alert in alerts:
        last = said[str(alert["alert_id"])][-1:]
        if not last and alert["status"] == "firing" and alert["live"]:
            found.append(f"nobody was told of {alert['kind']} {alert['alert_id']}")
        if last and (last[0]["data"]["reason"] == "resolve") != (
            alert["status"] in {"resolved", "retracted"}
        ):
            found.append(
                f"{alert['kind']} {alert['alert_id']} is {alert['status']}, and the pager does not know"
            )
    return found


def _doubles(subject: str, events: Sequence[dict[str, Any]], *, may_begin_with: set[str]) -> list[str]:
    """A message may come twice under its id. Under another id it must be another message, and follow from the last."""
    found: list[str] = []
    ids: set[str] = set()
    before: dict[str, Any] = {}
    for event in events:
        news = {name: event["data"][name] for name in NEWS}
        if event["id"] in ids:
            continue
        ids.add(event["id"])
        if news == before:
            found.append(f"{subject}: said again under the new id {event['id']}: {news}")
        if event["data"]["reason"] not in (FOLLOWS[before["reason"]] if before else may_begin_with):
            found.append(f"{subject}: {event['data']['reason']} after {before.get('reason', 'nothing')}")
        before = news
    return found
