"""What notifications keeps in Postgres: one typed function a statement; the caller opens the transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from services.chassis import sql
from services.chassis.postgres import Db, Row
from services.notifications.domain.late_known import Ripe, Team
from services.notifications.domain.model import Alert

SQL = sql.load("services.notifications")

_COLUMNS = (
    "alert_id", "subject", "kind", "severity", "status", "raised_at", "team", "live", "generation", "raise_at",
    "ended_at", "ending", "acknowledged_at", "episode_id", "visit_id", "patient_id", "deadline_id", "facility", "unit",
    "due_at", "items", "revision", "told_of",
)  # fmt: skip

List = tuple[str, bool]
"""(team, live) of a list of late-known work."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What a channel knows of an alert. `wall` is the time by the clock on the wall.

    `covered`: a channel of an earlier turn has delivered what this one should say.
    """

    alert_id: UUID
    told: str
    heard_of: int
    failures: int
    wall: datetime
    covered: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """A message about to be sent: about which alert, why, of which revision, in which words."""

    alert_id: UUID
    reason: str
    revision: int
    said: str


@dataclass(frozen=True, slots=True)
class Begun:
    """An attempt that has begun, and what was said before it on the same channel about the same alert.

    `first` is the revision of the first message, if there was one; `took` are the recipients that have this one.
    """

    attempt: int
    first: int | None
    took: frozenset[str]


@dataclass(frozen=True, slots=True)
class LateItem:
    """Late-known work that is owed: a deadline, on whose list, since when."""

    subject: str
    team: str
    live: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class Failing:
    """A channel that fails: with how many notices, and how it last answered."""

    channel: str
    notices: int
    answer: str | None


def _alert(row: Row) -> Alert:
    return Alert(**{name: row[name] for name in _COLUMNS})


# --- following what is owed ---------------------------------------------------------------------------------


async def claim_subjects(db: Db, revisions: Mapping[str, int]) -> set[str]:
    """Note newer revisions and hold their subjects until the transaction ends; gives those that were newer."""
    rows = await db.fetch(SQL["claim_subjects"], list(revisions), list(revisions.values()))
    return {row["subject"] for row in rows}


async def lock_alerts(db: Db, subjects: Iterable[str]) -> dict[str, list[Alert]]:
    """All alerts of these subjects, by subject, held until the transaction ends."""
    found: dict[str, list[Alert]] = defaultdict(list)
    for row in await db.fetch(SQL["lock_alerts"], list(subjects)):
        found[row["subject"]].append(_alert(row))
    return found


async def save_alerts(db: Db, alerts: Sequence[Alert], now: datetime) -> None:
    rows = map(msgspec.structs.astuple, sorted(alerts, key=lambda alert: alert.alert_id))
    by_name = zip(Alert.__struct_fields__, zip(*rows, strict=True), strict=True)
    columns = dict(by_name)
    await db.execute(SQL["save_alerts"], *(columns[name] for name in _COLUMNS), now)


async def drop_alerts(db: Db, alerts: Iterable[UUID]) -> None:
    await db.execute(SQL["drop_alerts"], list(alerts))


async def claim_held(db: Db, now: datetime, limit: int) -> list[Alert]:
    """Held alerts whose instant has come, held against others; those another replica has are skipped."""
    return [_alert(row) for row in await db.fetch(SQL["claim_held"], now, limit)]


async def next_raise(db: Db) -> datetime | None:
    """The next instant at which an alert is raised by itself."""
    at: datetime | None = await db.fetchval(SQL["next_raise"])
    return at


# --- lists of late-known work -------------------------------------------------------------------------------


async def keep_late_items(db: Db, items: Sequence[LateItem]) -> None:
    await db.execute(
        SQL["keep_late_items"],
        [item.subject for item in items],
        [item.team for item in items],
        [item.live for item in items],
        [item.since for item in items],
    )


async def late_items(db: Db, subjects: Iterable[str]) -> dict[str, LateItem]:
    """What of this is late-known work by now."""
    return _items(await db.fetch(SQL["late_items"], list(subjects)))


async def drop_late_items(db: Db, subjects: Iterable[str]) -> dict[str, LateItem]:
    """These are no late-known work, or not any more; gives those that were."""
    return _items(await db.fetch(SQL["drop_late_items"], list(subjects)))


def _items(rows: Iterable[Row]) -> dict[str, LateItem]:
    return {row["subject"]: LateItem(**dict(row)) for row in rows}


async def ripe_teams(db: Db, now: datetime) -> set[List]:
    """Lists with an item whose instant has come and which the team's alert does not know of yet."""
    return {(row["team"], row["live"]) for row in await db.fetch(SQL["ripe_teams"], now)}


async def lock_teams(db: Db, lists: Iterable[List]) -> list[Team]:
    """Hold these lists until the transaction ends."""
    names, lives = _columns(lists)
    await db.execute(SQL["know_teams"], names, lives)
    rows = await db.fetch(SQL["lock_teams"], names, lives)
    return [Team(row["team"], row["live"], row["acknowledged_at"]) for row in rows]


