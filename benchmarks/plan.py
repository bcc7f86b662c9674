"""What is measured in each round, and what it is compared with."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple, Protocol

from benchmarks.drain import Drain
from benchmarks.http import Requests
from benchmarks.laboratory import Laboratory
from benchmarks.passage import Passage
from benchmarks.producer import ProducerBenchmark
from benchmarks.sample import Sample
from benchmarks.servers import PUBLISHERS, SWITCHED, TWO, WORKERS
from benchmarks.topics import BASELINE
from benchmarks.weighing import Weighing
from contract.topics import EVENTS, Topic

BATCH: Final = 500
METERED: Final = "with metrics"
BARE: Final = "without metrics"


class Measurement(Protocol):
    def measure(self, laboratory: Laboratory, seconds: float) -> list[Sample]:
        """One for each of its cases, in the plan's order. Blocks for about so many seconds for each."""
        ...


class Case(NamedTuple):
    """``yardstick`` names the case of the same round this one is divided by."""

    name: str
    measurement: Measurement
    yardstick: str


SEED, SEED_512, SEED_BATCH = "seed-style, single, 128", "seed-style, single, 512", f"seed-style, batches of {BATCH}"
PRODUCER = "kafka-python's producer benchmark"


def cases() -> list[Case]:
    """In the order in which a round goes through them: what is compared is measured within the same minute."""
    return [*_single(), *_single_512(), *_batched(), *_worker()]


def groups(chosen: Sequence[Case]) -> list[list[Case]]:
    """Each case with those that the same measurement tells of."""
    return [list(group) for _, group in groupby(chosen, lambda case: case.measurement)]


def _single() -> list[Case]:
    return [
        Case("raw ASGI no-op, 128", Requests("raw no-op", None, 128), SEED),
        Case("FastAPI no-op, 128", Requests("FastAPI no-op", None, 128), SEED),
        Case(SEED, Requests("baseline", BASELINE, 128), SEED),
        Case("seed-style, forgetting, 128", Requests("baseline", BASELINE, 128, "/forget/register_event"), SEED),
        *(case for publisher in PUBLISHERS for case in _single_of(publisher)),
    ]


def _single_of(publisher: str) -> list[Case]:
    switched, two = f"{publisher} {SWITCHED}", f"{publisher} {TWO}"
    return [
        Case(f"{publisher}, single, 1", Requests(publisher, EVENTS, 1), SEED),
        Case(f"{publisher}, single, 64", Requests(publisher, EVENTS, 64), SEED),
        Case(f"{publisher}, single, 128", Requests(publisher, EVENTS, 128), SEED),
        *_metered(publisher, "single, 128", Requests(switched, EVENTS, 128), SEED),
        Case(f"{two}, single, 128", Requests(two, EVENTS, 128), SEED),
    ]


def _metered(publisher: str, name: str, requests: Requests, yardstick: str) -> Iterator[Case]:
    """One process with its metrics and without: what they cost more some day is a ratio that falls."""
    bare, weighing = f"{publisher} {BARE}, {name}", Weighing(requests)
    yield Case(f"{publisher} {METERED}, {name}", weighing, bare)
    yield Case(bare, weighing, yardstick)


def _single_512() -> list[Case]:
    servers = {SEED_512: ("baseline", BASELINE), **{f"{name}, single, 512": (name, EVENTS) for name in PUBLISHERS}}
    return [Case(name, Requests(server, topic, 512), SEED_512) for name, (server, topic) in servers.items()]


def _batched() -> list[Case]:
    ours = (case for publisher in PUBLISHERS for case in _batched_of(publisher))
    alone = Case(f"librdkafka alone, batches of {BATCH}", batches("librdkafka alone", BASELINE), SEED_BATCH)
    return [Case(SEED_BATCH, batches("baseline", BASELINE), SEED_BATCH), *ours, alone]


def _batched_of(publisher: str) -> list[Case]:
    switched, two = f"{publisher} {SWITCHED}", f"{publisher} {TWO}"
    return [
        Case(f"{publisher}, batches of {BATCH}", batches(publisher, EVENTS), SEED_BATCH),
        *_metered(publisher, "batches", batches(switched, EVENTS), SEED_BATCH),
        Case(f"{publisher}, batches, NDJSON", batches(publisher, EVENTS, "ndjson"), SEED_BATCH),
        Case(f"{two}, batches of {BATCH}", batches(two, EVENTS), SEED_BATCH),
    ]


def batches(server: str, topic: Topic, form: str = "json") -> Requests:
    """The load of all cases with batches."""
    return Requests(server, topic, connections=8, path="/register_events", events=BATCH, form=form)


def _worker() -> list[Case]:
    return [
        Case(PRODUCER, ProducerBenchmark(), PRODUCER),
        Case("worker, log and PostgreSQL", Drain(), PRODUCER),
        Case("two workers, log and PostgreSQL", Drain(workers=WORKERS), PRODUCER),
        Case("worker, log alone", Drain(("benchmarks.sinks", "log"), stored=False), PRODUCER),
        Case("worker, no sinks", Drain(("benchmarks.sinks",), stored=False), PRODUCER),
        Case("end to end at 500/s", Passage(PUBLISHERS[0], 500), "end to end at 500/s"),
    ]
