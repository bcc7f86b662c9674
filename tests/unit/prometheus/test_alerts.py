"""What every alert owes the person it wakes."""

from typing import Any

import pytest

from grafana.dashboards import DASHBOARDS
from tests.promql import ROOT, rules

ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
UIDS = {build().build().uid for build in DASHBOARDS.values()}
TESTS = "\n".join(path.read_text() for path in (ROOT / "prometheus" / "tests").glob("*.yml"))


@pytest.fixture(params=ALERTS)
def alert(request: pytest.FixtureRequest) -> dict[str, Any]:
    return ALERTS[request.param]


def test_it_has_a_severity_people_know(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning", "none"}


def test_its_labels_hold_no_value_that_changes(alert: dict[str, Any]) -> None:
    assert "$value" not in str(alert["labels"])


def test_it_says_what_is_wrong_and_what_that_means(alert: dict[str, Any]) -> None:
    assert alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["description"].endswith(".")


def test_its_runbook_tells_meaning_impact_diagnosis_and_mitigation(alert: dict[str, Any]) -> None:
    assert alert["annotations"]["runbook_url"] == f"docs/runbooks/{alert['alert']}.md"
    page = (ROOT / alert["annotations"]["runbook_url"]).read_text()
    assert page.startswith(f"# {alert['alert']}\n")
    for heading in ("## Meaning", "## Impact", "## Diagnosis", "## Mitigation"):
        assert heading in page


def test_its_dashboard_exists(alert: dict[str, Any]) -> None:
    assert alert["annotations"]["dashboard_url"].removeprefix("/d/") in UIDS


def test_it_is_seen_firing_in_a_test_of_the_rules(alert: dict[str, Any]) -> None:
    assert f'alertname="{alert["alert"]}"' in TESTS or f"alertname: {alert['alert']}\n" in TESTS


def test_a_runbook_without_its_alert_is_removed() -> None:
    assert {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")} - {"README"} == set(ALERTS)
