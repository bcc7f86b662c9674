"""What can be set, and what a wrong value does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from contract.settings import explain
from worker.settings import WorkerSettings

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("module", ["worker", "worker.bootstrap"])
def test_a_wrong_value_stops_the_process_and_is_named(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-m", module],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "KAFKA_BOOTSTRAP_SERVERS": ""},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "  KAFKA_BOOTSTRAP_SERVERS: " in done.stderr.replace("\\n", "\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WORKER_GROUP", ""),
        ("WORKER_METRICS_PORT", "-1"),
        ("WORKER_LOG_LEVEL", "loud"),
        ("WORKER_BATCH_RECORDS", "0"),
        ("WORKER_SESSION_TIMEOUT_SECONDS", "1"),
        ("WORKER_DEAD_LETTER_MAX_SHARE", "50"),
        ("WORKER_DEAD_LETTER_MAX_RUN", "few"),
        ("EVENT_LOG_ROTATION", "when it suits"),
        ("EVENT_LOG_COMPRESSION", "small"),
        ("EVENT_LOG_RETENTION", "0"),
        ("DATABASE_URL", ""),
        ("KAFKA_BOOTSTRAP_SERVERS", ""),
    ],
)
def test_wrong_values_are_refused_by_their_names(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValueError, match="validation error") as refused:
        WorkerSettings()
    assert explain(refused.value).startswith(f"  {variable}: ")


@pytest.mark.parametrize("rotation", ["50 MB", "1 day", "00:00", "500 KB"])
def test_rotation_is_in_loguru_s_words(monkeypatch: pytest.MonkeyPatch, rotation: str) -> None:
    monkeypatch.setenv("EVENT_LOG_ROTATION", rotation)
    assert WorkerSettings().event_log.rotation == rotation


def test_secrets_are_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://events:hunter3@localhost/events")
    settings = WorkerSettings()
    assert "hunter" not in f"{settings} {settings!r} {settings.model_dump_json()}"
