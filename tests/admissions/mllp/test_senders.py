"""Senders that nobody here wrote: python-hl7, HAPI HL7v2 and a client from npm. Each reads the answers it gets."""

import asyncio
import fcntl
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.admissions.mllp.load import control_of, message
from tests.infra import machine

FOLDER = Path(__file__).parent / "senders"
MESSAGES = [
    message("C1"),
    message("C2").replace(b"ADT^A08", b"ADT^A03"),
    message("C3").replace(b"|P|2.5.1", b"|X|2.5.1"),
    message("C4").replace(b"70001^^^HOSPA^MR", b""),
]
ANSWERS = ["AA C1", "AA C2", "AR C3", "AE C4"]
FETCH_WITHIN = 300.0


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    path = tmp_path / "feed.hl7"
    path.write_bytes(b"".join(MESSAGES))
    return path


async def _said(*command: str | Path, cwd: Path | None = None) -> str:
    done = await asyncio.to_thread(
        subprocess.run, [*map(str, command)], capture_output=True, text=True, check=False, timeout=90, cwd=cwd
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


async def test_python_hl7(listener: Callable[..., Any], feed: Path) -> None:
    """`mllp_send` of python-hl7 sends the file and shows our answers."""
    async with listener() as stand:
        command = Path(sys.executable).with_name("mllp_send")
        said = await _said(command, "--loose", "--port", str(stand.port), "--file", feed, "127.0.0.1")
        kept = sorted(control_of(value) for value in await stand.stored())
    answers = [
        line.split("|")[1:3] for line in said.replace("\r", "\n").splitlines() if line.startswith("MSA")
    ]
    assert [" ".join(answer) for answer in answers] == ANSWERS
    assert kept == ["C1", "C2", "C4"]


async def test_hapi(listener: Callable[..., Any], feed: Path) -> None:
    """HAPI HL7v2 (Java) sends over one connection and understands our answers, ERR included."""
    jars = _hapi()
    async with listener() as stand:
        said = await _said(machine.java() or "java", "-cp", jars, FOLDER / "Send.java", str(stand.port), feed)
        kept = sorted(control_of(value) for value in await stand.stored())
    assert said.splitlines() == ANSWERS
    assert kept == ["C1", "C2", "C4"]


async def test_node(listener: Callable[..., Any], feed: Path) -> None:
    """simple-hl7 (Node) sends over one connection and understands our answers."""
    modules = _simple_hl7()
    script = modules / "send.js"
    shutil.copyfile(FOLDER / "send.js", script)
    async with listener() as stand:
        said = await _said("node", script, str(stand.port), feed)
        kept = sorted(control_of(value) for value in await stand.stored())
    assert said.splitlines() == ANSWERS
    assert kept == ["C1", "C2", "C4"]


def _hapi() -> str:
    """The class path of HAPI, asked of Maven only the first time on a machine."""
    if machine.java() is None or shutil.which("mvn") is None:
        pytest.skip("HAPI HL7v2 needs Java 17 and mvn")
    kept = machine.cache_dir() / "hapi-classpath-2.5.1"
    pom = ["-f", str(FOLDER / "pom.xml"), "dependency:build-classpath", f"-Dmdep.outputFile={kept}"]
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists() or not all(Path(jar).exists() for jar in kept.read_text().split(":")):
            _fetch(["mvn", "-B", "-q", *pom], "HAPI HL7v2")
    return kept.read_text().strip()


def _simple_hl7() -> Path:
    """A folder with simple-hl7 in it, fetched by npm only the first time on a machine."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("simple-hl7 needs node and npm")
    kept = machine.cache_dir() / "simple-hl7-3.3.0"
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (kept / "node_modules" / "simple-hl7").exists():
            kept.mkdir(exist_ok=True)
            quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel", "error"]
            _fetch(["npm", "install", "--prefix", str(kept), *quiet, "simple-hl7@3.3.0"], "simple-hl7")
    return kept


def _fetch(command: list[str], what: str) -> None:
    try:
        subprocess.run(
            command, check=True, capture_output=True, timeout=FETCH_WITHIN, stdin=subprocess.DEVNULL
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip(f"{what} cannot be fetched here")
