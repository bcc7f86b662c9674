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
from stack.service import numbered
from stack.stack import Stack

_SERVICES: Final = ("zookeeper", "kafka", "initdb", "postgres", "bootstrap")


class Laboratory:
    """Everything runs that is asked; a worker only while it is measured."""

    def __init__(self, stack: Stack, broker: Broker, database: Database, wrk: Wrk) -> None:
        self.stack, self.broker, self.database, self.wrk = stack, broker, database, wrk

    def url(self, server: str) -> str:
        return self.stack.services[server].address

    def pids(self, server: str) -> list[int]:
        """Of all processes that answer under the server's address."""
        address = self.url(server)
        running = [name for name in self.stack.processes if self.stack.services[name].address == address]
        return [pid for name in running if (pid := self.stack.processes[name].pid)]

    def fill(self, records: int) -> None:
        """See that the topic holds at least so many records, and that no more are under way."""
        while settled(lambda: self.broker.held(EVENTS))[0] < records:
            self.wrk.run(self.url(servers.PUBLISHERS[1]) + "/register_events", 8, 1, events=500)

    @contextmanager
    def workers(self, command: tuple[str, ...], count: int = 1) -> Iterator[tuple[list[int], str]]:
        """Workers in a group of their own: their process ids, and the group."""
        names = [numbered("worker", number) for number in range(1, count + 1)]
        self.stack.services |= {name: replace(self.stack.services[name], command=command) for name in names}
        group = f"bench-{uuid4().hex[:8]}"
        self.stack.start(*names, environment={"WORKER_GROUP": group})
        try:
            yield [pid for name in names for pid in self.pids(name)], group
        finally:
            self.stack.stop(*names)


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
