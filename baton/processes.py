"""Child processes that never outlive the one that started them, and other people's children to be ended."""

import asyncio
import contextlib
import ctypes
import os
import pwd
import signal
import socket
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from baton.trouble import Trouble

PR_SET_PDEATHSIG = 1


async def spawn(
    argv: Sequence[str | Path],
    *,
    output: int | IO[bytes],
    env: Mapping[str, str] | None = None,
    user: str | None = None,
    cwd: Path | None = None,
    dies_by: signal.Signals = signal.SIGTERM,
) -> Process:
    """Start a child in a session of its own, so that Ctrl-C reaches only us; it gets `dies_by` when we die.

    Call it from the main thread: Linux means the parent's thread when it says parent.
    """
    identity: dict[str, Any] = {}
    if user is not None:
        identity = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
    return await asyncio.create_subprocess_exec(
        *map(str, argv),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=env,
        cwd=cwd,
        start_new_session=True,
        preexec_fn=_dies_with_parent(dies_by),
        **identity,
    )


def _dies_with_parent(by: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None  # there `baton up` ends what an earlier one left behind, at its next start
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, int(by), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), by)

    return ask_kernel


async def end(process: Process, by: signal.Signals = signal.SIGTERM, *, within: float = 8) -> None:
    """Ask a child to end, and kill it when it has not done so `within` seconds."""
    if process.returncode is not None:
        return
    _signal(process, by)
    _signal(process, signal.SIGCONT)
    try:
        async with asyncio.timeout(within):
            await process.wait()
    except TimeoutError:
        _signal(process, signal.SIGKILL)
        await process.wait()


def _signal(process: Process, what: signal.Signals) -> None:
    # Process.send_signal() looks first whether the child has ended, and takes its end from asyncio's watcher.
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, what)


async def wait_ready(
    process: Process, ready: Callable[[], Awaitable[bool]], *, what: str, within: float
) -> None:
    """Wait until `ready` says so; a process that ends or takes longer than `within` seconds is trouble."""
    try:
        async with asyncio.timeout(within):
            while not await ready():
                if process.returncode is not None:
                    raise Trouble(f"{what} ended with code {process.returncode} while it was starting.")
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise Trouble(f"{what} was not ready within {within:.0f} s.") from None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def birth(pid: int) -> str | None:
    """Give when a process started, in words that only that process has; None where there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.parent.parent.joinpath("self").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in {"Z", "X"} else fields[19]
    asked = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or None


async def end_stranger(
    pid: int, born: str, by: signal.Signals = signal.SIGTERM, *, within: float = 10
) -> bool:
    """End a process that is not our child, if it still is the one we mean; tell whether there was one."""
    if birth(pid) != born:
        return False
    for what, patience in ((by, within), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, what)
        for _ in range(int(patience / 0.05)):
            if birth(pid) != born:
                return True
            await asyncio.sleep(0.05)
    raise Trouble(f"Process {pid}, left behind by an earlier `baton up`, does not end; end it by hand.")
