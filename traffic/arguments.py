"""The command line: a flag for every setting, where a flag wins over its environment variable."""

from argparse import ArgumentParser, BooleanOptionalAction, RawDescriptionHelpFormatter
from collections.abc import Sequence
from enum import EnumType
from typing import Any, NamedTuple

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo

from traffic.settings import TrafficSettings

DESCRIPTION = """\
Send realistic events to the gateway, then count every one of them in PostgreSQL.

By default 10,000 good events leave in 20 seconds, one request each, at times that do not depend on the answers;
at the end the table holds exactly 10,000 rows more. The run ends with its ledger: what was sent, what was answered,
what is stored, and the ids of whatever is missing."""

EXAMPLES = """\
examples:
  simulate.py                                        10,000 shop events at 500/s
  simulate.py --scenario mixed --seed 7              the same payloads each time
  simulate.py --invalid 0.05 --duplicates 0.02       5 % bad events and 2 % re-sends on top
  simulate.py --profile burst --rate 1000            quiet times and bursts of 3,000/s
  simulate.py --rate 2500 --processes 2 --events 100000
  simulate.py --batch 500 --rate 20000 --events 1000000
  simulate.py --json --no-verify > run.json          for scripts; progress goes to stderr

exit codes:
  0    every event is accounted for
  1    something is missing, repeated, unexpected or unanswered
  2    wrong usage, or the gateway or the database cannot be reached
  130  stopped by Ctrl-C; the ledger so far is printed

Each flag can be set in the environment as well: TRAFFIC_RATE=1000 stands for --rate 1000, and DATABASE_URL for
--database-url. Metrics are served at http://127.0.0.1:9103/metrics while the run goes on."""

GROUPS = {
    "what to send": ("events", "invalid", "duplicates", "scenario", "seed"),
    "how fast": ("rate", "profile", "batch", "threads", "processes", "retry_seconds"),
    "where": ("url", "api_key", "database_url", "dashboard_url", "metrics_host", "metrics_port"),
    "the verdict": ("verify", "drain_timeout", "stall_timeout"),
}
METAVARS = {
    "invalid": "SHARE",
    "duplicates": "SHARE",
    "seconds": "SECONDS",
    "timeout": "SECONDS",
    "url": "URL",
    "key": "KEY",
    "host": "HOST",
    "port": "PORT",
}
"""By the last word of a flag; everything else is a number."""


class Arguments(NamedTuple):
    settings: TrafficSettings
    json: bool


def parse(arguments: Sequence[str] | None = None) -> Arguments:
    """Exits with code 2 when something cannot be understood, and says what."""
    parser = _parser()
    given = vars(parser.parse_args(arguments))
    as_json = given.pop("json")
    try:
        return Arguments(
            TrafficSettings(**{name: value for name, value in given.items() if value is not None}), as_json
        )
    except ValidationError as error:
        parser.error("; ".join(_complaint(*fault["loc"], message=fault["msg"]) for fault in error.errors()))


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "simulate.py", description=DESCRIPTION, epilog=EXAMPLES, formatter_class=RawDescriptionHelpFormatter
    )
    for title, names in GROUPS.items():
        group = parser.add_argument_group(title)
        for name in names:
            field = TrafficSettings.model_fields[name]
            group.add_argument(_flag(name), dest=name, help=_help(field), **_shape(name, field))
    group.add_argument("--json", action="store_true", help="Print the ledger as JSON on stdout, all else on stderr.")
    return parser


def _shape(name: str, field: FieldInfo) -> dict[str, Any]:
    """How argparse shows the flag; values are checked by the settings."""
    if field.annotation is bool:
        return {"action": BooleanOptionalAction}
    if isinstance(field.annotation, EnumType):
        return {"choices": [str(member) for member in field.annotation]}
    return {"metavar": METAVARS.get(name.rpartition("_")[2], "N")}


def _help(field: FieldInfo) -> str:
    default = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
    text = (field.description or "").replace("%", "%%")
    return text if default is None or isinstance(default, bool) else f"{text} Default: {default}"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _complaint(*place: int | str, message: str) -> str:
    """A validation fault in the words of the command line."""
    name = next((str(part).lower() for part in place), "")
    return f"{_flag(name)}: {message}" if name else message
