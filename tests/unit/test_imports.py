"""Which package may know which: the direction of imports, kept by reading every import there is."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "contract": {"contract"},
    "api": {"api", "contract"},
    "worker": {"worker", "contract"},
    "traffic": {"traffic", "contract"},
    "grafana": {"grafana", "contract"},
    "stack": {"stack", "contract"},
}
KNOWS_KAFKA = (
    "api/publisher/",
    "api/spool/__main__.py",
    "stack/",
    "worker/app.py",
    "worker/batch.py",
    "worker/bootstrap.py",
    "worker/client.py",
    "worker/commits.py",
    "worker/consumer.py",
    "worker/dead_letters",
    "worker/positions.py",
    "worker/probe.py",
    "worker/storing.py",
    "worker/subscription.py",
    "worker/unpacking.py",
    "worker/watchdog.py",
)
KAFKA_CLIENTS = {"kafka", "confluent_kafka", "aiokafka"}
METRIC_TYPES = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}


class Import(NamedTuple):
    """``name`` is empty when the whole module is imported."""

    path: str
    module: str
    name: str

    @property
    def package(self) -> str:
        return self.module.partition(".")[0]


def imports(package: str) -> Iterator[Import]:
    for file in sorted(ROOT.joinpath(package).rglob("*.py")):
        path = str(file.relative_to(ROOT))
        for node in ast.walk(ast.parse(file.read_text(), path)):
            if isinstance(node, ast.Import):
                yield from (Import(path, alias.name, "") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} has a relative import"
                yield from (Import(path, node.module or "", alias.name) for alias in node.names)


ALL = [found for package in MAY_IMPORT for found in imports(package)]


def test_every_package_was_read() -> None:
    assert {found.path.partition("/")[0] for found in ALL} == set(MAY_IMPORT)


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_a_package_imports_itself_and_the_contract_only(package: str) -> None:
    ours = [found for found in imports(package) if found.package in {*MAY_IMPORT, "tests", "benchmarks"}]
    assert [found for found in ours if found.package not in MAY_IMPORT[package]] == []


def test_only_the_named_places_know_a_kafka_client() -> None:
    found = {found.path for found in ALL if found.package in KAFKA_CLIENTS}
    assert {path for path in found if not path.startswith(KNOWS_KAFKA)} == set()
    assert [place for place in KNOWS_KAFKA if not any(path.startswith(place) for path in found)] == [], "outdated"


def test_only_metrics_modules_make_metrics() -> None:
    makers = {found.path for found in ALL if found.package == "prometheus_client" and found.name in METRIC_TYPES}
    assert makers == {"api/metrics.py", "worker/metrics.py", "traffic/metrics.py", "contract/exposition.py"}


def test_only_the_gateways_wiring_knows_fastapi_and_its_routes() -> None:
    users = {found.path for found in ALL if found.package == "fastapi"}
    assert users <= {"api/app.py", "api/health.py", "api/lookup.py", "api/openapi.py"}


def test_importing_anything_connects_to_nothing() -> None:
    services = sorted({found.path for found in ALL if not found.path.startswith(("stack/", "grafana/"))})
    modules = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in services]
    # Publishers for extras that may be absent are imported by the wiring alone.
    modules = [module for module in modules if not module.endswith(".librdkafka")]
    watch = f"""
import importlib, sys, threading
def hook(event, arguments):
    if event in {{"socket.connect", "sqlite3.connect", "subprocess.Popen", "os.mkdir"}}:
        raise RuntimeError(f"importing does {{event}} {{arguments}}")
sys.addaudithook(hook)
for module in {modules!r}:
    importlib.import_module(module)
    assert threading.active_count() == 1, f"importing {{module}} starts a thread"
print(len({modules!r}))
"""
    done = subprocess.run([sys.executable, "-B", "-c", watch], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(modules) > 30
