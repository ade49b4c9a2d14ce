"""`baton protocols move`: the open cases of one protocol go on under another, by an action for each."""

import sys

from baton import addresses, ground
from baton.acting import enter
from baton.config import settings
from baton.quiet import SQL
from baton.trouble import Misuse
from services.transitions.protocol import VERSIONED, Library, ProtocolError
from services.transitions.settings import Settings


async def move(old: str, new: str, *, by: str, reason: str) -> int:
    """Enter `protocol_moved` for every visit with an open case under `old`; 1 where one has no number."""
    if VERSIONED not in new:
        raise Misuse(
            f"{new} names no version: write it as NAME{VERSIONED}VERSION, as `baton protocols check` does."
        )
    try:
        Library(settings(Settings).config_dir).protocol(new)
    except ProtocolError as error:
        raise Misuse(str(error)) from None
    where = addresses.find()
    async with ground.database(where) as db:
        rows = await db.fetch(SQL["cases_under"], old)
    ready = [
        (
            {
                "type": "protocol_moved",
                "visit": row["number"],
                "facility": row["facility"],
                **({"authority": row["authority"]} if row["authority"] else {}),
                "protocol": new,
                "reason": reason,
                "by": by,
            },
            None,
        )
        for row in rows
        if row["number"]
    ]
    if ready:
        await enter(where, ready)
    left = len(rows) - len(ready)
    if left:
        print(f"{left} open cases are of visits without a number and stay under {old}.", file=sys.stderr)
    elif not rows:
        print(f"No open case stands under {old}.", file=sys.stderr)
    return 1 if left else 0
