"""The project as a user meets it: the compose command and the published ports."""

import json
import os
import shlex
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

ROOT = Path(__file__).parents[2]
PROJECT = "event-pipeline-test"
GATEWAY = "http://127.0.0.1:8000"
# What the caller's shell sets must not change what is tested.
_STRAY = ("API_", "WORKER_", "TRAFFIC_", "EVENT_LOG_", "SPOOL_", "KAFKA_", "DATABASE_URL", "COMPOSE_")


class Compose:
    """The compose command on the project's own file, under a project name of its own."""

    def __init__(self, command: str) -> None:
        self._command = [*shlex.split(command), "--env-file", os.devnull]
        clean = {name: value for name, value in os.environ.items() if not name.startswith(_STRAY)}
        self.environment = clean | {"COMPOSE_PROJECT_NAME": PROJECT}

    def __call__(self, *arguments: str, **environment: str) -> str:
        """What the command prints on stdout; progress goes to stderr. Fails the test when the command fails."""
        done = self._run(arguments, environment)
        if done.returncode:
            pytest.fail(f"`{shlex.join(done.args)}` ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def up(self, *scale: str, **environment: str) -> None:
        """Start what is missing and wait until all of it is healthy; ``scale`` as in worker=3."""
        options = [part for each in scale for part in ("--scale", each)]
        done = self._run(("up", "--detach", "--wait", "--wait-timeout", "300", *options), environment)
        if done.returncode:
            logs = self._run(("logs", "--tail", "20", "--no-color"), environment).stdout
            pytest.fail(f"`{shlex.join(done.args)}` ended with {done.returncode}; the services say:\n{logs}")

    def down(self, *options: str) -> None:
        self("--profile", "*", "down", "--remove-orphans", *options)

    def containers(self) -> list[dict[str, Any]]:
        """One object a container, with Service, State, Health, ExitCode."""
        text = self("ps", "--all", "--format", "json")
        return json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]

    def _run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self._command, *arguments],
                cwd=ROOT,
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C is for pytest, which then takes the project down
            )
        except FileNotFoundError as error:
            pytest.fail(f"There is no {error.filename} here: install Docker with Compose, or set COMPOSE=command.")


class Events:
    """The table of events, asked through the published port."""

    def ids(self) -> set[str]:
        with psycopg.connect("postgresql://events:events@127.0.0.1:5432/events") as connection:
            return {event_id for (event_id,) in connection.execute("SELECT event_id::text FROM events")}


class Prometheus:
    """Prometheus, asked through the published port."""

    def query(self, promql: str) -> dict[str, float]:
        """Values by the first label of their series, or by "" when it has none."""
        response = requests.get("http://127.0.0.1:9090/api/v1/query", {"query": promql}, timeout=10)
        response.raise_for_status()
        samples = response.json()["data"]["result"]
        return {next(iter(sample["metric"].values()), ""): float(sample["value"][1]) for sample in samples}

    def targets(self) -> Counter[str]:
        """How many targets answer, by job."""
        return Counter({job: int(count) for job, count in self.query("sum by (job) (up)").items()})
