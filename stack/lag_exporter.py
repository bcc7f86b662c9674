"""Stands in for danielqsj/kafka_exporter where that program is not installed: its flags, series and meanings.

A partition without a commit has lag -1 and is left out of the group's sum, a group that never committed to a topic
has no series for it, and while the broker is away the Kafka series are absent and the process lives on.
"""

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable
from threading import Event, Lock

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError
from loguru import logger
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from contract.exposition import serve
from contract.logs import log_to_stderr
from stack.lag_series import Offsets, Snapshot


def read(admin: KafkaAdminClient, topics: re.Pattern[str], groups: re.Pattern[str]) -> Snapshot:
    """Ask the brokers for everything. Raises KafkaError."""
    snapshot = Snapshot()
    snapshot.add_brokers(admin.describe_cluster()["brokers"])
    names = [name for name in admin.list_topics() if topics.search(name)]
    described = admin.describe_topics(names) if names else []
    for topic in described:
        snapshot.add_topic(topic)
    places = [TopicPartition(topic["name"], p["partition_index"]) for topic in described for p in topic["partitions"]]
    commits = {}
    for group in [row["group_id"] for row in admin.list_groups() if groups.search(row["group_id"])]:
        snapshot.add("kafka_consumergroup_members", len(admin.describe_groups([group])[group]["members"]), group)
        commits[group] = {tp: commit.offset for tp, commit in admin.list_group_offsets({group: None})[group].items()}
    # The head is read after the commits: in the other order a busy group's lag would be negative.
    head = _offsets(admin, places, OffsetSpec.LATEST)
    snapshot.add_offsets("kafka_topic_partition_oldest_offset", _offsets(admin, places, OffsetSpec.EARLIEST))
    snapshot.add_offsets("kafka_topic_partition_current_offset", head)
    for group, offsets in commits.items():
        snapshot.add_group(group, offsets, head)
    return snapshot


def _offsets(admin: KafkaAdminClient, places: list[TopicPartition], spec: OffsetSpec) -> Offsets:
    if not places:
        return {}
    return {tp: found.offset for tp, found in admin.list_partition_offsets(dict.fromkeys(places, spec)).items()}


class KafkaCollector(Collector):
    """Reads the cluster anew at every scrape, and connects anew after a failure."""

    def __init__(self, connect: Callable[[], KafkaAdminClient], topics: str, groups: str) -> None:
        self._connect, self._topics, self._groups = connect, re.compile(topics), re.compile(groups)
        self._admin: KafkaAdminClient | None = None
        self._away = False
        self._turn = Lock()

    def collect(self) -> Iterable[GaugeMetricFamily]:
        with self._turn:
            try:
                self._admin = self._admin or self._connect()
                snapshot = read(self._admin, self._topics, self._groups)
            except KafkaError as error:
                self._disconnect(error)
                return []
            self._away = False
            return list(snapshot.families.values())

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Registering asks for the names; the broker need not be there for that."""
        return Snapshot().families.values()

    def _disconnect(self, error: KafkaError) -> None:
        if not self._away:
            logger.warning("Kafka is away, its series are absent until it is back: {}", error)
        self._away = True
        if self._admin:
            self._admin.close()
            self._admin = None


def main() -> None:
    log_to_stderr("kafka-exporter", "INFO")
    flags = _flags()
    host, port = flags.address.rsplit(":", 1)
    registry = CollectorRegistry()

    def connect() -> KafkaAdminClient:
        # A scrape must end before Prometheus gives up on it.
        return KafkaAdminClient(bootstrap_servers=flags.servers, bootstrap_timeout_ms=800, request_timeout_ms=1000)

    registry.register(KafkaCollector(connect, flags.topics, flags.groups))
    serve(registry, host or "0.0.0.0", int(port))  # noqa: S104  as the original does with ":9308"
    logger.info("the lag of {} is at port {}", ", ".join(flags.servers), port)
    Event().wait()


def _flags() -> Namespace:
    parser = ArgumentParser("python -m stack.lag_exporter", description=__doc__, allow_abbrev=False)
    parser.add_argument("--kafka.server", dest="servers", action="append", required=True, metavar="HOST:PORT")
    parser.add_argument("--topic.filter", dest="topics", default=".*", metavar="REGEX")
    parser.add_argument("--group.filter", dest="groups", default=".*", metavar="REGEX")
    parser.add_argument("--web.listen-address", dest="address", default=":9308", metavar="[HOST]:PORT")
    parser.add_argument("--refresh.metadata", help="accepted and not needed: each scrape reads the cluster anew")
    return parser.parse_args()


if __name__ == "__main__":
    main()
