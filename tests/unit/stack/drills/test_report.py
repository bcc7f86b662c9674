from contextlib import nullcontext

from stack.drills.alerts import Episode
from stack.drills.drill import Drill
from stack.drills.outcome import Books, Outcome
from stack.drills.report import render, rows

DRILL = Drill("sample", "It is done.", frozenset({"A", "B"}), lambda _: nullcontext(), 10, {"C": "the same fact"})
BOOKS = Books(accepted=1234, missing=0, unaccounted=0, refused=2, unanswered=1)
PASSED = Outcome(
    DRILL, 100, 130, BOOKS, [Episode("A", 105, 120, 150), Episode("B", 101, 101, 131), Episode("C", 101, 102, 131)]
)
FAILED = Outcome(DRILL, 100, 130, BOOKS, [Episode("A", 105, 120)])


def test_seconds_count_from_the_fault_and_from_the_healing() -> None:
    assert list(rows([PASSED])) == [
        ("sample", "passed", "A", "5 s", "20 s", "20 s"),
        ("", "", "B", "1 s", "1 s", "1 s"),
        ("", "", "C (along)", "1 s", "2 s", "1 s"),
    ]


def test_what_never_happened_says_so() -> None:
    assert list(rows([FAILED])) == [
        ("sample", "FAILED", "A", "5 s", "20 s", "never"),
        ("", "", "B", "", "never", ""),
    ]


def test_an_alert_nobody_expects_is_called_that() -> None:
    surprised = Outcome(DRILL, 100, 130, BOOKS, [Episode("D", 101, 102, 131)])
    assert next(rows([surprised]))[2] == "D (unexpected)"


def test_the_report_has_its_date_its_verdict_and_the_events() -> None:
    report = render([PASSED], rate=50, when=0)
    assert report.startswith("# Drills of 1970-01-01 00:00 UTC: all 1 passed\n")
    assert "- Along came C: the same fact." in report
    assert "1,234 events accepted" in report
    assert "2 refused, 1 without an answer" in report


def test_the_report_of_a_failure_says_what_failed() -> None:
    report = render([PASSED, FAILED], rate=50, when=0)
    assert "1 of 2 failed" in report
    assert "- **B did not fire within 30 s.**" in report
