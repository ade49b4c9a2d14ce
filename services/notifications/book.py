"""The book of alerts: changes written, channels told, lists of late-known work followed.

Every function works within the caller's transaction.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.chassis.postgres import Db
from services.notifications import store
from services.notifications.contacts import Contacts
from services.notifications.domain import late_known
from services.notifications.domain.model import DROPPED, Alert


async def write(db: Db, changes: Sequence[Alert], contacts: Contacts, now: datetime) -> None:
    """Write changed alerts, and have the right channels told of what is news about them."""
    kept = [alert for alert in changes if alert.status != DROPPED]
    if len(kept) < len(changes):
        await store.drop_alerts(db, [alert.alert_id for alert in changes if alert.status == DROPPED])
    if kept:
        await store.save_alerts(db, kept, now)
    # Shadow and test feeds are kept and never sent.
    await _tell(db, [alert for alert in kept if alert.live and alert.told_of == alert.revision > 0], contacts)


async def _tell(db: Db, news: Sequence[Alert], contacts: Contacts) -> None:
    if not news:
        return
    await store.tell_again(
        db, {alert.alert_id: alert.told_of for alert in news}, contacts.fallback_after_seconds
    )
    await _route(
        db, [(alert.alert_id, alert.team, alert.told_of) for alert in news if alert.standing], contacts
    )


async def _route(db: Db, standing: Iterable[tuple[UUID, str, int]], contacts: Contacts) -> None:
    routed = [
        (alert_id, channel, revision, turn)
        for alert_id, team, revision in standing
        for channel, turn in contacts.channels_of(team).items()
    ]
    if routed:
        await store.tell(db, routed, contacts.fallback_after_seconds)


async def follow_lists(
    db: Db, lists: Mapping[store.List, datetime | None], contacts: Contacts, now: datetime
) -> list[Alert]:
    """Bring the alert of each list up to its items; the instants are the arrivals of what ended items, if any did."""
    if not lists:
        return []
    teams = await store.lock_teams(db, lists)
    # Read after the locks: what another replica did to the same list is in it.
    ripe = await store.count_late_items(db, lists, now)
    last = await store.last_runs(db, teams)
    found = [
        late_known.reconcile(team, last.get(team.subject), ripe.get(key), lists[key], now)
        for team in teams
        for key in [(team.name, team.live)]
    ]
    changes = [alert for alert in found if alert is not None]
    await write(db, changes, contacts, now)
    return changes


async def route_again(db: Db, contacts: Contacts) -> list[str]:
    """After a change of the contacts: standing alerts reach those who are to hear now; gives channels that went."""
    await _route(db, await store.standing(db), contacts)
    return await store.close_strangers(db, contacts.channels)
