import json
from collections import Counter
from datetime import datetime
from itertools import chain
from typing import Any

import pytest

from traffic.plan import Item, Kind, Mix, Plan, Run
from traffic.settings import TrafficSettings

RUN = Run("cafe0001", 7, 1_800_000_000.0)


def items(run: Run = RUN, number: int = 0, **settings: Any) -> list[Item]:
    plan = Plan(TrafficSettings(**{"events": 400} | settings), run, number)
    return list(chain.from_iterable(departure.items for departure in plan.departures()))


def lasting(item: Item) -> dict[str, Any]:
    """What the seed settles."""
    fields = json.loads(item.body)
    return {name: fields[name] for name in ("event_type", "user_id", "properties")}


def events(sent: list[Item]) -> list[Item]:
    return [item for item in sent if item.kind is Kind.EVENT]


def test_a_plain_run_is_exactly_its_events_with_ids_of_their_own() -> None:
    sent = items()
    assert [item.kind for item in sent] == [Kind.EVENT] * 400
    assert len({item.event_id for item in sent}) == 400
    assert [json.loads(item.body)["event_id"] for item in sent] == [item.event_id for item in sent]


def test_bad_events_and_re_sends_come_on_top() -> None:
    kinds = Counter(item.kind for item in items(invalid=0.1, duplicates=0.05))
    assert kinds == {Kind.EVENT: 400, Kind.FLAW: 40, Kind.DUPLICATE: 20}


def test_they_stand_between_the_good_ones_all_over_the_run() -> None:
    sent = items(invalid=0.5)
    for quarter in range(4):
        assert any(item.kind is Kind.FLAW for item in sent[quarter * 150 : quarter * 150 + 150])


def test_a_re_send_repeats_an_earlier_event_to_the_byte() -> None:
    seen: dict[str, bytes] = {}
    for item in items(events=50, duplicates=1):
        if item.kind is Kind.DUPLICATE:
            assert seen[item.event_id] == item.body
        seen[item.event_id] = item.body


def test_the_same_seed_gives_the_same_events_in_the_same_order_with_new_ids() -> None:
    first, second = items(invalid=0.1), items(RUN._replace(id="cafe0002"), invalid=0.1)
    assert [item.kind for item in first] == [item.kind for item in second]
    assert [item.flaw for item in first] == [item.flaw for item in second]
    assert [lasting(item) for item in events(first)] == [lasting(item) for item in events(second)]
    assert not {item.event_id for item in first} & {item.event_id for item in second}


def test_another_seed_gives_other_events() -> None:
    assert [lasting(item) for item in items()] != [lasting(item) for item in items(RUN._replace(seed=8))]


def test_bad_events_do_not_change_the_good_ones() -> None:
    assert [lasting(item) for item in events(items(invalid=0.3, duplicates=0.3))] == [lasting(item) for item in items()]


def test_an_event_names_its_scenario_and_run_and_happened_when_it_leaves() -> None:
    (departure,) = Plan(TrafficSettings(events=1, scenario="shop"), RUN).departures()
    fields = json.loads(departure.items[0].body)
    assert fields["source"] == "simulator/shop/cafe0001"
    assert datetime.fromisoformat(fields["occurred_at"]).timestamp() == pytest.approx(
        RUN.started_at + departure.at, abs=0.001
    )


def test_some_sensor_events_happened_before_they_leave() -> None:
    late = [item for item in items(events=3000, scenario="iot") if _age(item) > 60]
    assert late


def _age(item: Item) -> float:
    return RUN.started_at - datetime.fromisoformat(json.loads(item.body)["occurred_at"]).timestamp()


def test_a_batch_holds_so_many_items_and_the_last_one_the_rest() -> None:
    plan = Plan(TrafficSettings(events=95, invalid=0.1, batch=20), RUN)
    assert [len(departure.items) for departure in plan.departures()] == [20, 20, 20, 20, 20, 5]


def test_a_batch_never_holds_a_wrong_media_type_because_all_lines_share_one() -> None:
    assert all(item.deserves != 415 for item in items(invalid=1, batch=10))
    assert any(item.deserves == 415 for item in items(invalid=1))


def test_the_parts_of_several_senders_add_up_to_the_whole() -> None:
    whole = Mix(1001, 50, 7)
    parts = [whole.part(number, 3) for number in range(3)]
    assert tuple(map(sum, zip(*parts, strict=True))) == whole


def test_several_senders_send_different_events_at_the_whole_rate() -> None:
    settings = TrafficSettings(events=400, processes=2, rate=100)
    first, second = (list(Plan(settings, RUN, number).departures()) for number in range(2))
    assert [lasting(departure.items[0]) for departure in first] != [lasting(departure.items[0]) for departure in second]
    assert len(first) == len(second) == 200
    assert max(first[-1].at, second[-1].at) <= 4
