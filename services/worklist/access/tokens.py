"""Secrets a browser holds: random, kept here as digests only, and the CSRF token that is derived from them."""

import base64
import hashlib
import hmac
import secrets


def new() -> str:
    """Make a secret of 256 bits that fits a cookie and an address."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """What the database keeps of a secret; 256 random bits need no salt."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def csrf(token: str) -> str:
    """The CSRF token of a secret: nobody makes it without the cookie, and it tells nothing of it."""
    made = hmac.digest(token.encode("utf-8", "surrogateescape"), b"csrf", "sha256")
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def same(given: str | None, wanted: str) -> bool:
    """Compare two secrets in a time that tells nothing."""
    return given is not None and hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())
