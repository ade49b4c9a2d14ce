"""Files as the operator names them: `-` is stdin; one that cannot be read is one sentence."""

import sys
from pathlib import Path

from baton.trouble import Misuse


def read_bytes(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise Misuse(f"{name} cannot be read: {error.strerror}.") from None
