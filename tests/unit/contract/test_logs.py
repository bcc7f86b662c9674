"""What a process writes to its own log: one JSON object a line, or text for who watches a terminal."""

import os
import subprocess
import sys
from json import loads
from typing import Any

PROGRAM = """
import logging
from loguru import logger
from contract.logs import log_to_stderr
log_to_stderr("api", "INFO")
{0}
"""


def written(statement: str) -> list[Any]:
    """The lines a process leaves behind that says so."""
    done = subprocess.run([sys.executable, "-c", PROGRAM.format(statement)], capture_output=True, check=True)
    assert done.stdout == b""
    return [loads(line) for line in done.stderr.splitlines()]


def shown(statement: str) -> str:
    """What a terminal shows of it."""
    terminal, inside = os.openpty()
    try:
        subprocess.run([sys.executable, "-c", PROGRAM.format(statement)], stderr=inside, check=True)
        return os.read(terminal, 65_536).decode()
    finally:
        os.close(inside)
        os.close(terminal)


def test_what_a_line_is_bound_with_is_a_member_of_its_object() -> None:
    (line,) = written("logger.bind(request_id='r-1', event_id='e-1', offset=17).info('event {}', 'published')")
    assert line.pop("time")
    assert line == {
        "service": "api", "level": "INFO", "message": "event published",
        "request_id": "r-1", "event_id": "e-1", "offset": 17,
    }  # fmt: skip


def test_a_line_that_is_about_no_event_has_no_ids() -> None:
    (line,) = written("logger.info('ready')")
    assert line.keys() == {"time", "level", "service", "message"}


def test_lines_of_the_standard_library_come_in_the_same_shape() -> None:
    (line,) = written("logging.getLogger('uvicorn.error').warning('%d left', 3)")
    assert (line["message"], line["level"], line["service"]) == ("uvicorn.error: 3 left", "WARNING", "api")


def test_a_traceback_stays_on_its_line() -> None:
    statement = "try: 1 / 0\nexcept ZeroDivisionError: logger.bind(request_id='r-1').exception('failed')"
    (line,) = written(statement)
    assert line["request_id"] == "r-1"
    assert line["exception"].rstrip().endswith("ZeroDivisionError: division by zero")


def test_ids_cannot_break_a_line() -> None:
    (line,) = written(r"""logger.bind(request_id='a"b\\\n{x}<red>').info('<red>{}</red>', '{braces}')""")
    assert line["request_id"] == 'a"b\\\n{x}<red>'
    assert line["message"] == "<red>{braces}</red>"


def test_a_terminal_shows_the_ids_behind_the_text() -> None:
    text = shown("logger.bind(request_id='r{1}<b>', event_id='e-1').warning('refused')")
    assert "WARNING" in text
    assert "refused" in text
    assert " request_id=r{1}<b> event_id=e-1" in text
    assert "service" not in text
    assert not text.startswith("{")


def test_a_terminal_shows_tracebacks() -> None:
    assert "ZeroDivisionError" in shown("try: 1 / 0\nexcept ZeroDivisionError: logger.exception('failed')")
