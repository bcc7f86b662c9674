"""``python -m contract.schema`` writes the event's JSON Schema, for those who don't read Python.

With ``--check`` nothing is written, and the exit status is 1 when the file is not what it would write.
"""

import sys
from argparse import ArgumentParser
from json import dumps
from pathlib import Path
from typing import Final

from contract.event import SCHEMA_VERSION, Event

FILE: Final = Path(__file__).with_name(f"event.v{SCHEMA_VERSION.decode()}.schema.json")


def schema() -> str:
    """The text of the file."""
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Event.model_json_schema()}
    return dumps(document, indent=2) + "\n"


def main() -> int:
    parser = ArgumentParser("python -m contract.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare, and exit 1 when the file is outdated")
    if not parser.parse_args().check:
        FILE.write_text(schema())
        sys.stdout.write(f"wrote {FILE.name}\n")
        return 0
    current = FILE.exists() and FILE.read_text() == schema()
    sys.stdout.write(f"{FILE.name} is {'current' if current else 'outdated: run python -m contract.schema'}\n")
    return 0 if current else 1


if __name__ == "__main__":
    sys.exit(main())
