"""Prometheus: the program, and compose's configuration pointed at this machine."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from stack.home import ROOT, Home
from stack.ports import HOST, Ports
from stack.service import Service, answers

SOURCE = ROOT / "prometheus"
"""What compose mounts: prometheus.yml and its rules."""

Targets = Mapping[str, Sequence[int]]
"""Metrics ports of each job."""


def prometheus(home: Home, ports: Ports, program: Path) -> Service:
    config = home.config / "prometheus.yml"
    return Service(
        "prometheus",
        (
            str(program),
            f"--config.file={config}",
            f"--storage.tsdb.path={home.data / 'prometheus'}",
            f"--web.listen-address={HOST}:{ports.prometheus}",
            "--web.enable-lifecycle",
            "--enable-feature=exemplar-storage",
        ),
        ready=lambda: answers(f"http://{HOST}:{ports.prometheus}/-/ready"),
        address=f"http://{HOST}:{ports.prometheus}",
        ports=(ports.prometheus,),
        files={config: local_config(home, (SOURCE / "prometheus.yml").read_text())},
    )


def local_config(home: Home, compose_config: str) -> str:
    """The configuration with each job's targets read from a file of this stack, so that they can change."""
    config: dict[str, Any] = yaml.safe_load(compose_config)
    config["rule_files"] = [str(SOURCE / pattern) for pattern in config.get("rule_files", [])]
    for job in config["scrape_configs"]:
        for key in [key for key in job if key.endswith("_sd_configs") or key == "static_configs"]:
            del job[key]
        job["file_sd_configs"] = [{"files": [str(_targets(home, job["job_name"]))]}]
    return yaml.safe_dump(config, sort_keys=False)


def write_targets(home: Home, targets: Targets) -> None:
    """Say where each job's metrics are; Prometheus sees the change by itself."""
    for job, ports in targets.items():
        path = _targets(home, job)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps([{"targets": [f"{HOST}:{port}" for port in ports]}]))
        partial.replace(path)


def books_are_open(ports: Ports) -> bool:
    """Whether Prometheus has seen the topic and every counter once: events from now on are in its conservation law."""
    query = "query?query=pipeline:records_opening:sum"
    return answers(f"http://{HOST}:{ports.prometheus}/api/v1/{query}", having='"value"')


def _targets(home: Home, job: str) -> Path:
    return home.config / "targets" / f"{job}.json"
