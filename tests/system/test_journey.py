"""What the README promises of compose, in the order a user would try it."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from signal import SIGKILL
from time import monotonic, sleep

import requests

from tests.system.compose import GATEWAY, ROOT, Compose, Events, Prometheus

ONE_SHOT = {"bootstrap", "log-folder"}
SERVED = {"zookeeper", "kafka", "kafka-exporter", "postgres", "api", "worker", "prometheus", "grafana"}
EVENT = {"event_type": "order.placed", "user_id": "user-42", "properties": {"amount": 12.5}}


def until(done: Callable[[], bool], seconds: float = 60) -> bool:
    """Whether ``done`` became true within the time."""
    deadline = monotonic() + seconds
    while not (reached := done()) and monotonic() < deadline:
        sleep(0.5)
    return reached


def simulate(compose: Compose, *arguments: str) -> None:
    """The simulator on this machine, as the README has it; its exit code is its verdict."""
    command = [sys.executable, "traffic/simulate.py", *arguments]
    subprocess.run(command, cwd=ROOT, env=compose.environment, stdin=subprocess.DEVNULL, check=True)


def post() -> requests.Response:
    return requests.post(f"{GATEWAY}/register_event", json=EVENT, timeout=30)


def logged(pattern: str) -> set[str]:
    """The event_ids in the files of logs/, rotated ones included."""
    event_ids: set[str] = set()
    for path in ROOT.glob(f"logs/{pattern}"):
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as log:
            event_ids.update(json.loads(line)["event"]["event_id"] for line in log)
    return event_ids


def test_one_command_brings_up_every_service_healthy(compose: Compose) -> None:
    containers = {each["Service"]: each for each in compose.containers()}

    assert containers.keys() == ONE_SHOT | SERVED
    assert {service: containers[service]["ExitCode"] for service in ONE_SHOT} == dict.fromkeys(ONE_SHOT, 0)
    assert {service: containers[service]["Health"] for service in SERVED} == dict.fromkeys(SERVED, "healthy")


def test_up_a_second_time_changes_nothing(compose: Compose) -> None:
    before = {each["ID"] for each in compose.containers() if each["Service"] in SERVED}

    compose.up()

    assert {each["ID"] for each in compose.containers() if each["Service"] in SERVED} == before


def test_every_partition_has_a_lag_before_the_first_event(prometheus: Prometheus) -> None:
    lag = 'sum by (partition) (kafka_consumergroup_lag{topic="events"})'

    assert until(lambda: prometheus.query(lag) == {str(partition): 0 for partition in range(6)})


def test_the_simulator_on_this_machine_ends_with_10_000_stored(compose: Compose, events: Events) -> None:
    before = events.ids()

    simulate(compose)

    assert len(events.ids() - before) == 10_000


def test_the_simulator_in_the_network_ends_with_10_000_stored(compose: Compose, events: Events) -> None:
    before = events.ids()

    compose("run", "--rm", "traffic")

    assert len(events.ids() - before) == 10_000


def test_consumer_log_has_a_line_for_each_stored_event(events: Events) -> None:
    stored = events.ids()

    assert len(stored) == 20_000
    assert stored <= logged("consumer.*")


def test_lag_is_back_at_zero(prometheus: Prometheus) -> None:
    assert until(lambda: prometheus.query('sum(kafka_consumergroup_lag{topic="events"})') == {"": 0})


def test_prometheus_reaches_every_target(prometheus: Prometheus) -> None:
    assert until(lambda: prometheus.targets() == {"api": 1, "worker": 1, "kafka-exporter": 1, "prometheus": 1})


def test_three_workers_share_the_partitions(compose: Compose, events: Events, prometheus: Prometheus) -> None:
    compose.up("worker=3")
    before = events.ids()

    assert until(lambda: prometheus.targets()["worker"] == 3)
    owned = "sum by (instance) (pipeline_consumer_assigned_partitions)"
    assert until(lambda: sorted(prometheus.query(owned).values()) == [2, 2, 2])
    simulate(compose, "--events", "6000", "--rate", "1000")

    stored = events.ids() - before
    assert len(stored) == 6000
    assert stored <= logged("consumer*")
    lines = "sum by (instance) (pipeline_event_log_lines_total)"
    assert until(lambda: len([count for count in prometheus.query(lines).values() if count > 0]) == 3)


def test_two_gateways_each_take_events_on_a_port_of_their_own(
    compose: Compose, events: Events, prometheus: Prometheus
) -> None:
    compose.up("api=2", "worker=3", API_HOST_PORTS="8000-8001")
    before = events.ids()

    for port in (8000, 8001):
        simulate(compose, "--events", "2000", "--rate", "1000", "--url", f"http://127.0.0.1:{port}")

    assert len(events.ids() - before) == 4000
    accepted = "sum by (instance) (pipeline_events_accepted_total)"
    assert until(lambda: [count >= 2000 for count in prometheus.query(accepted).values()] == [True, True])


def test_scaling_back_leaves_one_of_each(compose: Compose, prometheus: Prometheus) -> None:
    compose.up("api=1", "worker=1")

    assert until(lambda: (prometheus.targets()["api"], prometheus.targets()["worker"]) == (1, 1))
    assert post().status_code == 201


def test_events_of_an_outage_of_kafka_are_spooled_and_stored_after_it(compose: Compose, events: Events) -> None:
    compose("stop", "kafka")
    answers = []
    for _ in range(15):  # longer than the producer keeps a record
        answers.append(post())
        sleep(1)
    compose("start", "kafka")

    assert [answer.status_code for answer in answers] == [202] * len(answers)
    spooled = {answer.json()["event_id"] for answer in answers}
    assert until(lambda: spooled <= events.ids())
    assert post().status_code == 201


def test_stop_under_load_ends_every_service_in_time(compose: Compose, events: Events) -> None:
    stored = len(events.ids())
    load = [sys.executable, "traffic/simulate.py", "--events", "60000", "--rate", "300", "--no-verify"]
    with subprocess.Popen(load, cwd=ROOT, env=compose.environment, stdin=subprocess.DEVNULL) as simulator:
        try:
            assert until(lambda: len(events.ids()) > stored + 500)
            compose("stop")
        finally:
            simulator.terminate()
    ended = {container["Service"]: container["ExitCode"] for container in compose.containers()}
    compose.up()

    assert ended["api"] == ended["worker"] == 0
    assert {service for service, status in ended.items() if status == 128 + SIGKILL} == set()
    assert post().status_code == 201


def test_nothing_is_lost_when_the_project_goes_down_and_up(compose: Compose, events: Events) -> None:
    first = post().json()["event_id"]
    assert until(lambda: first in events.ids())
    before = events.ids()

    compose.down()
    compose.up()

    assert events.ids() == before
    after = post().json()["event_id"]
    assert until(lambda: events.ids() == before | {after})
