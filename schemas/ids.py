"""Ids derived from names (UUID version 5, RFC 9562 section 5.5): the same name always has the same one."""

from hashlib import sha1
from uuid import UUID

# A UUID of the standard library in all but speed: it is hashed, compared and written three to ten times as fast,
# and most of planning is looking things up by their ids. It is what asyncpg gives for a uuid, too.
from asyncpg.pgproto import pgproto


def uuid5(namespace: UUID, name: str) -> UUID:
    """The id of a name in a namespace, the same as `uuid.uuid5` gives."""
    digest = bytearray(sha1(namespace.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    found: UUID = pgproto.UUID(bytes(digest))
    return found
