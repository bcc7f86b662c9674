"""What is measured in each round, and what it is compared with."""

from typing import Final, NamedTuple, Protocol

from benchmarks.drain import Drain
from benchmarks.http import Requests
from benchmarks.laboratory import Laboratory
from benchmarks.passage import Passage
from benchmarks.producer import ProducerBenchmark
from benchmarks.sample import Sample
from benchmarks.servers import BARE, PUBLISHERS, TWO, WORKERS
from benchmarks.topics import BASELINE
from contract.topics import EVENTS, Topic

BATCH: Final = 500


class Measurement(Protocol):
    def measure(self, laboratory: Laboratory, seconds: float) -> Sample:
        """Blocks for about so many seconds."""
        ...


class Case(NamedTuple):
    """``yardstick`` names the case of the same round this one is divided by."""

    name: str
    measurement: Measurement
    yardstick: str


SEED, SEED_512, SEED_BATCH = "seed-style, single, 128", "seed-style, single, 512", f"seed-style, batches of {BATCH}"
PRODUCER = "kafka-python's producer benchmark"


def cases() -> list[Case]:
    """In the order in which a round goes through them."""
    return [*_yardsticks(), *(case for publisher in PUBLISHERS for case in _gateway(publisher)), *_worker()]


def _yardsticks() -> list[Case]:
    return [
        Case("raw ASGI no-op, 128", Requests("raw no-op", None, 128), SEED),
        Case("FastAPI no-op, 128", Requests("FastAPI no-op", None, 128), SEED),
        Case(SEED, Requests("baseline", BASELINE, 128), SEED),
        Case(SEED_512, Requests("baseline", BASELINE, 512), SEED_512),
        Case(SEED_BATCH, _batches("baseline", BASELINE), SEED_BATCH),
        Case("seed-style, forgetting, 128", Requests("baseline", BASELINE, 128, "/forget/register_event"), SEED),
        Case(PRODUCER, ProducerBenchmark(), PRODUCER),
    ]


def _gateway(publisher: str) -> list[Case]:
    bare = f"{publisher} {BARE}"
    two = f"{publisher} {TWO}"
    return [  # what is compared comes one after the other, because the machine is not the same a minute later
        Case(f"{publisher}, single, 1", Requests(publisher, EVENTS, 1), SEED),
        Case(f"{publisher}, single, 64", Requests(publisher, EVENTS, 64), SEED),
        Case(f"{publisher}, single, 512", Requests(publisher, EVENTS, 512), SEED_512),
        Case(f"{publisher}, single, 128", Requests(publisher, EVENTS, 128), SEED),
        Case(f"{bare}, single, 128", Requests(bare, EVENTS, 128), f"{publisher}, single, 128"),
        Case(f"{publisher}, batches, NDJSON", _batches(publisher, EVENTS, "ndjson"), SEED_BATCH),
        Case(f"{publisher}, batches of {BATCH}", _batches(publisher, EVENTS), SEED_BATCH),
        Case(f"{bare}, batches", _batches(bare, EVENTS), f"{publisher}, batches of {BATCH}"),
        Case(f"{two}, single, 128", Requests(two, EVENTS, 128), SEED),
        Case(f"{two}, batches of {BATCH}", _batches(two, EVENTS), SEED_BATCH),
    ]


def _batches(server: str, topic: Topic, form: str = "json") -> Requests:
    return Requests(server, topic, connections=8, path="/register_events", events=BATCH, form=form)


def _worker() -> list[Case]:
    return [
        Case("worker, log and PostgreSQL", Drain(), PRODUCER),
        Case("two workers, log and PostgreSQL", Drain(workers=WORKERS), PRODUCER),
        Case("worker, log alone", Drain(("benchmarks.sinks", "log"), stored=False), PRODUCER),
        Case("worker, no sinks", Drain(("benchmarks.sinks",), stored=False), PRODUCER),
        Case("end to end at 500/s", Passage(PUBLISHERS[0], 500), "end to end at 500/s"),
    ]