async def count_late_items(db: Db, lists: Iterable[List], now: datetime) -> dict[List, Ripe]:
    """What has come to its instant on lists that the caller holds."""
    rows = await db.fetch(SQL["count_late_items"], *_columns(lists), now)
    return {(row["team"], row["live"]): Ripe(row["items"], row["first"]) for row in rows}


async def last_runs(db: Db, teams: Iterable[Team]) -> dict[str, Alert]:
    """The alert of the latest run of each list, by subject."""
    rows = await db.fetch(SQL["last_runs"], [team.subject for team in teams])
    return {row["subject"]: _alert(row) for row in rows}


async def acknowledge_lists(db: Db, acks: Mapping[str, datetime | None]) -> None:
    """Someone of each team has its list, since that instant; None: nobody has it any more."""
    await db.execute(SQL["acknowledge_lists"], list(acks), list(acks.values()))


def _columns(lists: Iterable[List]) -> tuple[list[str], list[bool]]:
    lists = list(lists)
    return [team for team, _ in lists], [live for _, live in lists]


# --- telling channels ---------------------------------------------------------------------------------------


async def tell(db: Db, notices: Sequence[tuple[UUID, str, int, int]], after: float) -> None:
    """Have channels hear of alerts: (alert, channel, revision, turn); each turn `after` seconds after the one before."""
    await db.execute(SQL["tell"], *zip(*notices, strict=True), after)


async def tell_again(db: Db, alerts: Mapping[UUID, int], after: float) -> None:
    """Have every channel that may know of these alerts hear how they now stand; the others in their turn."""
    await db.execute(SQL["tell_again"], list(alerts), list(alerts.values()), after)


async def standing(db: Db) -> list[tuple[UUID, str, int]]:
    """(alert, team, revision) of standing alerts that people should hear of."""
    rows = await db.fetch(SQL["standing"])
    return [(row["alert_id"], row["team"], row["told_of"]) for row in rows]


async def close_strangers(db: Db, channels: Iterable[str]) -> list[str]:
    """Close the notices of channels other than these; gives the names of the others."""
    return sorted({row["channel"] for row in await db.fetch(SQL["close_strangers"], list(channels))})


async def claim_notices(db: Db, channel: str, limit: int, failures: int) -> list[Notice]:
    """Lock notices of a channel that are due, until the transaction ends; those another sender has are skipped.

    Due too are those whose turn has come because every channel before has failed so many times, or has no more to say.
    """
    rows = await db.fetch(SQL["claim_notices"], channel, limit, failures)
    return [Notice(**dict(row)) for row in rows]


async def alerts_by_id(db: Db, alerts: Iterable[UUID]) -> dict[UUID, Alert]:
    return {row["alert_id"]: _alert(row) for row in await db.fetch(SQL["alerts_by_id"], list(alerts))}


async def begin_attempts(
    db: Db, channel: str, host: str, drafts: Sequence[Draft], lease: float
) -> dict[UUID, Begun]:
    """Write down what is about to be sent, and hold its notices for `lease` seconds; gives attempts by alert."""
    rows = await db.fetch(
        SQL["begin_attempts"],
        channel,
        host,
        [draft.alert_id for draft in drafts],
        [draft.reason for draft in drafts],
        [draft.revision for draft in drafts],
        [draft.said for draft in drafts],
        lease,
    )
    return {row["alert_id"]: Begun(row["attempt_id"], row["first"], frozenset(row["took"])) for row in rows}


async def fall_silent(db: Db, channel: str, alerts: Iterable[UUID]) -> None:
    """There is nothing to say to this channel about these alerts as they now stand."""
    await db.execute(SQL["fall_silent"], channel, list(alerts))


async def attempt_delivered(
    db: Db, attempt: int, answer: str, took: Sequence[str], told: str, revision: int
) -> None:
    await db.execute(SQL["attempt_delivered"], attempt, answer, told, revision, took or None)


async def attempt_failed(
    db: Db, attempt: int, answer: str, took: Sequence[str], told: str, failures: int, pause: float
) -> None:
    await db.execute(SQL["attempt_failed"], attempt, answer, told, pause, failures, took or None)


async def failing_channels(db: Db, failures: int) -> list[Failing]:
    """Channels with something to say that failed this many times in a row, or more often."""
    return [Failing(**dict(row)) for row in await db.fetch(SQL["failing_channels"], failures)]


async def unheard_alerts(db: Db, failures: int) -> int:
    """How many alerts fire of which every channel has failed this many times in a row, or more often."""
    count: int = await db.fetchval(SQL["unheard_alerts"], failures)
    return count


# --- for those who look -------------------------------------------------------------------------------------


async def count_alerts(db: Db) -> dict[str, int]:
    """How many alerts there are, by status."""
    return {row["status"]: row["alerts"] for row in await db.fetch(SQL["count_alerts"])}


async def seen_alerts(db: Db) -> list[Alert]:
    """Every alert that was ever raised, in order."""
    return [_alert(row) for row in await db.fetch(SQL["seen_alerts"])]


async def attempts_of(db: Db, alerts: Iterable[UUID]) -> list[Row]:
    """What was sent about these alerts, in order."""
    return await db.fetch(SQL["attempts_of"], list(alerts))
