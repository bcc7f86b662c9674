"""What can go wrong in the worker, and what follows from it.

WorkerError
├── Undecodable              this record is no event: it is parked in the dead letters
├── StoreUnavailable         PostgreSQL cannot take the batch now: wait, and try the same batch again
├── Fenced                   another worker has moved the offsets: drop the batch, ask where to go on
├── DeadLettersUnavailable   a dead letter could not be parked: nothing was stored, try the batch again
└── TooManyDeadLetters       parking goes on and on: stop, something was deployed that should not have been
"""

from typing import ClassVar

from worker.metrics import Parked, Trouble


class WorkerError(Exception):
    retriable: ClassVar[bool] = False


class Undecodable(WorkerError):
    def __init__(self, reason: Parked, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class StoreUnavailable(WorkerError):
    retriable = True

    def __init__(self, trouble: Trouble, detail: str) -> None:
        super().__init__(f"{trouble}: {detail}")
        self.trouble = trouble


class Fenced(WorkerError):
    pass


class DeadLettersUnavailable(WorkerError):
    retriable = True


class TooManyDeadLetters(WorkerError):
    pass
