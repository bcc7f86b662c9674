"""A process's own series, scraped from it at one moment."""

import requests
from prometheus_client.parser import text_string_to_metric_families


class Series:
    """The samples of one scrape."""

    def __init__(self, url: str) -> None:
        text = requests.get(url, timeout=10).text
        self.samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def value(self, name: str, **labels: object) -> float:
        """The one sample with these labels; fails when there is none."""
        (value,) = (
            s.value for s in self.samples if s.name == name and s.labels == {k: str(v) for k, v in labels.items()}
        )
        return value

    def sum(self, name: str, **labels: object) -> float:
        """Over all samples with at least these labels; fails when there is none."""
        wanted = {key: str(value) for key, value in labels.items()}.items()
        values = [sample.value for sample in self.samples if sample.name == name and wanted <= sample.labels.items()]
        assert values, f"no series {name}{labels}"
        return sum(values)

    def children(self, name: str) -> list[dict[str, str]]:
        return [sample.labels for sample in self.samples if sample.name == name]
