"""The drills and the rules agree."""

import pytest

from stack.drills.catalogue import DRILLS
from stack.drills.drill import LOOKING_BACK, Drill
from stack.home import ROOT
from tests.promql import rules

ALERTS = {rule["alert"] for rule in rules() if "alert" in rule}


def alert_names(drill: Drill) -> set[str]:
    return {alert.partition("/")[0] for alert in drill.expected | drill.along.keys()}


@pytest.mark.parametrize("drill", DRILLS.values(), ids=DRILLS)
def test_its_alerts_exist(drill: Drill) -> None:
    assert alert_names(drill) <= ALERTS
    assert drill.expected


@pytest.mark.parametrize("drill", DRILLS.values(), ids=DRILLS)
def test_no_alert_is_both_expected_and_excused(drill: Drill) -> None:
    assert not drill.expected & drill.along.keys()


@pytest.mark.parametrize("drill", DRILLS.values(), ids=DRILLS)
def test_the_runbook_of_an_expected_alert_tells_how_to_try_it(drill: Drill) -> None:
    for alert in drill.expected:
        page = (ROOT / "docs" / "runbooks" / f"{alert.partition('/')[0]}.md").read_text()
        assert f"`python -m stack drill {drill.name}`" in page


def test_no_drill_expects_what_an_earlier_one_leaves_behind() -> None:
    """Otherwise it would have to wait for minutes until that is over."""
    left = set[str]()
    for drill in DRILLS.values():
        assert not left & drill.expected
        left |= drill.echoes


def test_what_looks_back_are_alerts() -> None:
    assert LOOKING_BACK <= ALERTS


def test_the_page_about_drills_has_each_of_them() -> None:
    page = (ROOT / "docs" / "drills.md").read_text()
    for drill in DRILLS.values():
        assert f"| `{drill.name}` |" in page
