"""Which services make up a stack, in the order in which they start."""

from shutil import rmtree

from stack import grafana, kafka, pipeline, postgres, prometheus
from stack.home import Home
from stack.ports import Ports
from stack.programs import Programs
from stack.service import Service


def services(home: Home, ports: Ports, programs: Programs) -> list[Service]:
    """Every service of the stack, with as many replicas as there are ports; none is started."""
    return [
        kafka.zookeeper(home, ports, programs.jars),
        *(kafka.kafka(home, ports, programs.jars, number) for number, _ in enumerate(ports.kafka, start=1)),
        postgres.initialise(home),
        postgres.postgres(home, ports),
        prometheus.prometheus(home, ports, programs.prometheus),
        pipeline.bootstrap(ports),
        pipeline.kafka_exporter(ports, programs.kafka_exporter),
        *(pipeline.api(home, ports, number) for number, _ in enumerate(ports.api, start=1)),
        *(pipeline.worker(home, ports, number) for number, _ in enumerate(ports.worker_metrics, start=1)),
        grafana.dashboards(home, ports, programs.grafana),
    ]


def remove_data(home: Home) -> None:
    """Forget everything the stopped services have stored."""
    postgres.remove(home)
    rmtree(home.data, ignore_errors=True)
