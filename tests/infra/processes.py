"""Child processes that never outlive the one that started them."""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

PR_SET_PDEATHSIG = 1

# The kernel's "tell me when my parent dies" means the parent *thread*: so one thread that lives as long
# as the interpreter starts every child, whichever thread or event loop asked.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")


class ServerFailed(RuntimeError):
    """A server ended or stayed silent while it was expected to get ready."""


class Running(Protocol):
    """A process as `subprocess.Popen` shows it."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | Any: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def send_signal(self, sig: int) -> None: ...
    def kill(self) -> None: ...


class Child:
    """One server process, its log file, and the ways to end or freeze it."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        cwd: Path | None = None,
        dies_by: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.log = log
        self._log_start = log.stat().st_size if log.exists() else 0
        self._argv0 = Path(argv[0]).name
        self.process: Running = _spawner.submit(self._spawn, argv, env, user, cwd, dies_by).result()

    def _spawn(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None,
        user: str | None,
        cwd: Path | None,
        dies_by: signal.Signals,
    ) -> Running:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=env,
                user=user,
                group=user and _group_of(user),
                extra_groups=[] if user else None,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=dies_with_parent(dies_by),  # noqa: PLW1509  (it takes no lock)
            )

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def said(self) -> str:
        """Return what this process wrote, without what an earlier one left in the same file."""
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            return log.read().decode(errors="replace")

    def wait_until(self, ready: Callable[[], bool], *, within: float) -> None:
        give_up_at = time.monotonic() + within
        while not ready():
            if not self.alive:
                raise ServerFailed(
                    f"{self._argv0} ended with {self.process.returncode}:\n{self.said()[-4000:]}"
                )
            if time.monotonic() > give_up_at:
                raise ServerFailed(f"{self._argv0} was not ready in {within:g} s:\n{self.said()[-4000:]}")
            time.sleep(0.02)

    def send(self, what: signal.Signals) -> None:
        if self.alive:
            self.process.send_signal(what)

    def end(self, by: signal.Signals, *, within: float = 20) -> None:
        """Send `by` and wait; what is still there after `within` seconds is killed."""
        self.send(by)
        self.send(signal.SIGCONT)
        try:
            self.process.wait(within)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _group_of(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def dies_with_parent(by: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, int(by), 0, 0, 0)

    return ask_kernel
