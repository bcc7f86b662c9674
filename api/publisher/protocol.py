"""What the gateway needs of a Kafka client."""

from collections.abc import Sequence
from typing import Protocol

from api.publisher.flight import Sent, Settled
from api.record import Record


class Publisher(Protocol):
    """All methods belong to the event loop, and none of them blocks. Delivery is idempotent, with ``acks=all``."""

    @property
    def ready(self) -> bool:
        """Whether the topic's layout is known, so that ``send`` can do without waiting."""
        ...

    async def start(self) -> None:
        """Returns at once, whether Kafka is there or not."""
        ...

    def send(self, records: Sequence[Record], settled: Settled) -> Sent:
        """Hand records over, at least one, in their order; returns those of the first ones that were taken, likewise.

        Raises Overloaded at the bound in flight, DeliveryFailed when the first is refused at once.
        """
        ...

    async def renew(self) -> None:
        """Begin again with a new client, and settle what is open as failed: this one has not worked for too long."""
        ...

    async def stop(self, seconds: float) -> None:
        """Wait so long for acks, then give up; what is still open then is never settled."""
        ...
