"""Children and strangers: they end when they should, and nobody else does."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from baton.console import Console
from baton.ports import choose_ports
from baton.processes import birth, end, end_stranger, spawn
from baton.supervisor import Supervisor
from baton.trouble import Misuse

STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


async def test_a_stubborn_child_is_killed() -> None:
    """What ignores the signal is killed when its time is over."""
    child = await spawn([sys.executable, "-c", STUBBORN], output=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    await child.stdout.readline()
    await end(child, within=0.2)
    assert child.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of this system does not tell children")
def test_children_end_with_a_killed_parent(tmp_path: Path) -> None:
    """A parent that is killed with -9 takes its children along."""
    code = (
        "import asyncio, sys; from baton.processes import spawn\n"
        "async def main():\n"
        "    child = await spawn(['sleep', '60'], output=asyncio.subprocess.DEVNULL)\n"
        "    print(child.pid, flush=True)\n"
        "    await child.wait()\n"
        "asyncio.run(main())"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    born = birth(child)
    assert born is not None
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = 200
    while birth(child) == born and deadline:
        deadline -= 1
        asyncio.run(asyncio.sleep(0.05))
    assert birth(child) != born


async def test_only_the_one_meant_is_ended() -> None:
    """A process that merely got the pid of one of ours is left alone."""
    stranger = await spawn(["sleep", "60"], output=asyncio.subprocess.DEVNULL)
    born = birth(stranger.pid)
    assert born is not None
    assert await end_stranger(stranger.pid, "another birth") is False
    assert birth(stranger.pid) == born
    reaped = asyncio.create_task(stranger.wait())
    assert await end_stranger(stranger.pid, born) is True
    await reaped


def test_the_dead_have_no_birth() -> None:
    """A pid without a process gives nothing; our own gives the same twice."""
    assert birth(2**22 + 1) is None
    assert birth(os.getpid()) == birth(os.getpid())


class Crashing:
    """A server that ends at once the first two times."""

    name = "crashing"

    def __init__(self) -> None:
        self.process: asyncio.subprocess.Process | None = None
        self.starts = 0

    async def start(self) -> None:
        self.starts += 1
        command = ["sleep", "60"] if self.starts > 2 else ["false"]
        self.process = await spawn(command, output=asyncio.subprocess.DEVNULL)

    async def stop(self) -> None:
        if self.process is not None:
            await end(self.process)


async def test_what_ends_is_started_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A child that crashes comes back after a pause, and whoever keeps the addresses hears of it."""
    monkeypatch.setattr("baton.supervisor.PAUSES", (0.01, 0.02))
    changes: list[int] = []
    supervisor = Supervisor(Console(), lambda: changes.append(1))
    server = Crashing()
    await server.start()
    watch = asyncio.create_task(supervisor.watch(server))
    while not changes or server.starts < 3 or server.process is None or server.process.returncode is not None:
        await asyncio.sleep(0.01)
    assert list(supervisor.pids()) == ["crashing"]
    watch.cancel()
    await server.stop()
    said = capsys.readouterr().err
    assert len(changes) >= 1
    assert said.count("ended with code 1") == 2
    assert "starting it again in 0.02 s" in said


@contextmanager
def _taken_behind_a_free_one() -> Iterator[int]:
    """A port in use, below those that the system gives to whoever asks for any: the one before it stays free."""
    for port in range(20_001, 30_000, 2):
        with socket.socket() as before, socket.socket() as taken:
            try:
                before.bind(("127.0.0.1", port - 1))
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            before.close()
            taken.listen()
            yield port
            return
    pytest.fail("no two ports in a row are free")


def test_ports_that_are_named_must_be_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """BATON_HTTP_PORT names the first of several; one in use is said before anything starts."""
    assert len(set(choose_ports(4))) == 4
    with _taken_behind_a_free_one() as port:
        monkeypatch.setenv("BATON_HTTP_PORT", str(port - 1))
        with pytest.raises(Misuse, match=f"Port {port} is in use"):
            choose_ports(2)
        assert choose_ports(1) == [port - 1]
    monkeypatch.setenv("BATON_HTTP_PORT", "many")
    with pytest.raises(Misuse, match="BATON_HTTP_PORT is no port"):
        choose_ports(1)
