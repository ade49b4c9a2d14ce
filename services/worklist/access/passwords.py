"""Passwords: hashed with argon2id, compared in a time that tells nothing."""

import unicodedata

from argon2 import PasswordHasher, Type, extract_parameters
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 15
"""Characters, where a password is all that is asked for (NIST SP 800-63B-4, 3.1.1.2)."""
LONGEST = 1024
"""Characters; hashing more is work for whoever sends them."""
LEAST_MEMORY, MOST_MEMORY, LEAST_TIME, MOST_TIME = 19_456, 1_048_576, 2, 20
"""KiB and passes; the least as OWASP's Password Storage Cheat Sheet has it, the most so that nobody waits for ever."""

# The defaults of argon2-cffi are the low-memory profile of RFC 9106: 64 MiB, 3 passes, 4 lanes.
_HASHER = PasswordHasher()


class PasswordError(ValueError):
    """A password or a hash will not do; the text says why, and never what it was."""


def make_hash(password: str) -> str:
    """Hash a new password; raises PasswordError where it is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordError(f"A password has {SHORTEST} to {LONGEST} characters; a sentence is a good one.")
    return _HASHER.hash(_normal(password))


def check_hash(stored: str) -> None:
    """Raise PasswordError, which goes on from the name of the key, unless this is an argon2id hash of bearable strength."""
    try:
        found = extract_parameters(stored)
    except InvalidHashError:
        raise PasswordError("is no argon2 hash; make one with `baton users hash`") from None
    strong = found.type is Type.ID and found.memory_cost >= LEAST_MEMORY and found.time_cost >= LEAST_TIME
    if not strong:
        raise PasswordError(
            f"is weaker than argon2id with {LEAST_MEMORY} KiB and {LEAST_TIME} passes; "
            "make one with `baton users hash`"
        )
    if found.memory_cost > MOST_MEMORY or found.time_cost > MOST_TIME:
        raise PasswordError("takes too long to compare; make one with `baton users hash`")


def fits(password: str, stored: str) -> bool:
    """Whether the password is the one of the hash; takes as long where it is not."""
    try:
        _HASHER.verify(stored, _normal(password[:LONGEST]))
    except (VerificationError, InvalidHashError):
        return False
    return len(password) <= LONGEST


def nobodys(like: str | None) -> str:
    """A hash of no password, as costly to compare with as `like`; for names that nobody has."""
    hasher = PasswordHasher.from_parameters(extract_parameters(like)) if like else _HASHER
    return hasher.hash("nobody")


def _normal(password: str) -> str:
    """The same characters, however a keyboard composed them (NIST SP 800-63B-4, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
