"""The whole wiring of the worker, top to bottom."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Event as Stop

from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor

from contract.exposition import build_registry, serve
from contract.topics import EVENTS
from worker.census import Census
from worker.client import LeanConsumer
from worker.consumer import Worker
from worker.dead_letters import DeadLetterLimit, DeadLetters
from worker.event_log import EventLog
from worker.heartbeat import Heartbeat
from worker.metrics import WorkerMetrics
from worker.probe import Probe
from worker.settings import WorkerSettings
from worker.store import Store
from worker.subscription import Subscription
from worker.watchdog import Joining, Watchdog


@contextmanager
def build_worker(
    settings: WorkerSettings, stop: Stop, client: Callable[..., LeanConsumer] = LeanConsumer
) -> Iterator[Worker]:
    """A worker whose clients, files and ports are closed on the way out. Waits neither for Kafka nor PostgreSQL.

    It ends soon after ``stop`` is set. ``client`` makes its consumer, and another when that one is stuck.
    """
    registry = build_registry("worker")
    metrics = WorkerMetrics(registry)
    database_url = settings.database_url.get_secret_value()
    with ExitStack() as closing:
        closing.callback(serve(registry, settings.metrics_host, settings.metrics_port))
        closing.enter_context(Census(database_url, metrics))
        event_log = EventLog(settings.event_log, metrics)
        closing.callback(event_log.close)
        store = Store(database_url, settings.group, EVENTS.name, stop)
        closing.callback(store.close)
        dead_letters = DeadLetters(settings.kafka, settings.group, metrics)
        closing.callback(dead_letters.close)
        subscription = Subscription(partial(_consumer, settings, client), metrics)
        closing.callback(subscription.close, settings.shutdown_seconds / 2)
        yield Worker(
            subscription,
            store,
            event_log,
            dead_letters,
            DeadLetterLimit(settings.dead_letter_max_run, settings.dead_letter_max_share),
            Watchdog(settings.stall_seconds),
            Joining(max(settings.stall_seconds, 2 * settings.session_timeout_seconds)),
            Probe(partial(_reader, settings)),
            metrics,
            retry_max_seconds=settings.retry_max_seconds,
            beat=Heartbeat(settings.heartbeat_path).beat,
            stop=stop,
        )


def _consumer(settings: WorkerSettings, client: Callable[..., LeanConsumer]) -> LeanConsumer:
    return client(
        bootstrap_servers=settings.kafka.servers,
        client_id="worker",
        group_id=settings.group,
        group_instance_id=settings.instance_id,
        api_version=(3, 9),  # known, so the constructor need not find a broker first
        # No deserialiser: one that raises makes kafka-python 3.0's next poll spin.
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        partition_assignment_strategy=(CooperativeStickyAssignor,),
        max_poll_records=settings.batch_records,
        # Room for the largest record, and not for much: an answer is copied five times before its records are read.
        max_partition_fetch_bytes=2 * 2**20,
        fetch_max_bytes=4 * 2**20,
        # A batch is a transaction and an fsync, so the broker gathers a little before it answers.
        fetch_min_bytes=65_536,
        fetch_max_wait_ms=25,
        session_timeout_ms=int(settings.session_timeout_seconds * 1000),
        heartbeat_interval_ms=int(settings.session_timeout_seconds * 300),
        reconnect_backoff_max_ms=1_000,
        metadata_max_age_ms=30_000,  # the topic may get more partitions
        metrics_enabled=False,  # ours say more, and theirs cost a tenth of the fetch path
    )


def _reader(settings: WorkerSettings) -> LeanConsumer:
    """Outside the group, and a record at a time."""
    return LeanConsumer(
        bootstrap_servers=settings.kafka.servers,
        client_id="probe",
        api_version=(3, 9),
        enable_auto_commit=False,
        allow_auto_create_topics=False,
        max_poll_records=1,
        max_partition_fetch_bytes=4 * 2**20,
        metrics_enabled=False,
    )
