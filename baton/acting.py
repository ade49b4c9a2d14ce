"""`baton act`: coordinator actions into a running system, JSON lines, each checked before it is sent."""

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from baton import addresses
from baton.addresses import Addresses
from baton.confirm import wait_until_applied
from baton.files import read_bytes
from baton.sending import Refused, arrival_ms, produce
from schemas import cloudevents
from schemas.actions import ACTION, ACTION_TYPE
from schemas.base import Instant
from schemas.topics import CARE_ACTIONS
from services.chassis.kafka import Outgoing
from services.chassis.settings import MIB

CONSUMER = "transitions"
SOURCE = "baton/act"
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


class WrongLine(Exception):
    """A line that is no action; the sentence says what is wrong with it."""


async def act(files: Sequence[str]) -> int:
    """Send the good lines of all files; 1 where a line was wrong."""
    refused = Refused()
    ready = list(_lines(files, refused))
    if ready:
        await enter(addresses.find(), ready)
    return 1 if refused.count else 0


async def enter(where: Addresses, ready: Sequence[tuple[dict[str, Any], datetime | None]]) -> None:
    """Send actions, each with the instant at which it is said to have reached us, and tell of it."""
    now = await arrival_ms(where, None)
    await produce(where, CARE_ACTIONS, [_record(action, at, now) for action, at in ready])
    print(f"{len(ready)} actions sent.", file=sys.stderr)
    if where.embedded:
        await wait_until_applied(where, CONSUMER, CARE_ACTIONS)
        print(f"{len(ready)} actions committed in Postgres.", file=sys.stderr)


def _lines(files: Sequence[str], refused: Refused) -> Iterator[tuple[dict[str, Any], datetime | None]]:
    for file in files:
        for number, line in enumerate(read_bytes(file).splitlines(), start=1):
            if not line.strip():
                continue
            try:
                yield parse(line)
            except WrongLine as wrong:
                refused.say(f"{file}, line {number}: {wrong}")


def parse(line: bytes) -> tuple[dict[str, Any], datetime | None]:
    """Read one line: the action as it goes out, and when it is said to have reached us."""
    if len(line) > MIB:
        raise WrongLine("it is larger than 1 MiB.")
    try:
        said = json.loads(line)
    except ValueError:
        raise WrongLine("it is not JSON.") from None
    if not isinstance(said, dict) or not isinstance(said.get("action"), dict):
        raise WrongLine('it has no "action": {"action": {"type": …, "visit": …}}.')
    try:
        at = None if said.get("at") is None else _INSTANT.validate_python(said["at"])
    except ValidationError:
        raise WrongLine('"at" is no ISO 8601 time with its offset from UTC.') from None
    action: dict[str, Any] = said["action"]
    try:
        ACTION.validate_python(action)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "type"
        raise WrongLine(f"{place}: {first['msg']}.") from None
    return action, at


def _record(action: dict[str, Any], at: datetime | None, now_ms: int | None) -> Outgoing:
    value = json.dumps(action, ensure_ascii=False, separators=(",", ":")).encode()
    event_id = str(action.get("id") or hashlib.sha256(value).hexdigest()[:32])
    headers = (
        cloudevents.headers(event_id=event_id, event_type=ACTION_TYPE, source=SOURCE, time=at) if at else []
    )
    stamp = round(at.timestamp() * 1000) if at else now_ms
    return Outgoing(None, value, headers, timestamp_ms=stamp)
