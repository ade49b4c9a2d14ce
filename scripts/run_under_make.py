"""Run a command in place of itself, and interrupt it when only `make` above it was interrupted.

A signal from a terminal reaches everything; one sent to make alone does not: GNU make passes on a
terminate, but on an interrupt it waits for its children for ever without telling them.
"""

import os
import signal
import sys
import time
from pathlib import Path


def watch(make: int, command: int) -> None:
    """Wait until `make` is gone or has seen an interrupt, then interrupt `command`; end when it ends."""
    listening = _catches_interrupts(make)
    while os.getppid() == command:
        if _status(command, "PPid") != str(make) or _catches_interrupts(make) != listening:
            os.kill(command, signal.SIGINT)
            return
        time.sleep(0.2)


def _catches_interrupts(pid: int) -> bool:
    return bool(int(_status(pid, "SigCgt"), 16) & 1 << (signal.SIGINT - 1))


def _status(pid: int, field: str) -> str:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return "0"
    return next((line.split()[1] for line in lines if line.startswith(f"{field}:")), "0")


def main() -> None:
    make, command = os.getppid(), os.getpid()
    if Path("/proc/self/status").exists() and not os.isatty(0) and os.fork() == 0:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        # Hold no pipe open that the command's reader waits on.
        nothing = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nothing, stream)
        watch(make, command)
        os._exit(0)
    os.execv(sys.argv[1], sys.argv[1:])  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    main()
