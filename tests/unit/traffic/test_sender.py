from threading import Event
from time import sleep
from typing import Any

from tests.unit.traffic.gateway import Answer as Http
from tests.unit.traffic.gateway import Call, Gateway, by_contract
from tests.waiting import until
from traffic.metrics import Answer
from traffic.plan import Departure, Plan, Run
from traffic.sender import Exchange, Sender
from traffic.settings import TrafficSettings

RUN = Run("cafe0001", 7, 1_800_000_000.0)


def settings(gateway: Gateway, **changes: Any) -> TrafficSettings:
    return TrafficSettings(**{"url": gateway.url, "events": 60, "rate": 2_000, "threads": 4} | changes)


def plan(settings: TrafficSettings) -> list[Departure]:
    return list(Plan(settings, RUN).departures())


def finish(sender: Sender) -> list[Exchange]:
    until(lambda: not sender.running, within=30)
    return sender.collect()


def test_every_departure_is_delivered_once(gateway: Gateway) -> None:
    departures = plan(settings(gateway))
    with Sender(settings(gateway), iter(departures)) as sender:
        exchanges = finish(sender)
    sent = sorted(departure.items[0].event_id for departure in departures)
    assert sorted(gateway.event_ids) == sent
    assert sorted(exchange.outcomes[0].event_id for exchange in exchanges) == sent
    assert {exchange.outcomes[0].answer for exchange in exchanges} == {Answer.PUBLISHED}


def test_nothing_leaves_before_its_time(gateway: Gateway) -> None:
    few = settings(gateway, events=10, rate=20)
    with Sender(few, iter(plan(few))) as sender:
        exchanges = finish(sender)
    assert all(exchange.latency >= exchange.service for exchange in exchanges)
    assert max(exchange.at + exchange.latency for exchange in exchanges) > plan(few)[-1].at


def test_a_slow_gateway_cannot_hide_behind_the_requests_it_holds_up(gateway: Gateway) -> None:
    def slow(call: Call) -> Http:
        sleep(0.05)
        return by_contract(call)

    gateway.behaviour = slow
    one_at_a_time = settings(gateway, events=20, rate=100, threads=1)  # takes 1 s where 0.2 s are planned
    with Sender(one_at_a_time, iter(plan(one_at_a_time))) as sender:
        exchanges = finish(sender)
    last = max(exchanges, key=lambda exchange: exchange.at)
    assert last.delay > 0.4  # it left late
    assert last.latency >= last.delay + last.service - 0.001  # and its user waited for both


def test_a_stop_lets_what_is_in_flight_finish_and_begins_nothing_new(gateway: Gateway) -> None:
    go_on = Event()

    def held(call: Call) -> Http:
        go_on.wait(10)
        return by_contract(call)

    gateway.behaviour = held
    with Sender(settings(gateway), iter(plan(settings(gateway)))) as sender:
        until(lambda: len(gateway.calls) == 4, within=10)
        assert sender.inflight == 4
        sender.stop()
        go_on.set()
        exchanges = finish(sender)
    assert len(exchanges) == len(gateway.calls) == 4
    assert {exchange.outcomes[0].answer for exchange in exchanges} == {Answer.PUBLISHED}
    assert sender.inflight == 0


def test_a_stop_ends_the_retries(gateway: Gateway) -> None:
    gateway.behaviour = lambda _: None
    with Sender(settings(gateway), iter(plan(settings(gateway)))) as sender:
        until(lambda: len(gateway.calls) > 8, within=10)
        sender.stop()
        exchanges = finish(sender)
    assert {exchange.outcomes[0].answer for exchange in exchanges} == {Answer.UNKNOWN}
