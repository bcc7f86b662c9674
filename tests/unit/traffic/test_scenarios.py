from collections import Counter
from itertools import islice, pairwise
from random import Random
from uuid import uuid4

import pytest

from contract.codec import encode, parse
from traffic.encoding import dump
from traffic.scenarios import SCENARIOS, Draft, Scenario


def drafts(scenario: Scenario, count: int = 3_000, seed: int = 5) -> list[Draft]:
    return list(islice(SCENARIOS[scenario](Random(seed)), count))


@pytest.mark.parametrize("scenario", Scenario)
def test_every_draft_makes_an_event_the_contract_accepts(scenario: Scenario) -> None:
    for draft in drafts(scenario):
        event = parse(dump({"event_type": draft.event_type, "user_id": draft.user_id, "properties": draft.properties}))
        encode(event, str(uuid4()), "2026-01-01T00:00:00Z")


@pytest.mark.parametrize("scenario", Scenario)
def test_the_seed_settles_every_draft(scenario: Scenario) -> None:
    assert drafts(scenario, seed=5) == drafts(scenario, seed=5)
    assert drafts(scenario, seed=5) != drafts(scenario, seed=6)


def test_a_shop_visit_begins_with_a_page_and_orders_only_after_a_checkout() -> None:
    visits: dict[object, list[str]] = {}
    for draft in drafts(Scenario.SHOP):
        visits.setdefault(draft.properties["session"], []).append(draft.event_type)
    assert {visit[0] for visit in visits.values()} == {"page.viewed"}
    ordered = [visit for visit in visits.values() if "order.placed" in visit]
    assert ordered
    assert all(
        "cart.item_added" in visit and visit.index("checkout.started") < visit.index("order.placed")
        for visit in ordered
    )


def test_fewer_customers_come_to_each_later_step_of_the_shop() -> None:
    counts = Counter(draft.event_type for draft in drafts(Scenario.SHOP, 10_000))
    funnel = ["page.viewed", "product.viewed", "cart.item_added", "checkout.started", "order.placed", "payment.failed"]
    assert [name for name, _ in counts.most_common()] == funnel


def test_some_customers_come_far_more_often_than_others() -> None:
    visits = Counter(draft.user_id for draft in drafts(Scenario.SHOP, 10_000)).most_common()
    assert len(visits) > 500
    assert visits[0][1] > 10 * visits[len(visits) // 2][1]


def test_a_sensor_drifts_slowly_and_counts_its_reports() -> None:
    reports: dict[str, list[Draft]] = {}
    for draft in drafts(Scenario.IOT, 20_000):
        if draft.event_type == "telemetry.reported":
            reports.setdefault(draft.user_id, []).append(draft)
    for of_one in reports.values():
        for earlier, later in pairwise(of_one):
            skipped = later.properties["sequence"] - earlier.properties["sequence"]
            assert skipped > 0
            assert abs(later.properties["temperature_c"] - earlier.properties["temperature_c"]) < 3 * skipped


def test_some_sensor_reports_are_late_and_there_are_heartbeats_and_alarms() -> None:
    sent = drafts(Scenario.IOT, 20_000)
    assert 0.01 < sum(draft.late > 0 for draft in sent) / len(sent) < 0.2
    assert {draft.event_type for draft in sent} == {
        "telemetry.reported",
        "device.heartbeat",
        "alarm.raised",
        "alarm.cleared",
    }


def test_log_lines_hold_what_upsets_careless_readers() -> None:
    text = "".join(str(draft.properties["message"]) for draft in drafts(Scenario.LOGS))
    for awkward in ("\x1b[", "\n", "\r", "\t", '"', "'", "{", "}", "%s", "\\", "配", "✅", "\u202e", "<script>"):
        assert awkward in text
    assert any("\n" in str(draft.properties.get("stack_trace", "")) for draft in drafts(Scenario.LOGS))


def test_mixed_traffic_has_events_of_every_scenario() -> None:
    types = {draft.event_type for draft in drafts(Scenario.MIXED)}
    for scenario in (Scenario.SHOP, Scenario.IOT, Scenario.LOGS):
        assert types & {draft.event_type for draft in drafts(scenario)}
