"""Logs: JSON lines with static event names and fields by allow-list; an unlisted field vanishes."""

import logging
import sys
from typing import Any

import structlog
from structlog.types import EventDict, WrappedLogger

FIELDS = frozenset(
    {
        "event", "level", "timestamp", "part", "pid", "ticket", "step", "verb", "system", "channel", "state", "client",
        "right", "error", "reason", "entries", "accepted", "reclaimed", "sent", "advanced", "attempts", "seconds",
        "hold", "clock", "milestone", "late", "alert", "kind", "batch", "places",
    }
)  # fmt: skip


def _only_listed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: value for name, value in event.items() if name in FIELDS}


class _StandardError:
    """Standard error as it is at each line: a process may put another there after logs were configured."""

    def write(self, text: str) -> int:
        """Write to what is standard error now."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush what is standard error now."""
        sys.stderr.flush()


def configure(part: str, *, level: int = logging.INFO) -> None:
    """Send our events to standard error as JSON, and let libraries speak only from WARNING on."""
    stream: Any = _StandardError()
    logging.basicConfig(stream=stream, level=logging.WARNING, format="%(name)s %(levelname)s %(message)s")
    for name in ("httpx", "httpcore"):  # they name every request's URL, which may hold an identifier
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            _only_listed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(part=part)


def place_of(error: BaseException) -> str:
    """Name an exception and where it was raised; its text may quote a person's record, so it stays out."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = f" in {trace.tb_frame.f_globals.get('__name__', '?')}:{trace.tb_lineno}" if trace else ""
    return f"{type(error).__name__}{where}"
