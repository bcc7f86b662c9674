"""What metrics cost: one gateway under load, with and without them by turns."""

from dataclasses import dataclass
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.http import Requests
from benchmarks.laboratory import Laboratory
from benchmarks.sample import Sample
from benchmarks.switched import STATES, Spent
from stack.ports import HOST


@dataclass(frozen=True)
class Weighing:
    """Under the load of these ``requests`` to a server of ``benchmarks.switched``."""

    requests: Requests

    def measure(self, laboratory: Laboratory, seconds: float) -> list[Sample]:
        """With metrics, and without: the server's own books of either state. Blocks for twice as long."""
        before = self._books(laboratory)
        (whole,) = self.requests.measure(laboratory, 2 * seconds)
        after = self._books(laboratory)
        return [_sample(after[state].since(before[state]), whole) for state in STATES]

    def _books(self, laboratory: Laboratory) -> dict[str, Spent]:
        port = laboratory.stack.services[self.requests.server].environment["API_METRICS_PORT"]
        with urlopen(f"http://{HOST}:{port}/metrics") as answer:
            families = list(text_string_to_metric_families(answer.read().decode()))
        read = {
            (sample.name, sample.labels.get("metrics")): sample.value for each in families for sample in each.samples
        }
        return {state: Spent(*(read[f"bench_{what}_total", state] for what in Spent._fields)) for state in STATES}


def _sample(spent: Spent, whole: Sample) -> Sample:
    return Sample(int(spent.events), spent.seconds, spent.cpu_seconds, whole.peak_mb, trouble=whole.trouble)
