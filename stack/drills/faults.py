"""What drills do to a stack. Each is a context: the fault is in force inside, and healed at its end."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Final

import psycopg
from kafka import KafkaProducer

from contract.topics import EVENTS
from stack import kafka
from stack.drills.target import Target
from stack.errors import StackError
from stack.orders import Condition, Order

LOCKED_SECONDS: Final = 4.0
"""Less than the worker's lock_timeout of 5 s: PostgreSQL is slow, and never refuses."""

QUOTA_SHARE: Final = 0.2
"""Of the load: the backlog grows nearly as fast as the load comes."""

POISON: Final = (b"not JSON", b'{"event_type": "Not One"}', b'{"event_id": 1', b"[]", b"\xff\xfe")
EVENT_BYTES: Final = 330
"""About what an event of the load takes in the spool and in the topic."""

SPOOL_SECONDS: Final = 120
"""What is left of it when the alert fires must last until all is healed."""


@contextmanager
def brokers_killed(target: Target) -> Iterator[None]:
    """Every broker is gone by SIGKILL, and stays away."""
    with target.ordered(Order(Condition.AWAY), "kafka"):
        yield


@contextmanager
def workers_killed(target: Target) -> Iterator[None]:
    """Every worker is gone by SIGKILL, and stays away."""
    with target.ordered(Order(Condition.AWAY), "worker"):
        yield


@contextmanager
def exporter_frozen(target: Target) -> Iterator[None]:
    """SIGSTOP: it accepts connections and answers no scrape."""
    with target.ordered(Order(Condition.FROZEN), "kafka-exporter"):
        yield


@contextmanager
def disk_full(target: Target) -> Iterator[None]:
    """No write of gateways and workers to any file succeeds (RLIMIT_FSIZE)."""
    with target.ordered(Order(Condition.WITHOUT_DISK), "api", "worker"):
        yield


@contextmanager
def spool_small_without_kafka(target: Target) -> Iterator[None]:
    """The gateways' spools take SPOOL_SECONDS of the load, and Kafka takes nothing."""
    limit = max(4096, round(SPOOL_SECONDS * EVENT_BYTES * target.rate))
    small = {name: Order(environment={"SPOOL_MAX_BYTES": str(limit)}) for name in target.replicas("api")}
    away = {name: Order(Condition.AWAY) for name in target.replicas("kafka")}
    with target.orders(small | away):
        yield


@contextmanager
def table_locked(target: Target) -> Iterator[None]:
    """Another session holds a lock on the table again and again, so that every transaction waits for it."""
    over = Event()
    locking = Thread(target=_lock_again_and_again, args=(target.database_url, over), daemon=True)
    locking.start()
    try:
        yield
    finally:
        over.set()
        locking.join()


def _lock_again_and_again(database_url: str, over: Event) -> None:
    with psycopg.connect(database_url, autocommit=True, application_name="drill") as connection:
        while not over.is_set():
            with connection.transaction():
                connection.execute("LOCK TABLE events IN EXCLUSIVE MODE")
                over.wait(LOCKED_SECONDS)


@contextmanager
def fetches_throttled(target: Target) -> Iterator[None]:
    """A quota of Kafka's gives the workers fewer bytes a second than come in; they live and commit."""
    _quota(target, "--add-config", f"consumer_byte_rate={round(QUOTA_SHARE * EVENT_BYTES * target.rate)}")
    try:
        yield
    finally:
        with suppress(KeyboardInterrupt):  # impatience must not leave the quota behind
            _quota(target, "--delete-config", "consumer_byte_rate")


def _quota(target: Target, *change: str) -> None:
    client = ("--entity-type", "clients", "--entity-name", "worker", "--alter", *change)
    server = ("--bootstrap-server", target.state.ports.brokers)
    command = kafka.command(target.state.programs.jars, "kafka.admin.ConfigCommand", *server, *client)
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603  Kafka's own tool
    if done.returncode:
        raise StackError(f"Kafka did not change the quota of its client `worker`:\n{done.stdout}{done.stderr}")


@contextmanager
def poison(target: Target) -> Iterator[None]:
    """Records that are no events are in the topic; they went around the gateway."""
    with KafkaProducer(bootstrap_servers=target.state.ports.brokers, client_id="drill", acks="all") as producer:
        for acknowledged in [producer.send(EVENTS.name, value) for value in POISON]:
            acknowledged.get(timeout=10)
    yield
