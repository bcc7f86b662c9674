"""Which services make up a stack, in the order of compose."""

from stack import grafana, kafka, pipeline, postgres, prometheus
from stack.home import ROOT, Home
from stack.ports import Ports
from stack.programs import Programs
from stack.service import Service


def services(home: Home, ports: Ports, programs: Programs) -> list[Service]:
    """Every service of the stack; none is started."""
    parts = [
        kafka.zookeeper(home, ports, programs.jars),
        kafka.kafka(home, ports, programs.jars),
        postgres.initialise(home),
        postgres.postgres(home, ports),
        prometheus.prometheus(home, ports, programs.prometheus),
        pipeline.bootstrap(ports),
        pipeline.kafka_exporter(ports, programs.kafka_exporter),
        pipeline.api(home, ports),
        pipeline.worker(home, ports, ports.worker_metrics),
        *grafana.dashboards(home, ports, programs.grafana),
    ]
    return [part for part in parts if _exists(part.name)]


def _exists(name: str) -> bool:
    """TEMPORARY: until both have a __main__."""
    return name not in ("api", "worker") or (ROOT / name / "__main__.py").exists()
