"""The whole pipeline on this machine, without Docker: ZooKeeper, Kafka, PostgreSQL, Prometheus, the lag exporter,
the gateway, the worker and the dashboards, as local processes on 127.0.0.1."""

import signal
import sys
from argparse import REMAINDER, ArgumentParser, Namespace, RawDescriptionHelpFormatter
from dataclasses import fields
from pathlib import Path
from typing import Final
from uuid import UUID

from stack.capacity import Demand
from stack.commands import Commands
from stack.drills.catalogue import DRILLS
from stack.errors import StackError
from stack.home import Home
from stack.ports import Ports
from stack.screen import Screen

INTERRUPTED: Final = 130
TERMINATED: Final = 143


def main() -> int:
    options, screen = _parser().parse_args(), Screen()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        return _run(Commands(Home(options.home.resolve()), screen), options)
    except StackError as error:
        screen.complain(str(error))
        return 1
    except KeyboardInterrupt:
        screen.complain("Interrupted. What this command started is stopped.")
        return INTERRUPTED


def _run(commands: Commands, options: Namespace) -> int:
    match options.verb:
        case "up":
            return commands.up(_ports(options))
        case "demo":
            return commands.demo(_ports(options))
        case "down":
            return commands.down(volumes=options.volumes)
        case "status":
            return commands.status()
        case "doctor":
            return commands.doctor()
        case "drill":
            return commands.drill(options.names, options.rate, own=options.own)
        case "trace":
            return commands.trace(options.event_id, as_json=options.json)
        case "capacity":
            return commands.capacity(_demand(options))
        case _:
            return commands.promtool(options.arguments)


def _parser() -> ArgumentParser:
    common = ArgumentParser(add_help=False)
    common.add_argument(
        "--home", type=Path, default=Home().root, metavar="DIR", help="where it keeps its files (default: %(default)s)"
    )
    start = ArgumentParser(add_help=False, parents=[common])
    start.add_argument("--free-ports", action="store_true", help="listen on free ports instead of the known ones")
    for option in ("--brokers", "--api", "--workers"):
        start.add_argument(option, type=_count, default=1, metavar="N", help="how many (default: %(default)s)")

    parser = ArgumentParser("python -m stack", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("up", parents=[start], help="start the stack; does nothing when it runs")
    verbs.add_parser("demo", parents=[start], help="start the stack, send 10,000 events, leave it running")
    stop = verbs.add_parser("down", parents=[common], help="stop the stack; keeps its data")
    stop.add_argument("--volumes", action="store_true", help="remove what Kafka, PostgreSQL and Prometheus stored")
    verbs.add_parser("status", parents=[common], help="show each service; exit code 1 unless all are ready")
    verbs.add_parser("doctor", parents=[common], help="find what is wrong, and what to do about it")
    _add_drill(verbs.add_parser("drill", parents=[common], help="inject a fault; the right alert must fire and clear"))
    trace = verbs.add_parser("trace", parents=[common], help="where an event has been, and when; exit code 1: unknown")
    trace.add_argument("event_id", type=UUID, help="as the gateway's answer names it")
    trace.add_argument("--json", action="store_true", help="print an object instead of a table")
    check = verbs.add_parser("promtool", parents=[common], help="run Prometheus's checker with the arguments given")
    check.add_argument("arguments", nargs=REMAINDER, help="for example: check config prometheus/prometheus.yml")
    _add_capacity(verbs.add_parser("capacity", help="compute what a rate of events needs; docs/scaling.md explains"))
    return parser


def _add_drill(parser: ArgumentParser) -> None:
    parser.description = "\n".join(f"{drill.name}: {drill.story}" for drill in DRILLS.values())
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = (
        "Exit code 1 when an expected alert does not fire, another does, one does not clear, or events miss."
    )
    parser.add_argument("names", nargs="+", choices=[*DRILLS, "all"], metavar="DRILL", help="a name from above, or all")
    parser.add_argument("--own", action="store_true", help="on a stack of its own, on free ports, stopped afterwards")
    parser.add_argument(
        "--rate", type=_positive, default=50, metavar="N", help="events a second (default: %(default)s)"
    )


def _add_capacity(parser: ArgumentParser) -> None:
    usual = Demand(0)
    parser.set_defaults(home=Home().root)
    parser.add_argument("--events-per-second", type=_positive, required=True, metavar="N")
    parser.add_argument("--batches", action="store_true", help="clients send batches of hundreds, not single events")
    for option, value, text in (
        ("--event-bytes", usual.event_bytes, "size of an event as JSON"),
        ("--replication", usual.replication, "copies of each record"),
        ("--topic-days", usual.topic_days, "how long Kafka keeps records"),
        ("--table-days", usual.table_days, "how long PostgreSQL keeps rows"),
        ("--outage-seconds", usual.outage_seconds, "how long the spools must last without Kafka"),
        ("--busy", usual.busy, "share of its top rate that a process is planned for"),
    ):
        kind = _count if isinstance(value, int) else _positive
        parser.add_argument(option, type=kind, default=value, metavar="N", help=f"{text} (default: %(default)s)")


def _demand(options: Namespace) -> Demand:
    return Demand(**{field.name: getattr(options, field.name) for field in fields(Demand)})


def _ports(options: Namespace) -> Ports:
    return Ports.plan(free=options.free_ports, brokers=options.brokers, apis=options.api, workers=options.workers)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


if __name__ == "__main__":
    sys.exit(main())
