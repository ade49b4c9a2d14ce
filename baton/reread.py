"""`baton refold --feed`: the raw messages of a feed, read again by its profile as it is now."""

import json
import sys
from collections import Counter
from typing import Any

from baton import ground
from baton.config import settings
from baton.dlq_text import columns
from baton.trouble import Misuse, Trouble
from baton.upkeep import database
from services.admissions.reread import Found, Reader
from services.admissions.settings import Settings
from services.chassis import sql
from services.chassis.settings import SettingsError

SQL = sql.load("baton")

EVERY = 10_000
"""Messages after which a line of progress is printed."""


async def refold(feed: str, *, dry_run: bool, as_json: bool) -> int:
    """Read again, and tell what became of it; with `dry_run` what would."""
    where = database()
    try:
        said = settings(Settings)
        reader = Reader(said.feeds(), feed, said.facilities().zone_of)
    except SettingsError as error:
        raise Misuse(str(error)) from None
    async with ground.pool(where) as pool:
        if not await pool.fetchval(SQL["feed_told"], feed):
            raise Trouble(
                f"Nothing is kept of a feed {feed}; `baton feeds check` names those with a profile."
            )
        found = await (reader.preview if dry_run else reader.refold)(pool, _Progress())
        closed: int = await pool.fetchval(SQL["count_checkpointed"], feed, timeout=600)
    print(
        json.dumps(document(found, closed)) if as_json else "\n".join(_told(found, closed, dry_run=dry_run))
    )
    return 0


def document(found: Found, closed: int) -> dict[str, Any]:
    """What was found, as plain JSON values; `closed` visits were not looked at."""
    return {
        "messages": found.events,
        "otherwise": found.otherwise,
        "fields": _counted(found.fields),
        "kept_as_they_are": {
            "pruned": found.pruned,
            "refused": _counted(found.refused),
            "closed_visits": closed,
        },
        "visits": found.visits,
    }


def _told(found: Found, closed: int, *, dry_run: bool) -> list[str]:
    would = "would say" if dry_run else "say"
    lines = [f"{found.events} messages, {found.otherwise} of which {would} something else."]
    if found.fields:
        lines += columns(
            [["FIELD", "MESSAGES"], *([name, str(n)] for name, n in _counted(found.fields).items())]
        )
    if found.pruned:
        lines.append(f"{found.pruned} are pruned, and stay as they were understood.")
    if refused := sum(found.refused.values()):
        codes = ", ".join(f"{code} {n}" for code, n in _counted(found.refused).items())
        lines.append(f"{refused} would be refused now, and stay as they were understood: {codes}.")
    if closed:
        lines.append(
            f"{closed} visits have been closed for long (BATON_CHECKPOINT_AFTER), and stay as they are."
        )
    if not dry_run:
        lines.append(f"{found.visits} visits changed.")
    return lines


class _Progress:
    """A line on stderr for every so many messages."""

    def __init__(self) -> None:
        self._next = EVERY

    def __call__(self, found: Found) -> None:
        if found.events >= self._next:
            self._next = found.events + EVERY
            print(f"{found.events} messages read, {found.otherwise} say something else", file=sys.stderr)


def _counted(counts: Counter[str]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda each: (-each[1], each[0])))
