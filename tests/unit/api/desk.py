"""An intake at which tests hand in records, and what they get back."""

from pathlib import Path
from typing import Self

from api.intake import Intake
from api.metrics import ApiMetrics, ProducerError
from api.record import Receipt, Record, Result, Spooled
from api.spool import Spool
from tests.unit.api.pretended import PretendedKafka, eventually, sample


class Started:
    """Its intake runs within the context, from the moment it knows whether Kafka is there."""

    kafka: PretendedKafka
    spool: Spool
    intake: Intake

    async def __aenter__(self) -> Self:
        await self.intake.start()
        if self.kafka.ready and not len(self.spool):
            await eventually(lambda: self.intake.kafka_answers)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.intake.stop(0)


class Desk(Started):
    """An intake with a real spool, and the receipts of what it took."""

    def __init__(
        self, path: Path, kafka: PretendedKafka, metrics: ApiMetrics, deadline_seconds: float = 30, room: int = 10**6
    ) -> None:
        self.path, self.kafka, self.metrics, self.deadline_seconds = path, kafka, metrics, deadline_seconds
        self.spool = Spool(path, room, metrics)
        self.intake = Intake(kafka, self.spool, deadline_seconds, metrics)
        self.receipts: list[Receipt] = []

    def take(self, *keys: str) -> list[Receipt]:
        receipts = []
        for key in keys:
            number = len(self.receipts)
            receipt = Receipt(1)
            self.intake.accept([Record(f"event-{number}", key.encode(), b"{}", [])], receipt, [0])
            self.receipts.append(receipt)
            receipts.append(receipt)
        return receipts

    def take_together(self, *keys: str) -> Receipt:
        """As the events of one request, numbered on from those before."""
        first = len(self.receipts)
        receipt = Receipt(len(keys))
        records = [Record(f"event-{first + place}", key.encode(), b"{}", []) for place, key in enumerate(keys)]
        self.receipts += [receipt] * len(keys)
        self.intake.accept(records, receipt, range(len(keys)))
        return receipt

    async def result(self, key: str) -> Result:
        """What becomes of one event."""
        return (await self.take(key)[0].results())[0]

    async def spool_some(self, *keys: str) -> None:
        for receipt in self.take(*keys):
            assert isinstance((await receipt.results())[0], Spooled)

    async def drain_singly(self, refused: str) -> None:
        """Answer what is sent one by one, until the spool is empty, as a broker does that refuses this event."""
        while len(self.spool):
            await eventually(lambda: self.kafka.open or not len(self.spool))
            if any(record.event_id == refused for record, _ in self.kafka.open):
                self.kafka.fail(ProducerError.TOO_LARGE)  # and with it the others of its batch
            else:
                self.kafka.acknowledge()

    def count(self, name: str, **labels: str) -> float:
        return sample(self.metrics.registry, f"pipeline_{name}", **labels)
