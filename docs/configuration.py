"""Renders docs/configuration.md from the settings themselves: python -m docs.configuration [--check]."""

import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from api.settings import ApiSettings, SpoolSettings
from contract.kafka import KafkaSettings
from traffic.settings import TrafficSettings
from worker.settings import EventLogSettings, WorkerSettings

_PAGE = Path(__file__).with_name("configuration.md")
_HEAD = """# Configuration

Every setting is an environment variable, read once at start; a wrong value stops the process with exit status 2 and
names the variable. With compose they are set in `docker-compose.yml` and `.env`, without Docker by the stack.

<!-- Rendered by `python -m docs.configuration`; a test compares. -->
"""
_BLOCKS: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("Kafka (every process)", KafkaSettings),
    ("Gateway", ApiSettings),
    ("Spool (gateway)", SpoolSettings),
    ("Worker", WorkerSettings),
    ("consumer.log (worker)", EventLogSettings),
    ("Simulator (each is a flag, too)", TrafficSettings),
)


def render() -> str:
    return _HEAD + "".join(f"\n## {title}\n\n" + "\n".join(_table(block)) + "\n" for title, block in _BLOCKS)


def _table(block: type[BaseSettings]) -> Iterator[str]:
    yield "| variable | default | meaning |"
    yield "|---|---|---|"
    prefix = str(block.model_config.get("env_prefix", ""))
    for name, field in block.model_fields.items():
        if field.default is PydanticUndefined:
            continue  # another block, which has a table of its own
        variable = str(field.validation_alias or prefix + name.upper())
        yield f"| `{variable}` | {_default(field.default)} | {field.description} |"


def _default(value: object) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return "" if value in (None, ()) else f"`{value}`"


def main() -> int:
    if "--check" in sys.argv[1:]:
        if _PAGE.read_text() == render():
            return 0
        sys.stderr.write(f"{_PAGE.name} is not current: run python -m docs.configuration\n")
        return 1
    _PAGE.write_text(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
