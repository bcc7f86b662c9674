"""Whether Kafka takes records, as far as this process knows."""

from time import monotonic

from loguru import logger

from api.metrics import ApiMetrics


class Link:
    """Down at first, until a record or an empty spool proves the contrary. Lives on the event loop."""

    def __init__(self, metrics: ApiMetrics) -> None:
        self._up = False
        self._was_up = False
        self._since = monotonic()
        self.client_is_suspect = False
        metrics.producer_up.set_function(lambda: self._up)

    @property
    def up(self) -> bool:
        return self._up

    @property
    def state(self) -> str:
        if self._up:
            return "takes records"
        if self._was_up:
            return "does not take records: events go to the spool"
        return "has not answered since the start: events go to the spool until it does"

    @property
    def down_seconds(self) -> float:
        """0 while it is up."""
        return 0.0 if self._up else monotonic() - self._since

    def works(self) -> None:
        if not self._up:
            self._up = self._was_up = True
            logger.info("Kafka takes records")

    def fails(self, why: str, *, client_is_suspect: bool = False) -> None:
        self.client_is_suspect |= client_is_suspect
        if self._up:
            self._up, self._since = False, monotonic()
            logger.warning("Kafka does not take records ({}): events go to the spool until it does", why)
