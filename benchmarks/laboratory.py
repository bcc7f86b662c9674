"""What a benchmark works with: a stack on free ports, the servers to compare, wrk, and Kafka as the witness."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Final
from uuid import uuid4

from benchmarks import servers
from benchmarks.broker import Broker, settled
from benchmarks.database import Database
from benchmarks.topics import TOPICS
from benchmarks.wrk import Wrk
from contract.topics import EVENTS
from stack.programs import find
from stack.stack import Stack

_SERVICES: Final = ("zookeeper", "kafka", "initdb", "postgres", "bootstrap")
_WORKER: Final = "worker"


class Laboratory:
    """Everything runs that is asked; a worker only while it is measured."""

    def __init__(self, stack: Stack, broker: Broker, database: Database, wrk: Wrk) -> None:
        self.stack, self.broker, self.database, self.wrk = stack, broker, database, wrk

    def url(self, server: str) -> str:
        return self.stack.services[server].address

    def pid(self, server: str) -> int:
        pid = self.stack.processes[server].pid
        assert pid is not None  # it has been started
        return pid

    def fill(self, records: int) -> None:
        """See that the topic holds at least so many records, and that no more are under way."""
        while settled(lambda: self.broker.held(EVENTS))[0] < records:
            self.wrk.run(self.url(servers.PUBLISHERS[1]) + "/register_events", 8, 1, events=500)

    @contextmanager
    def worker(self, command: tuple[str, ...]) -> Iterator[tuple[int, str]]:
        """A worker in a group of its own: its process id, and the group."""
        self.stack.services[_WORKER] = replace(self.stack.services[_WORKER], command=command)
        group = f"bench-{uuid4().hex[:8]}"
        self.stack.start(_WORKER, environment={"WORKER_GROUP": group})
        try:
            yield self.pid(_WORKER), group
        finally:
            self.stack.stop(_WORKER)


@contextmanager
def laboratory(tell: Callable[[str], None]) -> Iterator[Laboratory]:
    """Starts everything, and leaves nothing behind. Raises StackError."""

    def fetching(what: str, _here: int, _wanted: int) -> None:
        tell(f"fetching {what}")

    wrk, programs = Wrk(fetching), find(fetching)
    home = Path(mkdtemp(prefix="event-pipeline-bench-"))
    home.chmod(0o755)  # PostgreSQL's account must be able to enter
    stack = Stack(home, servers.ports(), programs, lambda name, phase: tell(f"{name} {phase}"))
    subjects = [*servers.gateways(stack.home, stack.ports), *servers.others(stack.ports)]
    stack.services |= {service.name: service for service in subjects}
    try:
        stack.start(*_SERVICES)
        broker, database = Broker(stack.kafka_bootstrap), Database(stack.database_url)
        broker.create(TOPICS)
        stack.start(*(service.name for service in subjects))
        yield Laboratory(stack, broker, database, wrk)
        broker.close()
        database.close()
    finally:
        stack.stop()
        stack.remove_data()
        rmtree(home, ignore_errors=True)
