"""What the pipeline wants to reach on two cores, and whether a run has reached it."""

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.plan import BARE, BATCH, METERED, SEED, SEED_512
from benchmarks.results import Results
from benchmarks.sample import Sample
from benchmarks.servers import PUBLISHERS


class Target(NamedTuple):
    """``unit`` follows the numbers when they are written down."""

    name: str
    wanted: float
    found: float
    unit: str
    at_least: bool = True

    @property
    def holds(self) -> bool:
        return self.found >= self.wanted if self.at_least else self.found <= self.wanted


def targets(results: Results) -> list[Target]:
    """Of a run with every case of the plan."""
    common = (target for publisher in PUBLISHERS for target in _of_both(results, publisher))
    return [*_of_each(results), *common, *_of_the_worker(results)]


def _of_each(results: Results) -> Iterator[Target]:
    for publisher, seed, crowd, batches in zip(PUBLISHERS, (5, 7), (None, 12), (60_000, 200_000), strict=True):
        single, many = f"{publisher}, single, 128", f"{publisher}, single, 512"
        yield Target(f"{single}: times {SEED}", seed, results.over(single, SEED, _rate), "")
        if crowd:
            yield Target(f"{many}: times {SEED_512}", crowd, results.over(many, SEED_512, _rate), "")
        yield Target(f"{many}: share of its 128", 0.9, results.over(many, single, _rate), "")
        batch = f"{publisher}, batches of {BATCH}"
        yield Target(batch, batches, results.middle(batch, _rate), " events/s")


def _of_both(results: Results, publisher: str) -> Iterator[Target]:
    single = f"{publisher}, single, 128"
    one, many = f"{publisher}, single, 1", f"{publisher}, single, 512"
    yield Target(f"{one}: p50", 2, results.middle(one, _p50), " ms", at_least=False)
    yield Target(f"{single}: p99 over p50", 4, results.middle(single, lambda s: _p99(s) / _p50(s)), "", at_least=False)
    yield Target(f"{many}: slowest answer", 1000, max(map(_worst, results.samples[many])), " ms", at_least=False)
    peaks = [sample.peak_mb for case, them in results.samples.items() if case.startswith(publisher) for sample in them]
    yield Target(f"{publisher}: peak memory", 150, max(peaks), " MB", at_least=False)
    for case, most in (("single, 128", 10), ("batches", 2)):
        cost = _percent(results, f"{publisher} {METERED}, {case}", f"{publisher} {BARE}, {case}")
        yield Target(f"{publisher}, {case}: cost of metrics", most, cost, " %", at_least=False)


def _of_the_worker(results: Results) -> Iterator[Target]:
    worker, way = "worker, log and PostgreSQL", "end to end at 500/s"
    yield Target(worker, 60_000, results.middle(worker, _rate), " events/s")
    yield Target(f"{way}: p99", 100, results.middle(way, _p99), " ms", at_least=False)


def _percent(results: Results, metered: str, bare: str) -> float:
    """What metrics add to the processor time of an event: both had their turns in all rounds alike."""
    return (results.cpu_us(metered) / results.cpu_us(bare) - 1) * 100


def _rate(sample: Sample) -> float:
    return sample.rate


def _p50(sample: Sample) -> float:
    return _known(sample.p50_ms)


def _p99(sample: Sample) -> float:
    return _known(sample.p99_ms)


def _worst(sample: Sample) -> float:
    return _known(sample.worst_ms)


def _known(value: float | None) -> float:
    assert value is not None  # these cases can tell
    return value
