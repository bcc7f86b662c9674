"""The stack under test, what a test can do to it, and how it is made whole again."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any

import psutil
import psycopg
import requests
from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec

from contract.topics import EVENTS, WORKER_GROUP
from stack import pipeline
from stack.home import ROOT
from stack.ports import HOST, Ports, free_ports
from stack.process import MARK, Process
from stack.service import numbered
from stack.stack import Phase, Stack
from tests.faults.ledger import Ledger
from tests.faults.proxy import Proxy
from tests.waiting import until


class Rig:
    """A stack, with a proxy before Kafka and one before PostgreSQL for those processes that are sent through them."""

    def __init__(self, stack: Stack, kafka: Proxy, postgres: Proxy) -> None:
        self.stack, self.kafka, self.postgres = stack, kafka, postgres
        self._services = dict(stack.services)
        self.kafka_proxied: Mapping[str, str] = {"KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{kafka.port}"}
        """Environment of a process that shall reach Kafka through the proxy."""
        url = stack.database_url.replace(f":{stack.ports.postgres}/", f":{postgres.port}/")
        self.postgres_proxied: Mapping[str, str] = {"DATABASE_URL": url}
        """Environment of a process that shall reach PostgreSQL through the proxy."""

    def ledger(self, service: str = "api") -> Ledger:
        """Books of a client of this gateway."""
        return Ledger(self.stack, url=self.stack.services[service].address)

    def add_gateway(self) -> str:
        """Start one more gateway, whose spool lies in the folder of the first one's, and return its name."""
        port, metrics = free_ports(2)
        ports = replace(self.stack.ports, api=(0, port), api_metrics=(0, metrics))
        gateway = pipeline.api(self.stack.home, ports, 2)
        self.stack.services[gateway.name] = gateway
        self.stack.phases[gateway.name] = Phase.WAITING
        of_the_first = self.stack.services["api"].environment
        same = {name: of_the_first[name] for name in ("SPOOL_PATH", "API_PUBLISHER")}
        self.stack.start(gateway.name, environment=same)
        return gateway.name

    @property
    def spool(self) -> Path:
        """The first gateway's."""
        return Path(self.stack.services["api"].environment["SPOOL_PATH"])

    def spool_command(self, *arguments: object, status: int = 0) -> str:
        """What python -m api.spool prints; it must end with this status."""
        return self._command("api.spool", arguments, status)

    def dead_letter_command(self, *arguments: object, status: int = 0) -> str:
        """What python -m worker.dead_letters prints; it must end with this status."""
        return self._command("worker.dead_letters", arguments, status)

    def _command(self, module: str, arguments: Iterable[object], status: int) -> str:
        command = [sys.executable, "-m", module, *map(str, arguments)]
        environment = {**os.environ, **self.stack.env}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    def heal(self, publisher: str) -> None:
        """Everything as it was at the start: all services run, none is paused, with the settings they began with.

        But the gateway is on this Kafka client.
        """
        gateway = self._services["api"]
        self._services["api"] = replace(gateway, environment={**gateway.environment, "API_PUBLISHER": publisher})
        self.kafka.heal()
        self.postgres.heal()
        for name in list(self.stack.processes):
            self.stack.resume(name)
        for name, process in list(self.stack.processes.items()):
            if name not in self._services or not self._is_as_it_began(process):
                self.stack.stop(name)
        while len(self.stack.ports.worker_metrics) > 1:
            self.stack.remove_worker()
        self.stack.services = dict(self._services)
        for name in _needed(len(self.stack.ports.kafka)):
            if not self.stack.services[name].one_shot and not self.stack.running(name):
                self.stack.stop(name)
                self.stack.start(name)
        until(self.kafka_answers, within=60)
        until(self.worker_has_its_partitions, within=60)
        until(lambda: self.lag() == 0, within=60)

    def _is_as_it_began(self, process: Process) -> bool:
        began = {**self._services[process.service.name].environment, MARK: str(self.stack.home.root)}
        return process.service.environment == began

    @property
    def ready(self) -> dict[str, Any]:
        answer: dict[str, Any] = requests.get(self.stack.api_url + "/readyz", timeout=5).json()
        return answer

    def kafka_answers(self) -> bool:
        """Whether the gateway's records go to Kafka and not to the spool."""
        return bool(self.ready["checks"]["kafka"] == "takes records")

    def worker_has_its_partitions(self) -> bool:
        """Whether the first worker owns all of them."""
        return self.metric("pipeline_consumer_assigned_partitions", "worker") == EVENTS.partitions

    def listens(self) -> bool:
        """Whether the gateway takes connections."""
        try:
            return bool(self.ready)
        except requests.ConnectionError:
            return False

    def memory(self, name: str) -> int:
        """Resident bytes of a service."""
        pid = self.stack.processes[name].pid
        assert pid is not None
        return int(psutil.Process(pid).memory_info().rss)

    def metric(self, name: str, service: str = "api", **labels: str) -> float:
        """A metric's value now, summed over the series with these labels."""
        port = {"api": self.stack.ports.api_metrics, "worker": self.stack.ports.worker_metrics}[service][0]
        return scrape(f"http://{HOST}:{port}/metrics", name, **labels)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.database() as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def database(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self.stack.database_url, autocommit=True, connect_timeout=5)

    @contextmanager
    def locked(self, table: str) -> Iterator[psycopg.Connection[Any]]:
        """The table can be read but not written; a worker that comes to write it waits.

        What the connection does is seen when the table is free again, and not before.
        """
        with self.database() as connection, connection.transaction():
            connection.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE".encode())
            yield connection

    def end(self, name: str, number: signal.Signals, *, within: float) -> int:
        """Send a service this signal, wait until it has ended, and return its exit status."""
        process = self.stack.processes[name]
        process.signal(number)
        until(lambda: process.ended, within=within)
        assert process.process is not None
        status = int(process.process.returncode)
        self.stack.stop(name)
        return status

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """The service is frozen: it keeps its connections and answers nothing."""
        self.stack.pause(name)
        try:
            yield
        finally:
            self.stack.resume(name)

    @contextmanager
    def rows_refused(
        self, condition: str, sqlstate: str, connection: psycopg.Connection[Any] | None = None
    ) -> Iterator[None]:
        """PostgreSQL refuses rows for which the condition holds, with this error; from the connection's commit on."""
        with nullcontext(connection) if connection else self.database() as executing:
            executing.execute(
                f"""
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF {condition} THEN RAISE EXCEPTION 'refused by a test' USING ERRCODE = '{sqlstate}'; END IF;
                    RETURN NEW;
                END $$;
                CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse();
                """.encode()
            )
        try:
            yield
        finally:
            self.query("DROP FUNCTION refuse CASCADE")

    def worker_waits_for_a_lock(self) -> bool:
        waiting = "SELECT 1 FROM pg_stat_activity WHERE application_name = 'worker' AND wait_event_type = 'Lock'"
        return bool(self.query(waiting))

    def lag(self) -> int:
        """Records the group has not committed to Kafka yet; all of them in a partition without a commit."""
        with KafkaAdminClient(bootstrap_servers=self.stack.kafka_bootstrap) as admin:
            partitions = [TopicPartition(EVENTS.name, number) for number in range(EVENTS.partitions)]
            heads = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
            commits = admin.list_group_offsets({WORKER_GROUP: None})[WORKER_GROUP]
        return sum(heads[tp].offset - (commits[tp].offset if tp in commits else 0) for tp in partitions)

    def committed(self) -> int:
        """The sum of the group's offsets as Kafka has them."""
        with KafkaAdminClient(bootstrap_servers=self.stack.kafka_bootstrap) as admin:
            return sum(
                commit.offset for commit in admin.list_group_offsets({WORKER_GROUP: None})[WORKER_GROUP].values()
            )

    def stored(self) -> int:
        """The sum of the group's offsets as the table has them."""
        return int(self.query("SELECT sum(next_offset)::bigint FROM consumer_offsets")[0][0])


