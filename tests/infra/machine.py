"""What this machine offers: Docker, Java, free ports, places to write."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from functools import cache
from pathlib import Path


@cache
def docker_answers() -> bool:
    """Whether a Docker engine answers; a client without one does not count."""
    if shutil.which("docker") is None and "DOCKER_HOST" not in os.environ:
        return Path("/var/run/docker.sock").exists() and _docker_socket_answers()
    try:
        asked = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"],
            capture_output=True,
            timeout=15,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _docker_socket_answers() -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect("/var/run/docker.sock")
        except OSError:
            return False
    return True


@cache
def docker_has(image: str) -> bool:
    """Whether Docker can run `image`, fetching it where it is missing; that may take minutes."""
    if not docker_answers():
        return False
    import docker
    from docker.errors import DockerException, ImageNotFound

    try:
        images = docker.from_env().images
        try:
            images.get(image)
        except ImageNotFound:
            images.pull(image)
    except DockerException:
        return False
    return True


@cache
def java() -> str | None:
    """Return the path of a Java of version 17 or newer, or None."""
    home = os.environ.get("JAVA_HOME")
    candidates = [str(Path(home, "bin", "java"))] if home else []
    candidates += [found] if (found := shutil.which("java")) else []
    for candidate in candidates:
        try:
            said = subprocess.run(
                [candidate, "-version"], capture_output=True, text=True, timeout=30, check=False
            )
        except (OSError, subprocess.TimeoutExpired):
            continue
        version = re.search(r'version "(\d+)', said.stderr + said.stdout)
        if version and int(version[1]) >= 17:
            return candidate
    return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cache_dir() -> Path:
    """Return the folder for what is worth keeping between runs, `$BATON_CACHE` or ~/.cache/baton."""
    chosen = os.environ.get("BATON_CACHE")
    folder = Path(chosen) if chosen else Path.home() / ".cache" / "baton"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def new_folder(name: str) -> Path:
    """Make a temporary folder that an unprivileged user can reach too."""
    for base in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        if Path(base).is_dir() and open_to_all(Path(base)):
            return Path(tempfile.mkdtemp(prefix=f"baton-{name}-", dir=base))
    return Path(tempfile.mkdtemp(prefix=f"baton-{name}-"))


def open_to_all(folder: Path) -> bool:
    """Whether any user may enter `folder`: every folder above it must allow it."""
    return all(step.stat().st_mode & 0o001 for step in (folder.resolve(), *folder.resolve().parents))
