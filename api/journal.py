"""What became of each event, as lines in the gateway's own log, for those who ask for them."""

from collections.abc import Iterable

from loguru import logger
from msgspec.structs import asdict

from api.errors import GatewayError
from api.record import Published, Record, Result


class Journal:
    """Joins a request to its events and their places. Writes nothing unless it is ``on``."""

    def __init__(self, *, on: bool) -> None:
        self.on = on

    def answered(self, request_id: bytes, records: Iterable[Record | GatewayError], results: Iterable[Result]) -> None:
        """A line for each event of a request, in order."""
        for index, (record, result) in enumerate(zip(records, results, strict=True)):
            event_id = record.event_id if isinstance(record, Record) else None
            if isinstance(result, GatewayError):
                self.refused(request_id, result, event_id=event_id, index=index)
            elif isinstance(result, Published):
                place = asdict(result)
                logger.bind(request_id=request_id.decode(), event_id=event_id, **place).info("event published")
            else:
                logger.bind(request_id=request_id.decode(), event_id=event_id).info("event spooled")

    def refused(self, request_id: bytes, error: GatewayError, **where: object) -> None:
        """A line for a request that was refused as a whole, or for one event of it."""
        ids = {name: value for name, value in where.items() if value is not None}
        bound = logger.bind(request_id=request_id.decode(), status=error.status, reason=error.reason, **ids)
        bound.info("refused: {}", error.detail)
