"""Logging as lines of JSON that tell what happened where, and never a value that was being worked on."""

import asyncio
import logging
import sys
from collections.abc import Collection, MutableMapping
from time import monotonic
from types import TracebackType
from typing import Any, TextIO, cast

import structlog
from structlog.types import EventDict, Processor

from services.chassis import metrics
from services.chassis.redaction import DENIED, Deny, describe_exception, error_name, exception_of
from services.chassis.settings import ServiceSettings

QUIET = 10.0
# While Kafka is away they say so ten times a second.
REPETITIVE = ("aiokafka", "kafka")
# Their debug lines print keys and values.
TALKATIVE = ("aiokafka", "kafka", "asyncio", "asyncpg", "faststream", "uvicorn", "httpx", "httpcore")

__all__ = ["configure", "error_name", "get_logger", "quiet_loop", "safe_until_configured"]

Logger = structlog.stdlib.BoundLogger


def get_logger(name: str) -> Logger:
    logger: Logger = structlog.stdlib.get_logger(name)
    return logger


def configure(
    service: str,
    settings: ServiceSettings,
    *,
    denied: Collection[str] = (),
    registry: metrics.Registry | None = None,
) -> None:
    """Send every log line of the process, the libraries' included, through one formatter to stderr, and count it."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Say(service),
        describe_exception,
        Deny(DENIED | frozenset(denied)),
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
    handler = _Stderr(registry)
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


def _quiet_foreign(_: Any, __: str, event: EventDict) -> EventDict:
    """Libraries put exception messages into their own lines (FastStream does); keep only what is surely ours."""
    args = event.pop("positional_args", ())
    if exception_of(event.get("exc_info")) is not None:
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

    def __init__(self, registry: metrics.Registry | None) -> None:
        super().__init__()
        self._registry = registry
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
            return
        if self._registry is not None:
            self._registry.counter(metrics.LOG_LINES).labels(record.levelname.lower()).inc()


class _Say:
    """Put the service's name on each line."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, _: Any, __: str, event: EventDict) -> EventDict:
        event["service"] = self._service
        return event


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
            Deny(DENIED),
            structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _StderrNow())),
        cache_logger_on_first_use=False,
    )


if not structlog.is_configured():
    safe_until_configured()
