"""The drills there are, in an order in which the alerts that look back on one do not hide those of the next."""

from collections.abc import Mapping
from typing import Final

from stack.drills import faults
from stack.drills.drill import Drill

_LATE: Final = {"FreshnessBudgetBurn": "events that waited were stored later than the objective's 5 s"}

_ALL: Final = (
    Drill(
        "exporter-blind",
        "kafka-exporter is frozen: it accepts connections and answers no scrape.",
        frozenset({"TargetDown/kafka-exporter", "LagUnknown"}),
        faults.exporter_frozen,
        20,
    ),
    Drill(
        "disk-full",
        "Gateways and workers can write to no file any more (RLIMIT_FSIZE); Kafka and PostgreSQL can.",
        frozenset({"EventLogErrors"}),
        faults.disk_full,
        15,
    ),
    Drill(
        "poison",
        f"{len(faults.POISON)} records that are no events are written to the topic, around the gateway.",
        frozenset({"DeadLetters"}),
        faults.poison,
        5,
    ),
    Drill(
        "database-slow",
        f"Another session locks the table for {faults.LOCKED_SECONDS:.0f} s again and again.",
        frozenset({"DatabaseSlow"}),
        faults.table_locked,
        35,
        _LATE,
    ),
    Drill(
        "worker-dead",
        "Every worker is killed (SIGKILL) and stays away.",
        frozenset({"TargetDown/worker", "ConsumerGroupEmpty"}),
        faults.workers_killed,
        45,
        {**_LATE, "ConsumerStalled": "its verdict 3, stopped, is the same fact seen in the commits"},
    ),
    Drill(
        "kafka-down",
        "Every broker is killed (SIGKILL) and stays away.",
        frozenset({"KafkaUnreachable", "LagUnknown"}),
        faults.brokers_killed,
        25,
        {**_LATE, "ProducerErrors": "the deliveries in flight failed, before the spool took over"},
    ),
    Drill(
        "spool-full",
        "The spool takes 400 kB at most, and every broker is killed; before it refuses, all is healed.",
        frozenset({"KafkaUnreachable", "LagUnknown", "SpoolFilling"}),
        faults.spool_small_without_kafka,
        45,
        {**_LATE, "ProducerErrors": "the deliveries in flight failed, before the spool took over"},
    ),
    Drill(
        "lag",
        f"A quota of Kafka's gives the workers {faults.QUOTA_BYTES_PER_SECOND:,} bytes a second; they live and commit.",
        frozenset({"ConsumerLagHigh", "ConsumerLagGrowing"}),
        faults.fetches_throttled,
        150,
        _LATE,
    ),
)

DRILLS: Final[Mapping[str, Drill]] = {drill.name: drill for drill in _ALL}
