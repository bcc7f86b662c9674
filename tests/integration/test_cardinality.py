"""Whatever clients send, and whatever others write to the topic, no process shows a series more for it."""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random
from typing import Any
from uuid import UUID

import pytest
from kafka import KafkaProducer

from contract.topics import EVENTS
from stack.ports import HOST
from stack.stack import Stack
from tests.integration.gateway import NDJSON, Client
from tests.integration.rows import Rows
from tests.integration.series import Series
from tests.waiting import until

REQUESTS, FOREIGN = 1_000, 60
METHODS = ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE", "PROPFIND", "MKCOL", "LOCK", "SEARCH", "TRACE")
HANDLERS = {
    "/register_event", "/register_events", "/events/{event_id}", "/healthz", "/readyz",
    "/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "none",
}  # fmt: skip
PATHS = ("/register_event", "/register_events", "/healthz", "/readyz", "/openapi.json", "/events/1", "/docs")
SeriesNames = set[tuple[str, frozenset[tuple[str, str]]]]


class Chance:
    """Things nobody has sent before; ``words`` is all of them."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.words: set[str] = set()
        self.event_ids: list[str] = []

    def pick(self, choices: Any) -> Any:
        return self._random.choice(choices)

    def word(self) -> str:
        word = f"w{self._random.getrandbits(60):x}"
        self.words.add(word)
        return word

    def event_id(self) -> str:
        self.event_ids.append(str(UUID(int=self._random.getrandbits(128), version=4)))
        return self.event_ids[-1]

    def event(self, **more: Any) -> dict[str, Any]:
        properties = {self.word(): self.word()}
        return {
            "event_id": self.event_id(), "event_type": self.word(), "user_id": self.word(), "source": self.word(),
            "properties": properties, **more,
        }  # fmt: skip

    def headers(self) -> dict[str, str]:
        return {"X-Request-Id": self.word(), "X-Api-Key": self.word(), "User-Agent": self.word()}


Act = Callable[[Client, Chance], object]
ACTS: tuple[Act, ...] = (
    lambda client, chance: client.post("/register_event", json=chance.event(), headers=chance.headers()),
    lambda client, chance: client.post("/register_events", json=[chance.event() for _ in range(3)]),
    lambda client, chance: client.post("/register_event", json={chance.word(): chance.word()}),
    lambda client, chance: client.post("/register_event", json={"event_type": f"No {chance.word()}", "user_id": "u"}),
    lambda client, chance: client.post("/register_event", chance.word(), headers={"Content-Type": "application/json"}),
    lambda client, chance: client.post("/register_event", "{}", headers={"Content-Type": f"text/{chance.word()}"}),
    lambda client, chance: client.post("/register_events", "\n".join([chance.word()] * 3), headers=NDJSON),
    lambda client, chance: client.post("/register_event", b" " * 300_000, headers={"Content-Type": "application/json"}),
    lambda client, chance: client.get(f"/events/{chance.event_id()}"),
    lambda client, chance: client.get(f"/events/{chance.word()}"),
    lambda client, chance: client.get(f"/{chance.word()}/{chance.word()}?{chance.word()}={chance.word()}"),
    *(
        partial(lambda method, path, client, chance: client.request(method, f"{path}?{chance.word()}"), method, path)
        for method in METHODS
        for path in PATHS
    ),
    *(
        partial(lambda method, client, chance: client.request(method, f"/{chance.word()}"), method)
        for method in METHODS
    ),
)


def names(url: str) -> SeriesNames:
    return {(sample.name, frozenset(sample.labels.items())) for sample in Series(url).samples}


def worker_url(stack: Stack) -> str:
    return f"http://{HOST}:{stack.ports.worker_metrics[0]}/metrics"


@pytest.fixture(scope="module")
def foreign(stack: Stack) -> Iterator[Callable[[Chance, int], None]]:
    """Writes records that no gateway of ours wrote: too few in a row to halt the worker."""
    producer = KafkaProducer(bootstrap_servers=stack.kafka_bootstrap)

    def write(chance: Chance, count: int) -> None:
        for _ in range(count):
            version = chance.pick([b"1", b"1", chance.word().encode()])
            value = chance.pick([chance.word().encode(), b'{"event_type":"%s"}' % chance.word().encode()])
            headers = [("schema_version", version), (chance.word(), chance.word().encode())]
            producer.send(EVENTS.name, value, key=chance.word().encode(), headers=headers)
        producer.flush(timeout=10)

    yield write
    producer.close(timeout=10)


def parked(stack: Stack) -> float:
    return Series(worker_url(stack)).sum("pipeline_consumer_dead_letters_total")


def test_a_thousand_random_requests_and_records_add_no_series(
    stack: Stack, gateway: Client, rows: Rows, foreign: Callable[[Chance, int], None]
) -> None:
    first, then, junk = Chance(1), Chance(2), parked(stack)
    for act in ACTS:
        act(gateway, first)
    everywhere = [first.event() for _ in range(60)]  # some for each partition
    gateway.post("/register_events", json=everywhere)
    foreign(first, FOREIGN)
    until(lambda: parked(stack) == junk + FOREIGN, within=30)
    until(lambda: len(rows.of([event["event_id"] for event in everywhere])) == 60, within=30)
    before = {url: names(url) for url in (gateway.metrics_url, worker_url(stack))}
    for _ in range(REQUESTS):
        then.pick(ACTS)(gateway, then)
    foreign(then, FOREIGN)
    until(lambda: parked(stack) == junk + 2 * FOREIGN, within=30)
    until(lambda: len(rows.of(then.event_ids)) > 0, within=30)
    for url, known in before.items():
        after = names(url)
        assert after - known == set()
        values = {value for _, labels in after for _, value in labels}
        assert values & (first.words | then.words | {*first.event_ids, *then.event_ids}) == set()


def test_methods_and_handlers_are_few_whatever_clients_ask_for(gateway: Client) -> None:
    requests = Series(gateway.metrics_url).children("http_requests_total")
    assert {labels["handler"] for labels in requests} <= HANDLERS
    assert {labels["method"] for labels in requests} <= {"GET", "HEAD", "POST", "other"}
