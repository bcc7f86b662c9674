import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack.home import ROOT, Home
from stack.prometheus import SOURCE, local_config, write_targets

COMPOSE = (ROOT / "prometheus" / "prometheus.yml").read_text()
DISCOVERIES = {"static_configs", "dns_sd_configs", "file_sd_configs"}


@pytest.fixture
def local(tmp_path: Path) -> dict[str, Any]:
    return yaml.safe_load(local_config(Home(tmp_path), COMPOSE))


def test_everything_but_discovery_is_as_with_compose(local: dict[str, Any]) -> None:
    compose = yaml.safe_load(COMPOSE)
    assert local["global"] == compose["global"]
    for ours, theirs in zip(local["scrape_configs"], compose["scrape_configs"], strict=True):
        assert {k: v for k, v in ours.items() if k not in DISCOVERIES} == {
            k: v for k, v in theirs.items() if k not in DISCOVERIES
        }


def test_every_job_reads_its_targets_from_a_file_of_the_stack(local: dict[str, Any], tmp_path: Path) -> None:
    for job in local["scrape_configs"]:
        assert DISCOVERIES & job.keys() == {"file_sd_configs"}
        assert job["file_sd_configs"] == [{"files": [f"{tmp_path}/config/targets/{job['job_name']}.json"]}]


def test_the_rules_are_those_of_compose(local: dict[str, Any]) -> None:
    found = [path for pattern in local["rule_files"] for path in Path("/").glob(pattern.lstrip("/"))]
    assert sorted(found) == sorted((SOURCE / "rules").glob("*.yml"))


def test_targets_are_on_this_machine(tmp_path: Path) -> None:
    write_targets(Home(tmp_path), {"worker": (9102, 20_001)})
    written = json.loads((tmp_path / "config" / "targets" / "worker.json").read_text())
    assert written == [{"targets": ["127.0.0.1:9102", "127.0.0.1:20001"]}]
