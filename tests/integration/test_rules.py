"""Prometheus's own checker accepts what is committed, and rejects a rule test that expects something else."""

from pathlib import Path
from subprocess import PIPE, STDOUT, run

import pytest

from stack.programs import Programs, find
from tests.promql import ROOT

TESTS = sorted((ROOT / "prometheus" / "tests").glob("*.yml"))


@pytest.fixture(scope="module")
def promtool() -> Path:
    programs: Programs = find(lambda line: None)
    return programs.promtool


def check(promtool: Path, *words: str | Path) -> tuple[int, str]:
    done = run([promtool, *words], stdout=PIPE, stderr=STDOUT, text=True, timeout=120, check=False)
    return done.returncode, done.stdout


def test_the_configuration_and_its_rules_are_valid(promtool: Path) -> None:
    code, said = check(promtool, "check", "config", ROOT / "prometheus" / "prometheus.yml")
    assert code == 0, said
    assert "2 rule files found" in said


@pytest.mark.parametrize("file", TESTS, ids=[file.stem for file in TESTS])
def test_rules_and_alerts_do_what_their_tests_say(promtool: Path, file: Path) -> None:
    code, said = check(promtool, "test", "rules", file)
    assert code == 0, said


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("lag", "value: 18}", "value: 17}"),
        ("conservation", "value: 3}", "value: 4}"),
        ("objectives", 'alertname="FreshnessBudgetBurn"', 'alertname="SomethingElse"'),
        ("services", 'alertname="DatabaseUnreachable"}\', value: 1', 'alertname="DatabaseUnreachable"}\', value: 2'),
    ],
)
def test_a_wrong_expectation_fails(promtool: Path, tmp_path: Path, file: str, right: str, wrong: str) -> None:
    text = (ROOT / "prometheus" / "tests" / f"{file}.yml").read_text()
    assert right in text
    changed = tmp_path / "changed.yml"
    changed.write_text(text.replace(right, wrong, 1).replace("../rules", str(ROOT / "prometheus" / "rules")))
    code, said = check(promtool, "test", "rules", changed)
    assert code == 1, said
