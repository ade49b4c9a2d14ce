"""Ports for the HTTP of several processes: free ones, or those that BATON_HTTP_PORT names."""

import os
import socket

from baton.processes import free_port
from baton.trouble import Misuse

PROCESSES = ("admissions", "mllp", "transitions", "deadlines", "notifications", "worklist")
"""What `baton up` starts; each serves HTTP on a port of its own, in this order."""

RUNNABLE = (*PROCESSES, "auditor")
"""What `baton run` runs. The auditor has its nightly work beside a hospital's system; elsewhere `baton audit run` does."""


def choose_mllp_port() -> int:
    """Give the port that BATON_MLLP_PORT names, or a free one."""
    named = os.environ.get("BATON_MLLP_PORT") or "0"
    if not named.isdigit() or int(named) > 65535:
        raise Misuse(
            "BATON_MLLP_PORT is no port: it names the one MLLP is served on, or is left out for a free one."
        )
    return int(named) or free_port()


def choose_ports(count: int) -> list[int]:
    """Give free ports; with BATON_HTTP_PORT set that one and those after it, which must be free."""
    first = os.environ.get("BATON_HTTP_PORT") or "0"
    if not first.isdigit() or int(first) + count > 65536:
        raise Misuse(
            "BATON_HTTP_PORT is no port: it names the first of several, or is left out for free ones."
        )
    if int(first) == 0:
        found: set[int] = set()
        while len(found) < count:
            found.add(free_port())
        return sorted(found)
    wanted = list(range(int(first), int(first) + count))
    for port in wanted:
        _must_be_free(port)
    return wanted


def _must_be_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise Misuse(
                f"Port {port} is in use: free it, or set BATON_HTTP_PORT to another first port."
            ) from None
