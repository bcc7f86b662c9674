"""python -m worker: read the settings, then consume until told to stop.

Exit status: 0 stopped in order, 1 failed, 2 wrong settings, 3 stopped after the limit on dead letters had halted it.
"""

import gc
import os
import signal
import sys
from threading import Event
from types import FrameType

from loguru import logger

from contract.logs import log_to_stderr
from contract.settings import explain
from worker.app import build_worker
from worker.errors import TooManyDeadLetters
from worker.settings import WorkerSettings


def main() -> int:
    try:
        settings = WorkerSettings()
        log_to_stderr("worker", settings.log_level)
    except ValueError as error:
        sys.stderr.write(f"The settings are wrong; mend the environment and start again.\n{explain(error)}\n")
        return 2
    logger.info("settings: {}", settings)
    # While one thread decodes, the other needs the interpreter's lock after each answer of PostgreSQL: with the usual
    # 5 ms a transaction waited for it a third of its time.
    sys.setswitchinterval(0.0001)
    gc.freeze()  # what lives from here to the end need not be looked at again
    gc.set_threshold(50_000, 20, 50)  # a batch makes thousands of objects, none of them in a cycle
    stop = _stop_on_signals()
    with build_worker(settings, stop) as worker:
        try:
            worker.run()
        except TooManyDeadLetters as error:
            logger.critical("halted, and nothing more is parked: {}. Mend the cause, then restart this worker.", error)
            worker.halt()
            return 3
    return 0


def _stop_on_signals() -> Event:
    """An event that SIGTERM or SIGINT sets; the second one ends the process on the spot."""
    stop = Event()

    def handle(number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    return stop


if __name__ == "__main__":
    sys.exit(main())
