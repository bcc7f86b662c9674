"""What docker-compose.yml says agrees with what the processes read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from api.settings import ApiSettings
from contract.kafka import KafkaSettings
from contract.topics import WORKER_GROUP
from grafana.dashboards import FOLDER
from traffic.settings import TrafficSettings
from worker.settings import WorkerSettings

SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(Path("docker-compose.yml").read_text())["services"]
# Read by contract.exposition; the addresses are one block for all services, whoever reads them.
SHARED = {"PIPELINE_REVISION", "KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL"}


def variables(block: type[BaseSettings]) -> Iterator[str]:
    prefix = str(block.model_config.get("env_prefix", ""))
    for name, field in block.model_fields.items():
        if field.default is PydanticUndefined and isinstance(field.annotation, type):
            yield from variables(field.annotation)
        else:
            yield str(field.validation_alias or prefix + name.upper())


@pytest.mark.parametrize(
    ("service", "settings"),
    [("api", ApiSettings), ("worker", WorkerSettings), ("bootstrap", KafkaSettings), ("traffic", TrafficSettings)],
)
def test_a_service_is_given_only_variables_that_it_reads(service: str, settings: type[BaseSettings]) -> None:
    assert SERVICES[service]["environment"].keys() <= {*variables(settings), *SHARED}


def test_every_port_is_published_on_this_machine_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == 5
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_images_are_pinned_to_a_release() -> None:
    for name in (service["image"] for service in SERVICES.values() if "image" in service):
        assert sum(character == "." for character in name.partition(":")[2]) >= 1, name


@pytest.mark.parametrize("service", ["api", "worker"])
def test_docker_waits_longer_than_a_service_takes_to_stop(service: str) -> None:
    settings = {"api": ApiSettings, "worker": WorkerSettings}[service].model_fields
    assert int(SERVICES[service]["stop_grace_period"].removesuffix("s")) > 2 * settings["shutdown_seconds"].default


def test_the_exporter_watches_the_workers_group() -> None:
    assert f"--group.filter=^{WORKER_GROUP}$$" in SERVICES["kafka-exporter"]["command"]


def test_prometheus_keeps_exemplars() -> None:
    assert "--enable-feature=exemplar-storage" in SERVICES["prometheus"]["command"]


def test_grafana_opens_with_a_dashboard_that_exists() -> None:
    home = Path(SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (FOLDER / home.name).is_file()
    assert any(volume.startswith(f"./grafana/dashboards:{home.parent}:") for volume in SERVICES["grafana"]["volumes"])
