"""How every process writes its own log: one format, so that lines join on ``request_id`` and ``event_id``.

Coloured text on a terminal, one JSON object a line elsewhere. consumer.log is another matter: see worker.event_log.
"""

import logging
import sys
from typing import Any, Literal

from loguru import logger
from pydantic_core import to_json

Level = Literal["TRACE", "DEBUG", "INFO", "SUCCESS", "WARNING", "ERROR", "CRITICAL"]
APART = "apart"
"""Records bound with this are for another handler: worker.event_log's lines are no business of stderr's."""

_TERMINAL = (
    "<green>{time:HH:mm:ss.SSS}</green> <level>{level: <8}</level> {message}<dim>{extra[shown]}</dim>\n{exception}"
)
_QUIET = ("kafka",)  # it tells of every connection it tries; what matters of that shows in metrics and transitions


def log_to_stderr(service: str, level: Level) -> None:
    """Send loguru's and the standard library's records to stderr.

    What a record is bound with, its ``request_id`` and ``event_id`` above all, becomes members of its JSON object.
    """
    logger.remove()
    logger.configure(extra={"service": service})
    if sys.stderr.isatty():
        logger.add(sys.stderr, level=level, filter=_ours, format=_on_a_terminal, diagnose=False)
    else:
        logger.add(_write_json, level=level, filter=_ours, diagnose=False)
    logging.basicConfig(handlers=[_Intercept()], level=logging.INFO, force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _ours(record: Any) -> bool:
    return APART not in record["extra"]


def _on_a_terminal(record: Any) -> str:
    bound = [f"{name}={value}" for name, value in record["extra"].items() if name not in ("service", "shown")]
    record["extra"]["shown"] = "".join(
        f" {word}" for word in bound
    )  # named in the format, so braces in it mean nothing
    return _TERMINAL


def _write_json(message: Any) -> None:
    record = message.record
    line = {
        "time": record["time"].isoformat(),
        "level": record["level"].name,
        "message": record["message"],
        **record["extra"],
    }
    if record["exception"] is not None:
        line["exception"] = str(message).partition("\n")[2]
    sys.stderr.buffer.write(to_json(line, fallback=str) + b"\n")
    sys.stderr.flush()


class _Intercept(logging.Handler):
    """Hands the standard library's records (uvicorn's, kafka-python's) to loguru."""

    def emit(self, record: logging.LogRecord) -> None:
        logger.opt(exception=record.exc_info).log(record.levelname, "{}: {}", record.name, record.getMessage())
