"""`baton` in processes of its own that need not import everything anew: each is forked from one that already has.

To import takes longer than most of what a test then asks of a process. Commands and processes are real ones all the
same: their own memory, environment, working directory and output, and they can be killed. What has to start as a user
starts it, `python -m baton`, goes without.
"""

import gc
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import connection, get_context
from pathlib import Path
from threading import Lock

from baton.run import APPS
from tests.infra.processes import Child, dies_with_parent

ROOT = Path(__file__).parents[2]
_context = get_context("forkserver")
_context.set_forkserver_preload(
    [__name__, "baton.cli", *sorted({app.partition(":")[0] for app in APPS.values()})]
)
# The library reads how a process ended from a pipe, once: no two threads may ask at a time.
_asking = Lock()


class Forked:
    """As much of `subprocess.Popen` as its users need."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        environment: Mapping[str, str],
        folder: Path,
        streams: tuple[Path, Path, Path],
        dies_by: signal.Signals,
    ) -> None:
        given = (list(words), dict(environment), folder, streams, dies_by)
        self._process = _context.Process(target=_live, args=given, daemon=True)
        with _asking:
            self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self._sentinel = self._process.sentinel

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        with _asking:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        give_up_at = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            left = None if give_up_at is None else give_up_at - time.monotonic()
            if left is not None and left <= 0:
                raise subprocess.TimeoutExpired("baton", timeout or 0)
            connection.wait([self._sentinel], left)
        return code

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            # It may have ended since, without our having heard of it yet.
            with suppress(ProcessLookupError):
                os.kill(self.pid, sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Baton(Child):
    """A process of Baton that lives until it is told to end, as `Child` has it."""

    def _spawn(
        self,
        argv: Sequence[str],
        env: Mapping[str, str] | None,
        user: str | None,
        cwd: Path | None,
        dies_by: signal.Signals,
    ) -> Forked:
        self.log.touch()
        streams = (Path(os.devnull), self.log, self.log)
        environment = os.environ if env is None else env
        return Forked(argv, environment=environment, folder=cwd or ROOT, streams=streams, dies_by=dies_by)


def baton(
    *words: str,
    env: Mapping[str, str],
    given: str | None = None,
    cwd: Path | None = None,
    timeout: float = 100,
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end, as `subprocess.run` with captured text does."""
    with tempfile.TemporaryDirectory() as kept:
        streams = (Path(kept, "given"), Path(kept, "out"), Path(kept, "error"))
        streams[0].write_text(given or "")
        command = Forked(
            words, environment=env, folder=cwd or Path.cwd(), streams=streams, dies_by=signal.SIGKILL
        )
        try:
            code = command.wait(timeout)
        finally:
            command.kill()
        out, error = (stream.read_text() for stream in streams[1:])
        return subprocess.CompletedProcess(["baton", *words], code, out, error)


def _live(
    words: list[str],
    environment: dict[str, str],
    folder: Path,
    streams: tuple[Path, Path, Path],
    dies_by: signal.Signals,
) -> None:
    """Become `baton WORDS`."""
    # What the parent imported is not looked through for garbage: to look would copy all of it.
    gc.freeze()
    os.setsid()
    if ask_kernel := dies_with_parent(dies_by):
        ask_kernel()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, stream in enumerate(streams):
        flags = os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_APPEND
        opened = os.open(stream, flags, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    # Each of these belonged to the parent, with whatever it had read or written.
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    sys.argv = ["baton", *words]
    from baton.cli import main

    sys.exit(main(words))
