"""How much of everything a rate of events needs: the formulas of docs/scaling.md, and nothing else."""

from dataclasses import dataclass
from math import ceil
from typing import Final

DAY_SECONDS: Final = 86_400


@dataclass(frozen=True)
class Rates:
    """Events a second that one process takes when it has a core to itself; from docs/performance.md, rounded down."""

    gateway_single: int = 6_000
    gateway_batch: int = 100_000
    worker: int = 55_000
    postgres_rows: int = 150_000
    broker_bytes: int = 50_000_000
    """Bytes a second one broker writes and replicates without a sign of strain."""


@dataclass(frozen=True)
class Demand:
    """What is asked for. ``busy`` is the share of its top rate a process is planned for: the rest is for peaks."""

    events_per_second: float
    batches: bool = False
    event_bytes: int = 300
    replication: int = 3
    topic_days: float = 7.0
    table_days: float = 30.0
    outage_seconds: float = 600.0
    busy: float = 0.6


@dataclass(frozen=True)
class Capacity:
    """What that takes. Disks are for all machines together, in bytes."""

    gateways: int
    workers: int
    partitions: int
    brokers: int
    topic_disk: float
    postgres_servers: int
    table_disk: float
    spool_bytes: float
    """Of each gateway, to live through the outage."""


_RECORD_FRAMING: Final = 100  # bytes: headers, key, offsets
_ROW_FRAMING: Final = 200  # bytes: row header, origin columns, primary key
_FREE_DISK: Final = 1.3  # segments that are not full, indexes, dead rows
_PARTITIONS_A_WORKER: Final = 2  # so that workers can be doubled without new partitions, which break the keys' order
_LEAST_PARTITIONS: Final = 6


def plan(demand: Demand, rates: Rates = Rates()) -> Capacity:
    """Every number is rounded up to whole processes."""
    rate = demand.events_per_second
    record_bytes = demand.event_bytes + _RECORD_FRAMING

    def processes(each: float, load: float = rate) -> int:
        return max(ceil(load / (each * demand.busy)), 1)

    gateways = processes(rates.gateway_batch if demand.batches else rates.gateway_single)
    workers = processes(rates.worker)
    copied = rate * record_bytes * demand.replication
    return Capacity(
        gateways=gateways,
        workers=workers,
        partitions=max(workers * _PARTITIONS_A_WORKER, _LEAST_PARTITIONS),
        brokers=max(processes(rates.broker_bytes, copied), demand.replication),
        topic_disk=copied * demand.topic_days * DAY_SECONDS * _FREE_DISK,
        postgres_servers=processes(rates.postgres_rows),
        table_disk=rate * (demand.event_bytes + _ROW_FRAMING) * demand.table_days * DAY_SECONDS * _FREE_DISK,
        spool_bytes=rate * record_bytes * demand.outage_seconds / gateways,
    )
