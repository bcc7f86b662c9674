"""The series of danielqsj/kafka_exporter 1.9: names, labels and meanings."""

from typing import Any, Final

from kafka import TopicPartition
from prometheus_client.core import GaugeMetricFamily

_PLACE: Final = ("topic", "partition")
_FAMILIES: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "kafka_brokers": ("Number of Brokers in the Kafka Cluster.", ()),
    "kafka_broker_info": ("Information about the Kafka Broker.", ("id", "address")),
    "kafka_topic_partitions": ("Number of partitions for this Topic", ("topic",)),
    "kafka_topic_partition_current_offset": ("Current Offset of a Broker at Topic/Partition", _PLACE),
    "kafka_topic_partition_oldest_offset": ("Oldest Offset of a Broker at Topic/Partition", _PLACE),
    "kafka_topic_partition_leader": ("Leader Broker ID of this Topic/Partition", _PLACE),
    "kafka_topic_partition_leader_is_preferred": ("1 if Topic/Partition is using the Preferred Broker", _PLACE),
    "kafka_topic_partition_replicas": ("Number of Replicas for this Topic/Partition", _PLACE),
    "kafka_topic_partition_in_sync_replica": ("Number of In-Sync Replicas for this Topic/Partition", _PLACE),
    "kafka_topic_partition_under_replicated_partition": ("1 if Topic/Partition is under Replicated", _PLACE),
    "kafka_consumergroup_members": ("Amount of members in a consumer group", ("consumergroup",)),
    "kafka_consumergroup_current_offset": (
        "Current Offset of a ConsumerGroup at Topic/Partition",
        ("consumergroup", *_PLACE),
    ),
    "kafka_consumergroup_current_offset_sum": (
        "Current Offset of a ConsumerGroup at Topic for all partitions",
        ("consumergroup", "topic"),
    ),
    "kafka_consumergroup_lag": (
        "Current Approximate Lag of a ConsumerGroup at Topic/Partition",
        ("consumergroup", *_PLACE),
    ),
    "kafka_consumergroup_lag_sum": (
        "Current Approximate Lag of a ConsumerGroup at Topic for all partitions",
        ("consumergroup", "topic"),
    ),
}

Offsets = dict[TopicPartition, int]


class Snapshot:
    """The cluster as one scrape sees it."""

    def __init__(self) -> None:
        self.families = {
            name: GaugeMetricFamily(name, text, labels=labels) for name, (text, labels) in _FAMILIES.items()
        }

    def add(self, name: str, value: float, *labels: object) -> None:
        self.families[name].add_metric([str(label) for label in labels], value)

    def add_brokers(self, brokers: list[dict[str, Any]]) -> None:
        self.add("kafka_brokers", len(brokers))
        for broker in brokers:
            self.add("kafka_broker_info", 1, broker["broker_id"], f"{broker['host']}:{broker['port']}")

    def add_topic(self, topic: dict[str, Any]) -> None:
        self.add("kafka_topic_partitions", len(topic["partitions"]), topic["name"])
        for partition in topic["partitions"]:
            place = topic["name"], partition["partition_index"]
            replicas, in_sync = partition["replica_nodes"], partition["isr_nodes"]
            leader = partition["leader_id"]
            self.add("kafka_topic_partition_leader", leader, *place)
            self.add("kafka_topic_partition_leader_is_preferred", leader == replicas[0], *place)
            self.add("kafka_topic_partition_replicas", len(replicas), *place)
            self.add("kafka_topic_partition_in_sync_replica", len(in_sync), *place)
            self.add("kafka_topic_partition_under_replicated_partition", len(in_sync) < len(replicas), *place)

    def add_offsets(self, name: str, offsets: Offsets) -> None:
        for place, offset in offsets.items():
            self.add(name, offset, *place)

    def add_group(self, group: str, commits: Offsets, head: Offsets) -> None:
        """A group's offsets and lag on every partition of the topics it has committed to."""
        for topic in sorted({place.topic for place, offset in commits.items() if offset >= 0 and place in head}):
            places = [place for place in head if place.topic == topic]
            committed = {place: commits.get(place, -1) for place in places}
            lag = {place: head[place] - offset if offset >= 0 else -1 for place, offset in committed.items()}
            for place in places:
                self.add("kafka_consumergroup_current_offset", committed[place], group, *place)
                self.add("kafka_consumergroup_lag", lag[place], group, *place)
            self.add("kafka_consumergroup_current_offset_sum", sum(committed.values()), group, topic)
            self.add("kafka_consumergroup_lag_sum", sum(gap for gap in lag.values() if gap >= 0), group, topic)
