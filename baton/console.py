"""What `baton up` and the demo say while they run: one line an event, coloured on a terminal only."""

import contextlib
import json
import sys
import time
from typing import Any, TextIO

TONES = {"good": "green", "bad": "bold red", "warn": "yellow", "dim": "dim", "plain": ""}
COLOURS = {
    "baton": "bold", "postgres": "blue", "broker": "magenta", "admissions": "cyan", "mllp": "bright_cyan", "transitions": "green",
    "deadlines": "yellow", "notifications": "bright_magenta", "worklist": "bright_green",
}  # fmt: skip
LEVELS = {"warning": "warn", "error": "bad", "critical": "bad"}
# What a line says anyway, or nobody reads here: the whole line is in the log file.
LEFT_OUT = frozenset({"event", "level", "service", "logger", "timestamp", "at"})


class Console:
    """Lines of time, speaker and sentence."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._rich: Any = None
        if self._stream.isatty():
            from rich.console import Console as Rich

            self._rich = Rich(file=self._stream, highlight=False, soft_wrap=True)

    def say(self, who: str, sentence: str, tone: str = "plain") -> None:
        now = time.strftime("%H:%M:%S")
        with contextlib.suppress(OSError):  # whoever read these lines has gone; the work goes on
            self._print(now, who, sentence, tone)

    def _print(self, now: str, who: str, sentence: str, tone: str) -> None:
        if self._rich is None:
            print(f"{now}  {who:<13} {sentence}", file=self._stream, flush=True)
            return
        from rich.text import Text

        self._rich.print(
            Text.assemble(
                (f"{now}  ", "dim"), (f"{who:<13} ", COLOURS.get(who, "bold")), (sentence, TONES[tone])
            )
        )

    def pass_on(self, who: str, line: str) -> None:
        """Say what a service logged, in words for people."""
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        if not isinstance(said, dict) or "event" not in said:
            self.say(who, line, "warn")
            return
        if said.get("level") == "debug":
            return
        details = " ".join(f"{key}={_short(value)}" for key, value in said.items() if key not in LEFT_OUT)
        self.say(who, f"{said['event']}  {details}".rstrip(), LEVELS.get(str(said.get("level")), "plain"))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:117] + "..."
