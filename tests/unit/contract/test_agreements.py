"""The files and numbers that processes, rules and dashboards agree on are what the code says."""

from pathlib import Path

import pytest

from contract.codec import decode, encode, parse
from contract.event import SCHEMA_VERSION
from contract.schema import FILE, schema
from contract.signals import (
    FRESHNESS_BOUND_SECONDS,
    LATENCY_BOUND_SECONDS,
    PIPELINE_BUCKETS,
    REQUEST_BUCKETS,
    SCRAPE_INTERVAL_SECONDS,
)
from contract.topics import DEAD_LETTERS, EVENTS, MAX_RECORD_BYTES

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "contract" / "examples"
NAMES = sorted(path.name.removesuffix(".record.json") for path in EXAMPLES.glob("*.record.json"))


def test_the_schema_file_is_current() -> None:
    assert FILE.read_text() == schema(), "run python -m contract.schema"


def test_the_schema_file_carries_the_version_of_the_records() -> None:
    assert FILE.name == f"event.v{SCHEMA_VERSION.decode()}.schema.json"


def test_each_example_is_a_pair() -> None:
    assert len(NAMES) >= 4
    assert sorted(path.name.removesuffix(".request.json") for path in EXAMPLES.glob("*.request.json")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_request_becomes_its_record_to_the_byte(name: str) -> None:
    value = EXAMPLES.joinpath(f"{name}.record.json").read_bytes().removesuffix(b"\n")
    stored = decode(value)
    event = parse(EXAMPLES.joinpath(f"{name}.request.json").read_bytes())
    assert encode(event, stored.event_id, stored.received_at) == value


def test_the_largest_record_fits_both_topics_with_what_is_added_to_it() -> None:
    events, dead_letters = (int(topic.config["max.message.bytes"]) for topic in (EVENTS, DEAD_LETTERS))
    assert MAX_RECORD_BYTES < events < dead_letters


def test_objectives_are_measured_at_a_bucket_bound() -> None:
    assert LATENCY_BOUND_SECONDS in REQUEST_BUCKETS
    assert FRESHNESS_BOUND_SECONDS in PIPELINE_BUCKETS


def test_prometheus_scrapes_at_the_interval_of_the_contract() -> None:
    configuration = ROOT.joinpath("prometheus", "prometheus.yml").read_text()
    assert f"scrape_interval: {SCRAPE_INTERVAL_SECONDS}s" in configuration
    assert f"evaluation_interval: {SCRAPE_INTERVAL_SECONDS}s" in configuration
