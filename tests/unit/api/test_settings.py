"""What can be set, and what a wrong value does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from api.settings import ApiSettings

ROOT = Path(__file__).parents[3]


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """python -m api with nothing else in its environment."""
    return subprocess.run(
        [sys.executable, "-B", "-m", "api"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("variable", "value"),
    [("API_PORT", "eighty"), ("SPOOL_MAX_BYTES", "-1"), ("DATABASE_URL", "")],
)
def test_a_wrong_value_stops_the_process_and_is_named(variable: str, value: str) -> None:
    done = start(**{variable: value})
    assert done.returncode == 2
    assert f"  {variable}: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("API_PORT", "70000"),
        ("API_METRICS_PORT", ""),
        ("API_LOG_LEVEL", "loud"),
        ("API_PUBLISHER", "rabbit"),
        ("API_MAX_BODY_BYTES", "0"),
        ("API_MAX_BATCH_EVENTS", "many"),
        ("API_BODY_TIMEOUT_SECONDS", "0"),
        ("API_PUBLISH_DEADLINE_SECONDS", "-1"),
        ("API_RATE_LIMIT_PER_SECOND", "-1"),
        ("KAFKA_BOOTSTRAP_SERVERS", ""),
        ("SPOOL_MAX_BYTES", "lots"),
        ("DATABASE_URL", ""),
    ],
)
def test_wrong_values_are_refused_by_their_names(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    from contract.settings import explain

    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match="validation error") as refused:
        ApiSettings()
    assert explain(refused.value).startswith(f"  {variable}: ")


def test_keys_come_as_a_list_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", "first, second ,,")
    assert [key.get_secret_value() for key in ApiSettings().keys] == ["first", "second"]
    monkeypatch.setenv("API_KEYS", "")
    assert ApiSettings().keys == ()


def test_secrets_are_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", "hunter1,hunter2")
    monkeypatch.setenv("DATABASE_URL", "postgresql://events:hunter3@localhost/events")
    settings = ApiSettings()
    assert "hunter" not in f"{settings} {settings!r} {settings.model_dump_json()}"


def test_without_any_environment_the_documented_defaults_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("API_", "SPOOL_", "KAFKA_", "DATABASE_URL")):
            monkeypatch.delenv(name)
    settings = ApiSettings()
    assert (settings.host, settings.port, settings.metrics_port) == ("127.0.0.1", 8000, 9101)
    assert (settings.max_body_bytes, settings.max_batch_bytes, settings.max_batch_events) == (262_144, 8_388_608, 1000)
    assert settings.kafka.servers == ["127.0.0.1:9092"]
    assert settings.keys == ()
