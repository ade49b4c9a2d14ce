"""`baton status`: what the running system holds, and whether its services can do their work."""

import asyncio
import json
from typing import Any

import httpx

from baton import addresses, ground
from baton.quiet import SQL
from services.chassis.postgres import Db


async def status(*, as_json: bool) -> int:
    """Print it; 1 where a service is not ready."""
    where = addresses.find()
    async with ground.database(where) as db:
        holds = await held(db)
    services = dict(
        zip(where.services, await asyncio.gather(*map(_ask, where.services.values())), strict=True)
    )
    document = {"services": services, **holds}
    print(json.dumps(document, indent=2) if as_json else _plain(document))
    return 0 if all(each["ok"] for each in services.values()) else 1


async def held(db: Db) -> dict[str, Any]:
    """Give the counts, all of one instant."""
    async with db.transaction(isolation="repeatable_read", readonly=True):
        tally = await db.fetchrow(SQL["tally"])
        counts = {
            name: {row["word"]: row["count"] for row in await db.fetch(SQL[name])}
            for name in ("visits", "episodes", "deadlines", "alerts")
        }
        lag = await db.fetchval(SQL["lag"])
        lateness = await db.fetchrow(SQL["lateness"])
    always = {
        "visits": ("admitted",),
        "episodes": ("open",),
        "deadlines": ("pending", "met", "missed"),
        "alerts": ("firing",),
    }
    return {
        "adt": dict(tally or {}),
        **{name: dict.fromkeys(always[name], 0) | found for name, found in counts.items()},
        "lag_seconds": None if lag is None else round(lag, 3),
        "deadline_lateness_seconds": {
            name: None if value is None else round(value, 3) for name, value in dict(lateness or {}).items()
        },
    }


async def _ask(http: str) -> dict[str, Any]:
    try:
        async with httpx.AsyncClient(timeout=6, trust_env=False) as client:
            said = (await client.get(f"{http}/readyz")).json()
    except (httpx.HTTPError, ValueError):
        return {"ok": False, "http": http, "detail": "It does not answer."}
    wrong = [check["detail"] for check in said.get("checks", {}).values() if not check["ok"]]
    return {"ok": bool(said.get("ready")), "http": http} | ({"detail": " ".join(wrong)} if wrong else {})


def _plain(document: dict[str, Any]) -> str:
    lines = []
    for name, said in document["services"].items():
        state = "ready" if said["ok"] else f"NOT READY: {said.get('detail', '')}"
        lines.append(f"{name:<14}{state}")
    if not lines:
        lines.append("services      not started by a `baton up` here; ask each for /readyz")
    lines += [
        f"{name:<14}" + (", ".join(f"{count} {word}" for word, count in document[name].items()) or "none")
        for name in ("adt", "visits", "episodes", "deadlines", "alerts")
    ]
    lines.append(f"{'lag':<14}{_seconds(document['lag_seconds'])}")
    late = ", ".join(
        f"{name} {_seconds(value)}" for name, value in document["deadline_lateness_seconds"].items()
    )
    lines.append(f"{'lateness':<14}{late}")
    return "\n".join(lines)


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g} s"
