"""`baton replay` and `baton outcome`: the outcome document, of a scenario or of the running system."""

import json
from datetime import datetime
from typing import Any

from baton.document_text import text
from baton.files import read_bytes
from baton.trouble import Misuse


def replay(scenario: str, until: datetime, *, as_json: bool, protocol: str | None = None) -> int:
    """Run a scenario in virtual time and print what it ends in."""
    from baton import replay as engine

    config = engine.load(protocol)
    name = "stdin" if scenario == "-" else scenario
    try:
        lines = engine.read(read_bytes(scenario), name)
    except engine.ScenarioError as error:
        raise Misuse(str(error)) from None
    _print(engine.replay(lines, until, config), as_json=as_json)
    return 0


async def outcome(*, as_json: bool) -> int:
    """Print what stands in the running system's database."""
    from baton import addresses
    from baton.outcome import outcome as of_database

    _print(await of_database(addresses.find_database()), as_json=as_json)
    return 0


def _print(document: dict[str, Any], *, as_json: bool) -> None:
    print(json.dumps(document, indent=2, ensure_ascii=False) if as_json else text(document))
