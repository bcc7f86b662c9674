"""The way from a slow bucket to the event behind it: what Prometheus has scraped names events that are in the table."""

from time import time

import pytest

from contract.signals import EXEMPLARS
from stack.stack import Stack
from tests.integration.gateway import Client, event
from tests.integration.observed import Prometheus
from tests.integration.rows import Rows
from tests.waiting import until


@pytest.mark.parametrize("histogram", EXEMPLARS)
def test_prometheus_has_exemplars_whose_events_are_stored(
    histogram: str, stack: Stack, gateway: Client, rows: Rows
) -> None:
    since, sent = time() - 1, [event(user_id=f"exemplar-{number}") for number in range(50)]
    gateway.post("/register_events", json=sent[:40])
    for single in sent[40:]:
        gateway.register(single)
    ids = {one["event_id"] for one in sent}
    prometheus = Prometheus(stack.prometheus_url)
    named = until(lambda: ids & prometheus.exemplars(histogram, since), within=30)
    until(lambda: rows.of(named).keys() == named, within=30)
    assert {gateway.place(event_id)["status"] for event_id in named} == {"stored"}
