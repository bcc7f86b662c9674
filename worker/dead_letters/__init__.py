"""Records that are no events of ours: parked in ``events.dlq`` with their reason and origin, listed and replayed."""

from worker.dead_letters.limit import DeadLetterLimit
from worker.dead_letters.parking import DeadLetters

__all__ = ["DeadLetterLimit", "DeadLetters"]
