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
        f"Every broker is killed, and the spool takes {faults.SPOOL_SECONDS} s of events; healed before it is full.",
        frozenset({"KafkaUnreachable", "LagUnknown", "SpoolFilling"}),
        faults.spool_small_without_kafka,
        100,
        {**_LATE, "ProducerErrors": "the deliveries in flight failed, before the spool took over"},
    ),
    Drill(
        "lag",
        f"All events are one user's, and a quota gives the workers {faults.QUOTA_SHARE:.0%} of them in time.",
        frozenset({"ConsumerLagHigh", "ConsumerLagGrowing"}),
        faults.fetches_throttled,
        150,
        _LATE,
        users=1,  # in six partitions, the quota's bites of ten seconds would leave each without a commit for a minute
    ),
)

DRILLS: Final[Mapping[str, Drill]] = {drill.name: drill for drill in _ALL}
