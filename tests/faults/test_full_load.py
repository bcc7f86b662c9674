"""Kafka was away while clients sent as much as the gateway takes: it comes back all the same, with them still there."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

import pytest
import requests

from tests.faults.conftest import Note, on_both_clients
from tests.faults.rig import Rig
from tests.waiting import until

pytestmark = [pytest.mark.long, on_both_clients()]

CLIENTS: Final = 8
BATCH: Final = 500
USERS: Final = 5_000
IN_TIME: Final = 5.0
"""Seconds: the deadline for an answer is 2, and this machine may be busy."""


class Client(Thread):
    """Sends one batch after the other without a pause, and counts what became of the events."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__()
        self._url, self._number, self._stopping = url, number, Event()
        self.published = self.spooled = self.sent = 0
        self.slowest = 0.0

    def run(self) -> None:
        events = [
            {"event_type": "flood", "user_id": f"user-{(self._number * BATCH + n) % USERS}"} for n in range(BATCH)
        ]
        body, headers = json.dumps(events), {"content-type": "application/json"}
        with requests.Session() as session:
            while not self._stopping.is_set():
                answer = session.post(f"{self._url}/register_events", body, headers=headers, timeout=30)
                self.slowest = max(self.slowest, answer.elapsed.total_seconds())
                self.sent += BATCH
                self.published += answer.content.count(b'"status":"published"')
                self.spooled += answer.content.count(b'"status":"spooled"')

    def stop(self) -> None:
        self._stopping.set()


@contextmanager
def flood(url: str) -> Iterator[list[Client]]:
    clients = [Client(url, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        for client in clients:
            client.stop()
        for client in clients:
            client.join()


def rows(rig: Rig) -> int:
    return int(rig.query("SELECT count(*) FROM events")[0][0])


def test_a_gateway_at_full_load_comes_back_from_an_outage(rig: Rig, note: Note) -> None:
    before = rows(rig)
    with flood(rig.stack.api_url) as clients:
        until(lambda: rig.metric("pipeline_events_accepted_total", outcome="published") > 0, within=30)
        with rig.paused("kafka"):
            until(lambda: rig.metric("pipeline_spool_records") > 20_000, within=30)
        until(lambda: rig.metric("pipeline_producer_up") == 1 and not rig.metric("pipeline_spool_records"), within=60)
        published = rig.metric("pipeline_events_accepted_total", outcome="published")
        until(lambda: rig.metric("pipeline_events_accepted_total", outcome="published") > published, within=30)
    sent, accepted = (sum(each.sent for each in clients), sum(each.published + each.spooled for each in clients))
    until(lambda: rows(rig) - before >= accepted, within=240)
    slowest = max(each.slowest for each in clients)
    note(f"{sent} sent, {sum(each.spooled for each in clients)} of them spooled, slowest answer {slowest:.2f} s")
    assert sent == accepted == rows(rig) - before
    assert slowest < IN_TIME
