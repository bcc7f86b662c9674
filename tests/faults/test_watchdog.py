"""A client that forgets a partition, or gets stuck on its way into the group, is replaced."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

from kafka.structs import MemberState, TopicPartition

from contract.kafka import KafkaSettings
from stack.ports import HOST, free_ports
from tests.faults.conftest import Note
from tests.faults.rig import Rig, scrape
from tests.waiting import until
from worker.app import build_worker
from worker.client import LeanConsumer
from worker.settings import EventLogSettings, WorkerSettings


class Forgetful(LeanConsumer):
    """Never brings anything of the first partition that has records, and does not say so."""

    forgotten: TopicPartition | None = None

    def poll(self, *arguments: Any, **settings: Any) -> Any:
        if self.forgotten in self.assignment():
            self.pause(self.forgotten)
        polled = super().poll(*arguments, **settings)
        self.forgotten = self.forgotten or min(polled, default=None)
        polled.pop(self.forgotten, None)
        return polled

    def paused(self) -> set[TopicPartition]:
        return set(super().paused()) - {self.forgotten}


class Stranded(LeanConsumer):
    """Believes for ever that it joins, as kafka-python 3.0.12 can after a broker's death in the middle of a join."""

    stranded = False

    def poll(self, *arguments: Any, **settings: Any) -> Any:
        if self.assignment() and not self.stranded:
            self.stranded = True
            self._coordinator.state = MemberState.REBALANCING
            self._coordinator._disable_heartbeat()
        return super().poll(*arguments, **settings)


def test_a_partition_that_its_client_has_forgotten_is_fetched_again(rig: Rig, note: Note, tmp_path: Path) -> None:
    with worker_on(Forgetful, rig, tmp_path) as metrics:
        ledger = rig.ledger()
        ledger.send(100)
        note(ledger.settle(within=60))
        assert scrape(metrics, "pipeline_consumer_errors_total", step="stall") == 1


def test_a_client_whose_joining_comes_to_no_end_is_replaced(rig: Rig, note: Note, tmp_path: Path) -> None:
    with worker_on(Stranded, rig, tmp_path) as metrics:
        ledger = rig.ledger()
        ledger.send(100)
        note(ledger.settle(within=60))
        until(lambda: rig.lag() == 0, within=60)
        assert scrape(metrics, "pipeline_consumer_errors_total", step="stall") == 1


@contextmanager
def worker_on(first: type[LeanConsumer], rig: Rig, folder: Path) -> Iterator[str]:
    """The rig's only worker, whose first client is the given one; where its metrics are."""
    rig.stack.stop("worker")
    clients = iter([first])
    (port,) = free_ports(1)
    settings = WorkerSettings(
        kafka=KafkaSettings(bootstrap_servers=rig.stack.kafka_bootstrap),
        DATABASE_URL=rig.stack.database_url,
        event_log=EventLogSettings(path=folder / "consumer.log"),
        metrics_port=port,
        session_timeout_seconds=6,
        stall_seconds=2,
    )
    with running_worker(settings, lambda **config: next(clients, LeanConsumer)(**config)):
        yield f"http://{HOST}:{port}/metrics"


@contextmanager
def running_worker(settings: WorkerSettings, client: Any) -> Iterator[None]:
    """A worker in a thread of this process, so that its client can be ours."""
    stop = Event()
    with build_worker(settings, stop, client) as worker:
        thread = Thread(target=worker.run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
