"""At the start: every protocol under which cases stand must still be there."""

from services.chassis.service import Service
from services.chassis.settings import SettingsError
from services.transitions.planner import Rules
from services.transitions.protocol import VERSIONED
from services.transitions.store import SQL


async def protocols_there(rules: Rules, service: Service) -> None:
    """Raise SettingsError, a sentence each, for protocols that open cases are kept under and that are gone."""
    async with service.pool.acquire() as db:
        rows = await db.fetch(SQL["protocols_in_use"])
    missing = [row for row in rows if not rules.knows(row["protocol"])]
    if missing:
        raise SettingsError([_say(row["protocol"], row["cases"], rules) for row in missing])


def _say(label: str, cases: int, rules: Rules) -> str:
    many = "1 open case stands" if cases == 1 else f"{cases} open cases stand"
    file = label if VERSIONED in label else f"{label}{VERSIONED}VERSION"
    return (
        f"{many} under the protocol {label}, which is not there or cannot be used: put {file}.yaml back into protocols/ of "
        f"the configuration, and before you remove it, `baton protocols move {label} {rules.protocol.label}`."
    )
