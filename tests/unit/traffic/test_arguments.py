import pytest

from traffic.arguments import parse
from traffic.scenarios import Scenario
from traffic.settings import TrafficSettings


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TrafficSettings.model_fields:
        monkeypatch.delenv(f"TRAFFIC_{name.upper()}", raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)


def complaint(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as exit_:
        parse(arguments)
    assert exit_.value.code == 2
    return capsys.readouterr().err


def test_without_flags_10_000_good_events_leave_in_20_seconds() -> None:
    settings, as_json = parse([])
    assert (settings.events, settings.rate, settings.invalid, settings.duplicates) == (10_000, 500, 0, 0)
    assert (settings.gateway, settings.verify, settings.batch, as_json) == ("http://127.0.0.1:8000", True, 0, False)
    assert settings.database_url.get_secret_value() == "postgresql://events:events@127.0.0.1:5432/events"


def test_every_setting_has_a_flag_and_stands_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse(["--help"])
    text = capsys.readouterr().out
    assert exit_.value.code == 0
    for name, field in TrafficSettings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in text
        assert (field.description or "?").split()[0] in text
    assert "examples:" in text
    assert "exit codes:" in text


def test_a_flag_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAFFIC_SCENARIO", "iot")
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/events")
    assert parse([]).settings.scenario is Scenario.IOT
    assert parse(["--scenario", "logs"]).settings.scenario is Scenario.LOGS
    assert parse([]).settings.database_url.get_secret_value() == "postgresql://elsewhere/events"
    assert parse(["--database-url", "postgresql://here/x"]).settings.database_url.get_secret_value().endswith("here/x")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--events", "0"), "--events: Input should be greater than or equal to 1"),
        (("--rate", "fast"), "--rate: Input should be a valid number"),
        (("--invalid", "5"), "--invalid: Input should be less than or equal to 1"),
        (("--url", "somewhere"), "--url: Input should be a valid URL"),
        (("--events", "2", "--processes", "3"), "3 processes cannot share 2 events"),
        (("--scenario", "bank"), "invalid choice: 'bank'"),
        (("--frobnicate",), "unrecognized arguments: --frobnicate"),
    ],
)
def test_wrong_usage_names_the_flag_and_the_fault(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert words in complaint(capsys, *arguments)


def test_a_wrong_environment_is_explained_as_well(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAFFIC_RATE", "-1")
    assert "--rate: Input should be greater than 0" in complaint(capsys)


def test_several_faults_are_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    text = complaint(capsys, "--events", "0", "--threads", "0")
    assert "--events: " in text
    assert "--threads: " in text


def test_secrets_are_masked_when_settings_are_shown() -> None:
    assert "s3cret" not in repr(parse(["--api-key", "s3cret", "--database-url", "postgresql://u:s3cret@h/d"]).settings)
