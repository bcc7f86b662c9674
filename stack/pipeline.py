"""The project's own processes: bootstrap, gateway, worker, and the exporter that watches their topics."""

import sys
from pathlib import Path

from contract.topics import TOPICS, WORKER_GROUP
from stack.home import Home
from stack.ports import HOST, Ports
from stack.postgres import database_url
from stack.service import Service, answers, numbered


def shared_environment(ports: Ports) -> dict[str, str]:
    """What each of our processes must know."""
    return {"KAFKA_BOOTSTRAP_SERVERS": ports.brokers, "DATABASE_URL": database_url(ports)}


def traffic_environment(ports: Ports) -> dict[str, str]:
    """What the simulator must know besides."""
    return {
        "TRAFFIC_URL": f"http://{HOST}:{ports.api[0]}",
        "TRAFFIC_DASHBOARD_URL": f"http://{HOST}:{ports.dashboards}",
        "TRAFFIC_METRICS_PORT": str(ports.traffic_metrics),
    }


def bootstrap(ports: Ports) -> Service:
    return Service(
        "bootstrap",
        (sys.executable, "-m", "worker.bootstrap"),
        needs=tuple(numbered("kafka", number) for number in range(1, len(ports.kafka) + 1)),
        environment=shared_environment(ports),
        one_shot=True,
        start_seconds=90,
    )


def api(home: Home, ports: Ports, number: int = 1) -> Service:
    name = numbered("api", number)
    port, metrics = ports.api[number - 1], ports.api_metrics[number - 1]
    return Service(
        name,
        (sys.executable, "-m", "api"),
        # Another gateway may answer on a shared port, so this one's own is asked as well.
        ready=lambda: answers(f"http://{HOST}:{metrics}/metrics") and answers(f"http://{HOST}:{port}/readyz"),
        address=f"http://{HOST}:{port}",
        ports=(port, metrics),
        needs=("bootstrap", "postgres"),
        environment={
            **shared_environment(ports),
            "API_HOST": HOST,
            "API_PORT": str(port),
            "API_REUSE_PORT": str(len(ports.api) > 1),
            "API_METRICS_HOST": HOST,
            "API_METRICS_PORT": str(metrics),
            "SPOOL_PATH": str(home.data / "spool" / f"{name}.db"),
        },
    )


def worker(home: Home, ports: Ports, number: int = 1) -> Service:
    name, metrics = numbered("worker", number), ports.worker_metrics[number - 1]
    address = f"http://{HOST}:{metrics}/metrics"
    return Service(
        name,
        (sys.executable, "-m", "worker"),
        ready=lambda: answers(address),
        address=address,
        ports=(metrics,),
        needs=("bootstrap", "postgres"),
        environment={
            **shared_environment(ports),
            "WORKER_METRICS_HOST": HOST,
            "WORKER_METRICS_PORT": str(metrics),
            # Two processes cannot rotate one file.
            "EVENT_LOG_PATH": str(home.log(numbered("consumer", number))),
        },
    )


def kafka_exporter(ports: Ports, program: Path | None) -> Service:
    command = (str(program),) if program else (sys.executable, "-m", "stack.lag_exporter")
    topics = "|".join(topic.name.replace(".", r"\.") for topic in TOPICS)
    address = f"http://{HOST}:{ports.kafka_exporter}/metrics"
    return Service(
        "kafka-exporter",
        (
            *command,
            *(f"--kafka.server={HOST}:{port}" for port in ports.kafka),
            f"--topic.filter=^({topics})$",
            f"--group.filter=^{WORKER_GROUP}$",
            "--refresh.metadata=5s",
            f"--web.listen-address={HOST}:{ports.kafka_exporter}",
        ),
        ready=lambda: answers(address, having="kafka_consumergroup_lag"),
        address=address,
        ports=(ports.kafka_exporter,),
        needs=("bootstrap",),
    )
