"""The project's own processes: bootstrap, gateway, worker, and the exporter that watches their topics."""

import sys
from collections.abc import Mapping
from pathlib import Path

from contract.topics import TOPICS, WORKER_GROUP
from stack.home import Home
from stack.ports import HOST, Ports
from stack.postgres import database_url
from stack.service import Service, answers


def shared_environment(ports: Ports) -> dict[str, str]:
    """What each of our processes must know."""
    return {
        "KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{ports.kafka}",
        "DATABASE_URL": database_url(ports),
        "PYTHONUNBUFFERED": "1",
    }


def bootstrap(ports: Ports) -> Service:
    return Service(
        "bootstrap",
        (sys.executable, "-m", "worker.bootstrap"),
        needs=("kafka",),
        environment=shared_environment(ports),
        one_shot=True,
    )


def api(home: Home, ports: Ports, number: int = 1, extra: Mapping[str, str] | None = None) -> Service:
    name = _numbered("api", number)
    port, metrics = ports.api, ports.api_metrics
    return Service(
        name,
        (sys.executable, "-m", "api"),
        ready=lambda: answers(f"http://{HOST}:{port}/readyz"),
        address=f"http://{HOST}:{port}",
        ports=(port, metrics),
        needs=("bootstrap", "postgres"),
        environment={
            **shared_environment(ports),
            "API_HOST": HOST,
            "API_PORT": str(port),
            "API_METRICS_HOST": HOST,
            "API_METRICS_PORT": str(metrics),
            "SPOOL_PATH": str(home.data / "spool" / f"{name}.db"),
            **(extra or {}),
        },
    )


def worker(home: Home, ports: Ports, metrics: int, number: int = 1, extra: Mapping[str, str] | None = None) -> Service:
    name = _numbered("worker", number)
    return Service(
        name,
        (sys.executable, "-m", "worker"),
        ready=lambda: answers(f"http://{HOST}:{metrics}/metrics"),
        address=f"http://{HOST}:{metrics}/metrics",
        ports=(metrics,),
        needs=("bootstrap", "postgres"),
        environment={
            **shared_environment(ports),
            "WORKER_METRICS_HOST": HOST,
            "WORKER_METRICS_PORT": str(metrics),
            # Two processes cannot rotate one file.
            "EVENT_LOG_PATH": str(home.log(_numbered("consumer", number))),
            **(extra or {}),
        },
    )


def kafka_exporter(ports: Ports, program: Path | None) -> Service:
    command = (str(program),) if program else (sys.executable, "-m", "stack.lag_exporter")
    topics = "|".join(topic.name.replace(".", r"\.") for topic in TOPICS)
    return Service(
        "kafka-exporter",
        (
            *command,
            f"--kafka.server={HOST}:{ports.kafka}",
            f"--topic.filter=^({topics})$",
            f"--group.filter=^{WORKER_GROUP}$",
            "--refresh.metadata=5s",
            f"--web.listen-address={HOST}:{ports.kafka_exporter}",
        ),
        ready=lambda: answers(f"http://{HOST}:{ports.kafka_exporter}/metrics"),
        address=f"http://{HOST}:{ports.kafka_exporter}/metrics",
        ports=(ports.kafka_exporter,),
        needs=("bootstrap",),
    )


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"
