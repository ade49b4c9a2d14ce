"""Names of episodes and deadlines, derived from what they are about, so that a correction keeps them."""

from base64 import b32encode
from functools import lru_cache
from hashlib import sha256
from uuid import UUID

from schemas.ids import uuid5

_DEADLINES = UUID("5f1c0f6e-0d6b-5a44-9c0e-3a8f2b7d1e90")


@lru_cache(maxsize=16384)
def episode_id(visit_id: UUID, kind: str, anchor: str) -> str:
    """A case number of twelve letters and digits that can be read out on the phone."""
    digest = sha256(f"{visit_id}|{kind}|{anchor}".encode()).digest()
    return b32encode(digest[:10]).decode()[:12]


@lru_cache(maxsize=16384)
def deadline_id(episode: str, kind: str) -> UUID:
    return uuid5(_DEADLINES, f"{episode}|{kind}")
