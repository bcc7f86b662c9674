"""The dashboards: Grafana where it is installed, else the page that draws the same JSON."""

import sys
from pathlib import Path
from typing import Any, Final

import yaml

from stack.home import ROOT, Home
from stack.ports import HOST, Ports
from stack.service import Service, answers

SOURCE: Final = ROOT / "grafana"
"""What compose mounts: the provisioning and the dashboards."""

PACKAGE_HOME: Final = Path("/usr/share/grafana")
"""Where Grafana's packages keep its own files."""


def dashboards(home: Home, ports: Ports, program: Path | None) -> Service:
    return _grafana(home, ports, program) if program else _board(ports)


def _board(ports: Ports) -> Service:
    address = f"http://{HOST}:{ports.dashboards}"
    options = {"prometheus": f"http://{HOST}:{ports.prometheus}", "host": HOST, "port": str(ports.dashboards)}
    return Service(
        "board",
        (sys.executable, "-m", "stack.board", *(f"--{name}={value}" for name, value in options.items())),
        ready=lambda: answers(address),
        address=address,
        ports=(ports.dashboards,),
        needs=("prometheus",),
    )


def _grafana(home: Home, ports: Ports, program: Path) -> Service:
    address = f"http://{HOST}:{ports.dashboards}"
    provisioning = home.config / "grafana"
    unpacked = program.resolve().parent.parent
    settings = {
        "PATHS_DATA": home.data / "grafana",
        "PATHS_LOGS": home.data / "grafana" / "log",
        "PATHS_PROVISIONING": provisioning,
        "SERVER_HTTP_ADDR": HOST,
        "SERVER_HTTP_PORT": ports.dashboards,
        "AUTH_ANONYMOUS_ENABLED": "true",
        "DASHBOARDS_MIN_REFRESH_INTERVAL": "1s",
        "DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": SOURCE / "dashboards" / "overview.json",
        "ANALYTICS_REPORTING_ENABLED": "false",
        "ANALYTICS_CHECK_FOR_UPDATES": "false",
    }
    return Service(
        "grafana",
        (str(program), "server", f"--homepath={unpacked if (unpacked / 'conf').exists() else PACKAGE_HOME}"),
        ready=lambda: answers(f"{address}/api/health"),
        address=address,
        ports=(ports.dashboards,),
        needs=("prometheus",),
        files={
            provisioning / "datasources" / "prometheus.yml": _datasources(ports),
            provisioning / "dashboards" / "pipeline.yml": _providers(),
        },
        environment={f"GF_{name}": str(value) for name, value in settings.items()},
    )


def _datasources(ports: Ports) -> str:
    config = _provisioning("datasources/prometheus.yml")
    for source in config["datasources"]:
        source["url"] = f"http://{HOST}:{ports.prometheus}"
        for link in source["jsonData"]["exemplarTraceIdDestinations"]:
            link["url"] = link["url"].replace(f"{HOST}:{Ports.api[0]}", f"{HOST}:{ports.api[0]}")
    return yaml.safe_dump(config)


def _providers() -> str:
    config = _provisioning("dashboards/pipeline.yml")
    for provider in config["providers"]:
        provider["options"]["path"] = str(SOURCE / "dashboards")
    return yaml.safe_dump(config)


def _provisioning(name: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((SOURCE / "provisioning" / name).read_text())
    return config
