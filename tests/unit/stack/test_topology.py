from itertools import chain
from pathlib import Path

import pytest

from stack.home import Home
from stack.ports import Ports
from stack.programs import Programs
from stack.service import Service
from stack.topology import services


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    return Programs(tmp_path / "jars", tmp_path / "prometheus", tmp_path / "promtool", None, None)


def build(home: Path, ports: Ports, programs: Programs) -> dict[str, Service]:
    return {service.name: service for service in services(Home(home), ports, programs)}


def test_a_stack_is_the_topology_of_compose(tmp_path: Path, programs: Programs) -> None:
    names = {"zookeeper", "kafka", "postgres", "prometheus", "bootstrap", "kafka-exporter", "api", "worker"}
    assert build(tmp_path, Ports(), programs).keys() == names | {"initdb", "board"}


def test_whatever_a_service_needs_comes_before_it(tmp_path: Path, programs: Programs) -> None:
    started: set[str] = set()
    for service in build(tmp_path, Ports.plan(brokers=3, apis=2, workers=2), programs).values():
        assert set(service.needs) <= started
        started.add(service.name)


def test_every_port_of_the_plan_belongs_to_one_service(tmp_path: Path, programs: Programs) -> None:
    ports = Ports.plan(free=True, brokers=2, apis=2, workers=2)
    listened = list(chain.from_iterable(service.ports for service in build(tmp_path, ports, programs).values()))
    assert sorted(listened) == sorted([*(port for _, port in ports.named()), ports.api[0]])  # two share that one


def test_everything_a_service_writes_lies_below_the_home(tmp_path: Path, programs: Programs) -> None:
    for service in build(tmp_path, Ports(), programs).values():
        assert all(tmp_path in path.parents for path in service.files)


def test_replicas_share_neither_metrics_ports_nor_files(tmp_path: Path, programs: Programs) -> None:
    built = build(tmp_path, Ports.plan(apis=2, workers=2), programs)
    for first, second, name in (("api", "api-2", "SPOOL_PATH"), ("worker", "worker-2", "EVENT_LOG_PATH")):
        assert built[first].environment[name] != built[second].environment[name]
        assert built[first].ports[-1] != built[second].ports[-1]
    assert built["api"].environment["API_REUSE_PORT"] == built["api-2"].environment["API_REUSE_PORT"] == "True"


def test_several_brokers_hold_several_replicas(tmp_path: Path, programs: Programs) -> None:
    brokers = build(tmp_path, Ports.plan(brokers=3), programs)
    for number, name in enumerate(("kafka", "kafka-2", "kafka-3"), start=1):
        [config] = brokers[name].files.values()
        assert f"broker.id={number}\n" in config
        assert "default.replication.factor=3\n" in config


def test_no_topic_comes_from_a_typing_mistake(tmp_path: Path, programs: Programs) -> None:
    [config] = build(tmp_path, Ports(), programs)["kafka"].files.values()
    assert "auto.create.topics.enable=false\n" in config


def test_programs_on_the_path_take_the_place_of_the_stand_ins(tmp_path: Path, programs: Programs) -> None:
    bin_folder = tmp_path / "bin"
    found = Programs(
        programs.jars, programs.prometheus, programs.promtool, bin_folder / "kafka_exporter", bin_folder / "grafana"
    )
    built = build(tmp_path, Ports(), found)
    assert built["kafka-exporter"].command[0] == str(bin_folder / "kafka_exporter")
    assert built["grafana"].command[0] == str(bin_folder / "grafana")
    assert "board" not in built


def test_grafana_is_provisioned_with_this_machines_prometheus_and_our_dashboards(
    tmp_path: Path, programs: Programs
) -> None:
    found = Programs(programs.jars, programs.prometheus, programs.promtool, None, tmp_path / "grafana")
    texts = "\n".join(build(tmp_path, Ports(api=(8765,)), found)["grafana"].files.values())
    assert "url: http://127.0.0.1:9090" in texts
    assert "http://prometheus:9090" not in texts
    assert "url: http://127.0.0.1:8765/events/$${__value.raw}" in texts
    assert "grafana/dashboards" in texts
    assert "/etc/grafana" not in texts


def test_the_worker_writes_consumer_log_among_the_logs(tmp_path: Path, programs: Programs) -> None:
    environment = build(tmp_path, Ports(), programs)["worker"].environment
    assert environment["EVENT_LOG_PATH"] == str(tmp_path / "logs" / "consumer.log")
