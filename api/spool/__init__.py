"""The disk buffer: what Kafka cannot take now is kept in SQLite until it can."""

from api.spool.file import SpooledRecord, SpoolFile
from api.spool.queue import Spool, SpoolBroken

__all__ = ["Spool", "SpoolBroken", "SpoolFile", "SpooledRecord"]