def scrape(url: str, name: str, **labels: str) -> float:
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    lines = requests.get(url, timeout=5).text.splitlines()
    values = [
        float(line.rsplit(" ", 1)[1])
        for line in lines
        if line.split("{")[0].split(" ")[0] == name and all(label in line for label in wanted)
    ]
    return sum(values)


@contextmanager
def running_rig(brokers: int = 1) -> Iterator[Rig]:
    """Start a stack, and remove it afterwards; after a failure its logs stay.

    The first broker has a second listener, which it advertises under the proxy's port.
    """
    home = Path(mkdtemp(prefix="event-pipeline-faults-"))
    home.chmod(0o755)  # the account that runs PostgreSQL for root must enter
    stack = Stack(home, Ports.plan(free=True, brokers=brokers))
    behind, before, database = free_ports(3)
    _add_listener(stack, behind, before)
    with ExitStack() as closing:
        kafka = closing.enter_context(Proxy(before, behind))
        postgres = closing.enter_context(Proxy(database, stack.ports.postgres))
        closing.callback(stack.remove_data)
        closing.callback(stack.stop)
        stack.start(*_needed(brokers))
        yield Rig(stack, kafka, postgres)
    rmtree(home)


def _needed(brokers: int) -> list[str]:
    """No exporter, Prometheus or dashboards: they have no part in what is promised here."""
    kafka = [numbered("kafka", number) for number in range(1, brokers + 1)]
    return ["zookeeper", *kafka, "initdb", "postgres", "bootstrap", "api", "worker"]


def _add_listener(stack: Stack, behind: int, before: int) -> None:
    service, port = stack.services["kafka"], stack.ports.kafka[0]
    more = (
        f"listeners=PLAINTEXT://{HOST}:{port},PROXIED://{HOST}:{behind}\n"
        f"advertised.listeners=PLAINTEXT://{HOST}:{port},PROXIED://{HOST}:{before}\n"
        "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT\n"
        "inter.broker.listener.name=PLAINTEXT\n"
    )
    files = {path: text + more for path, text in service.files.items()}
    stack.services["kafka"] = replace(service, files=files)
