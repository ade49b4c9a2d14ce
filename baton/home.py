"""The folder of a running system, $BATON_HOME: its lock, its addresses in run.json, its data and logs."""

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baton.trouble import Misuse, Trouble


@dataclass(frozen=True, slots=True)
class Home:
    """Where `baton up` keeps what belongs to it, and where every other command finds it."""

    path: Path

    @classmethod
    def here(cls) -> "Home":
        """Return $BATON_HOME, else .baton in the working directory."""
        return cls(Path(os.environ.get("BATON_HOME") or ".baton").absolute())

    @property
    def run_file(self) -> Path:
        return self.path / "run.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def make(self) -> None:
        """Make the folder: entered by anybody (a server of ours may be somebody else), listed by its owner only."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(0o711)
            self.logs.mkdir(exist_ok=True)
            self.logs.chmod(0o700)
        except OSError as error:
            raise Trouble(f"{self.path} cannot be written ({error.strerror}); set BATON_HOME.") from None

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home for one `baton up`; the system lets go of it however that one ends."""
        with (self.path / "lock").open("a") as file:
            for patience in (0.1, 0.2, 0.4, 0.0):  # who only looks whether we run holds it for an instant
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    if not patience:
                        raise Misuse(self._taken()) from None
                    time.sleep(patience)
                else:
                    break
            yield

    def _taken(self) -> str:
        pid = (self.read() or {}).get("pid")
        who = f" (process {pid})" if pid else ""
        return f"A `baton up`{who} already runs in {self.path}; end it first, or set BATON_HOME for a second one."

    def running(self) -> bool:
        """Tell whether a `baton up` holds this home now."""
        try:
            with (self.path / "lock").open("a") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def read(self) -> dict[str, Any] | None:
        """Give what run.json says, None where there is none."""
        try:
            said = json.loads(self.run_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return said if isinstance(said, dict) else None

    def write(self, run: dict[str, Any]) -> None:
        """Put run.json in place whole; it names the database's password, so it is the owner's alone."""
        handle, name = tempfile.mkstemp(prefix=".run-", dir=self.path)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(run, file, indent=2)
                file.write("\n")
            Path(name).replace(self.run_file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def forget(self) -> None:
        with contextlib.suppress(OSError):
            self.run_file.unlink(missing_ok=True)
