"""Logging as lines of JSON that tell what happened where, and never a value that was being worked on."""

import asyncio
import logging
import sys
import traceback
from collections.abc import Collection, Iterable, MutableMapping
from datetime import date, datetime
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, TextIO, cast

import structlog
from structlog.types import EventDict, Processor

from services.chassis.settings import ServiceSettings

FRAMES = 3
QUIET = 10.0
LONGEST = 300
# These hold what a record, a row or a secret says. A service adds the words of its own trade.
WITHHELD = """
    args body content data dsn document headers key locals message params password payload query raw record row
    secret text token url value values
"""
DENIED = frozenset(WITHHELD.split())
# While Kafka is away they say so ten times a second.
REPETITIVE = ("aiokafka", "kafka")
# Their debug lines print keys and values.
TALKATIVE = ("aiokafka", "kafka", "asyncio", "asyncpg", "faststream", "uvicorn", "httpx", "httpcore")

Logger = structlog.stdlib.BoundLogger


def get_logger(name: str) -> Logger:
    logger: Logger = structlog.stdlib.get_logger(name)
    return logger


def configure(service: str, settings: ServiceSettings, *, denied: Collection[str] = ()) -> None:
    """Send every log line of the process, the libraries' included, through one formatter to stderr."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Say(service),
        describe_exception,
        _Deny(DENIED | frozenset(denied)),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_quiet_foreign, *shared],
            use_get_message=False,
            pass_foreign_args=True,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(settings.log_format),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    # A line that cannot be written is lost; Python would print its arguments instead.
    logging.raiseExceptions = False
    for name in TALKATIVE:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(logging.WARNING)
    sys.excepthook = _log_crash


def describe_exception(_: Any, __: str, event: EventDict) -> EventDict:
    """Replace the exception by its classes and innermost frames; its message may quote what was worked on."""
    error = _exception(event.pop("exc_info", None))
    for name in ("exc_text", "stack_info", "stack", "exception"):
        event.pop(name, None)
    if error is not None:
        event["error"] = " < ".join(_class_chain(error))
        event["at"] = _frames(error)
    return event


def error_name(error: BaseException) -> str:
    """The class of an error, which is all of it that may be shown."""
    module = type(error).__module__
    return type(error).__qualname__ if module == "builtins" else f"{module}.{type(error).__qualname__}"


def _exception(info: Any) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    if isinstance(info, tuple):
        return cast("BaseException | None", info[1])
    return sys.exc_info()[1] if info else None


def _class_chain(error: BaseException) -> Iterable[str]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        inner = f"({', '.join(sorted({error_name(e) for e in _leaves(link)}))})"
        yield error_name(link) + (inner if isinstance(link, BaseExceptionGroup) else "")
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _leaves(error: BaseException) -> Iterable[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _frames(error: BaseException) -> list[str]:
    deepest = next(iter(_leaves(error)))
    summary = traceback.StackSummary.extract(traceback.walk_tb(deepest.__traceback__), lookup_lines=False)
    return [f"{Path(f.filename).name}:{f.lineno}:{f.name}" for f in summary[-FRAMES:]][::-1]


def _quiet_foreign(_: Any, __: str, event: EventDict) -> EventDict:
    """Libraries put exception messages into their own lines (FastStream does); keep only what is surely ours."""
    args = event.pop("positional_args", ())
    if _exception(event.get("exc_info")) is not None:
        event["event"] = "a library reported an error"
    elif isinstance(args, tuple) and args:
        event["event"] = _fill_in(event["event"], args)
    return event


def _fill_in(template: str, args: tuple[Any, ...]) -> str:
    try:
        return template % tuple(error_name(arg) if isinstance(arg, BaseException) else arg for arg in args)
    except (TypeError, ValueError):
        return template


class _Stderr(logging.Handler):
    """Writes to stderr as it is now: it may be redirected after the log was set up."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, int], float] = {}

    def _often(self, record: logging.LogRecord) -> bool:
        """Whether the same line of the library spoke less than ten seconds ago."""
        line = (record.name, record.lineno)
        now = monotonic()
        if now - self._said.get(line, -QUIET) < QUIET:
            return True
        self._said[line] = now
        return False

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.split(".")[0] in REPETITIVE and self._often(record):
            return
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001  (logging's own way to deal with it)
            self.handleError(record)


class _Say:
    """Put the service's name on each line."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _: Any, __: str, event: EventDict) -> EventDict:
        event["service"] = self._service
        return event


class _Deny:
    """Drop what must not be shown: by the name of the key, and by the kind of the value."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def __call__(self, _: Any, __: str, event: EventDict) -> EventDict:
        for key in list(event):
            if key.startswith("_"):
                continue
            event[key] = "[withheld]" if key.lower() in self._names else _plain(event[key])
        return event


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return value if len(value) <= LONGEST else value[:LONGEST] + "…"
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset) and len(value) <= 50:
        return [_plain(each) for each in value]
    if isinstance(value, Path):
        return str(value)
    return error_name(value) if isinstance(value, BaseException) else f"[{type(value).__name__}]"


def _renderer(log_format: str) -> Processor:
    if log_format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(colors=log_format == "pretty", pad_event_to=0)


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    get_logger("crash").critical("the process ends by an error", exc_info=(kind, error, trace))


def quiet_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Log what asyncio finds wrong by the class of its exception; its own text shows the values."""

    def handle(_: asyncio.AbstractEventLoop, context: MutableMapping[str, Any]) -> None:
        get_logger("asyncio").error("an error reached the event loop", exc_info=context.get("exception"))

    loop.set_exception_handler(handle)


class _StderrNow:
    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


def safe_until_configured() -> None:
    """A command that never calls `configure` would get structlog's default: tracebacks with all locals, on stdout."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            describe_exception,
            _Deny(DENIED),
            structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _StderrNow())),
        cache_logger_on_first_use=False,
    )


if not structlog.is_configured():
    safe_until_configured()
