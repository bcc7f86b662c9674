"""Numbers and names that scrapes, rules, dashboards and code share agree with contract/."""

import json
import re
from itertools import pairwise
from typing import Any

import yaml

from api import errors
from api.metrics import Rejection
from contract import signals
from contract.topics import EVENTS, WORKER_GROUP
from grafana.dashboards import FOLDER
from tests.promql import ROOT, RULES, rules

INTERVAL = f"{signals.SCRAPE_INTERVAL_SECONDS}s"
SIGNALS = (RULES / "signals.yml").read_text()
EXPRESSIONS = {rule.get("record") or rule["alert"]: rule["expr"] for rule in rules()}


def config() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text()))


def test_prometheus_scrapes_and_evaluates_at_the_common_interval() -> None:
    assert config()["global"]["scrape_interval"] == INTERVAL
    assert config()["global"]["evaluation_interval"] == INTERVAL


def test_a_scrape_times_out_before_the_next_begins() -> None:
    timeout = config()["global"]["scrape_timeout"]
    assert int(timeout.removesuffix("ms")) < signals.SCRAPE_INTERVAL_SECONDS * 1000


def test_grafana_knows_the_interval() -> None:
    provisioned = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yml").read_text())
    (source,) = provisioned["datasources"]
    assert source["jsonData"]["timeInterval"] == INTERVAL
    assert source["uid"] == "prometheus"


def test_every_panel_keeps_to_the_interval() -> None:
    for path in FOLDER.glob("*.json"):
        panels = [panel for panel in json.loads(path.read_text())["panels"] if panel.get("targets")]
        assert {panel["interval"] for panel in panels} == {INTERVAL}


def test_lag_in_seconds_begins_with_one_interval() -> None:
    assert EXPRESSIONS["partition:lag_seconds:inversion"].startswith(f"{signals.SCRAPE_INTERVAL_SECONDS} + (time() - ")
    assert f"<= {signals.SCRAPE_INTERVAL_SECONDS})\n" in EXPRESSIONS["group:lag_drain_seconds:estimate"]


def test_rules_name_the_topic_and_the_group_of_the_contract() -> None:
    assert set(re.findall(r'topic="([^"]+)"', SIGNALS)) == {EVENTS.name}
    assert set(re.findall(r'consumergroup="([^"]+)"', SIGNALS)) == {WORKER_GROUP}


def test_rules_and_alerts_hold_the_bounds_of_lag() -> None:
    assert f">= {signals.LAG_WARNING_SECONDS}\n" in EXPRESSIONS["partition:lag_verdict:code"]
    assert EXPRESSIONS["ConsumerLagGrowing"].endswith(f"group:lag_seconds:max > {signals.LAG_WARNING_SECONDS}")
    assert EXPRESSIONS["ConsumerLagHigh"].endswith(f"> {signals.LAG_CRITICAL_SECONDS}")


def test_objectives_are_measured_at_bucket_bounds() -> None:
    assert signals.LATENCY_BOUND_SECONDS in signals.REQUEST_BUCKETS
    assert signals.FRESHNESS_BOUND_SECONDS in signals.PIPELINE_BUCKETS
    assert f'le="{signals.LATENCY_BOUND_SECONDS}"' in EXPRESSIONS["pipeline:slo_latency_bad:ratio_rate5m"]
    assert f'le="{signals.FRESHNESS_BOUND_SECONDS}"' in EXPRESSIONS["pipeline:slo_freshness_bad:ratio_rate5m"]


def test_alerts_burn_the_budgets_of_the_objectives() -> None:
    for alert, objective in (
        ("AvailabilityBudgetBurn", signals.AVAILABILITY_OBJECTIVE),
        ("LatencyBudgetBurn", signals.LATENCY_OBJECTIVE),
        ("FreshnessBudgetBurn", signals.FRESHNESS_OBJECTIVE),
    ):
        budgets = set(re.findall(r"> [\d.]+ \* ([\d.]+)", EXPRESSIONS[alert]))
        assert {float(budget) for budget in budgets} == {round(1 - objective, 6)}


def test_failed_events_are_those_refused_with_5xx() -> None:
    by_status = {kind.reason for kind in _all_errors(errors.GatewayError) if kind.status >= 500}
    (listed,) = set(re.findall(r'rejected_total\{reason=~"([^"]+)"\}', SIGNALS))
    assert set(listed.split("|")) == by_status | {Rejection.INTERNAL}


def _all_errors(parent: type[errors.GatewayError]) -> list[type[errors.GatewayError]]:
    children = [kind for child in parent.__subclasses__() for kind in _all_errors(child)]
    return [*children, *parent.__subclasses__()]


def test_neighbouring_buckets_are_close_enough_for_percentiles() -> None:
    for buckets in (signals.REQUEST_BUCKETS, signals.PIPELINE_BUCKETS, signals.ACK_BUCKETS):
        ratios = [high / low for low, high in pairwise(buckets)]
        assert max(ratios) <= 2.6
