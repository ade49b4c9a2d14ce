"""`baton normalize`: HL7 v2 messages in, canonical events out, one JSON line each; needs nothing running."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from baton.config import settings
from baton.files import read_bytes
from baton.trouble import Misuse
from schemas.topics import ADT_INBOUND
from services.admissions.domain.model import AdtEvent, Rejection
from services.admissions.hl7 import adt, frames
from services.admissions.hl7.describe import describe, describe_rejection
from services.admissions.hl7.sender import sender
from services.admissions.settings import Settings
from services.chassis.settings import SettingsError


class Reader:
    """Reads messages as admissions would, under the profiles of the configuration folder."""

    def __init__(self, feed: str | None) -> None:
        try:
            said = settings(Settings)
            self._feeds = said.feeds()
            self._zone_of = said.facilities().zone_of
        except SettingsError as error:
            raise Misuse(str(error)) from None
        if feed is not None and feed not in self._feeds.by_name:
            raise Misuse(f"There is no feed {feed}; there are {', '.join(sorted(self._feeds.by_name))}.")
        self._feed = feed

    def read(self, raw: bytes, now: datetime) -> dict[str, Any]:
        """Give one message as a JSON object; what more than one patient is told of comes under `further`."""
        profile = self._feeds.of(ADT_INBOUND, self._feed, *sender(raw))
        said = adt.normalize(raw, profile, zone_of=self._zone_of, received_at=now)
        if isinstance(said, Rejection):
            return describe_rejection(said)
        if isinstance(said, AdtEvent):
            return describe(said)
        return describe(said[0]) | {"further": [describe(event) for event in said[1:]]}


def normalize(files: Sequence[str], *, feed: str | None, strict: bool) -> int:
    """Print one line for each message, in input order; 1 only where `strict` and a message was bad."""
    reader = Reader(feed)
    encode = msgspec.json.Encoder().encode
    bad = 0
    for file in files:
        data = read_bytes(file)
        # A message without any time in it is taken to speak of now: of the moment it is read.
        now = datetime.now(UTC)  # noqa: TID251  (nothing runs whose clock could be asked)
        for raw in frames.split(data):
            said = reader.read(raw, now)
            bad += "error" in said
            sys.stdout.buffer.write(encode(said) + b"\n")
    sys.stdout.buffer.flush()
    return 1 if strict and bad else 0
