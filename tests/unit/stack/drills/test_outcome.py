from contextlib import nullcontext

import pytest

from stack.drills.alerts import Episode
from stack.drills.drill import Drill
from stack.drills.outcome import Books, Outcome, assign

ALL_STORED = Books(accepted=100, missing=0, unaccounted=0)


def drill(*expected: str, **along: str) -> Drill:
    return Drill("sample", "Something is done.", frozenset(expected), lambda _: nullcontext(), 10, along)


def outcome(what: Drill, *episodes: Episode, books: Books = ALL_STORED, injected: float = 0) -> Outcome:
    return Outcome(what, injected, injected + 20, books, list(episodes))


def fired(alert: str) -> Episode:
    return Episode(alert, began=1, fired=10, ended=30)


def test_a_drill_passes_when_its_alerts_fire_and_clear() -> None:
    assert outcome(drill("A", "B"), fired("A"), fired("B")).problems() == []


def test_an_alert_that_does_not_fire_fails_the_drill() -> None:
    assert outcome(drill("A", "B"), fired("A")).problems() == ["B did not fire within 20 s"]


def test_an_alert_that_was_only_pending_did_not_fire() -> None:
    assert outcome(drill("A"), Episode("A", began=1, ended=9)).problems() == ["A did not fire within 20 s"]


def test_an_alert_nobody_expects_fails_the_drill() -> None:
    (problem,) = outcome(drill("A"), fired("A"), fired("C")).problems()
    assert problem.startswith("C fired")


def test_an_alert_nobody_expects_may_be_pending_for_a_moment() -> None:
    assert outcome(drill("A"), fired("A"), Episode("C", began=1, ended=9)).problems() == []


def test_an_alert_that_may_come_along_need_not() -> None:
    both = drill("A", C="the same fact")
    assert outcome(both, fired("A")).problems() == []
    assert outcome(both, fired("A"), fired("C")).problems() == []


@pytest.mark.parametrize("alert", ["A", "C"])
def test_whatever_fires_must_clear(alert: str) -> None:
    lasting = Episode(alert, began=1, fired=10)
    assert f"{alert} did not clear" in outcome(drill("A", C="the same fact"), fired("A"), lasting).problems()


def test_the_target_that_is_down_matters() -> None:
    problems = outcome(drill("TargetDown/worker"), fired("TargetDown/api")).problems()
    assert len(problems) == 2


@pytest.mark.parametrize(
    ("books", "problem"),
    [
        (Books(100, 3, 0), "3 of 100 accepted events are not in the table"),
        (Books(100, 0, 2), "2 events are unaccounted for"),
        (Books(100, 0, None), "Prometheus cannot say whether events are unaccounted for"),
    ],
)
def test_books_that_do_not_balance_fail_the_drill(books: Books, problem: str) -> None:
    assert outcome(drill("A"), fired("A"), books=books).problems() == [problem]


def test_an_alert_belongs_to_the_drill_it_began_in() -> None:
    first, second = outcome(drill("A")), outcome(drill("B"), injected=100)
    assign([Episode("A", began=101, fired=110)], [first, second])
    assert [len(first.episodes), len(second.episodes)] == [0, 1]


def test_an_alert_that_looks_back_belongs_to_the_drill_it_looks_back_on() -> None:
    first = outcome(drill("A", FreshnessBudgetBurn="late"))
    second = outcome(drill("B"), injected=100)
    assign([Episode("FreshnessBudgetBurn", began=101, fired=131)], [first, second])
    assert [len(first.episodes), len(second.episodes)] == [1, 0]


def test_an_alert_before_the_first_drill_belongs_to_none() -> None:
    only = outcome(drill("A"), injected=100)
    assign([Episode("A", began=99, fired=101)], [only])
    assert only.episodes == []
