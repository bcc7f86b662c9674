"""The stack's commands: python -m stack up, down, status, demo, doctor."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from rich.console import Console

from stack.errors import StackError
from stack.home import Home
from stack.lifecycle import down, remove_data, running, up
from stack.ports import Ports
from stack.programs import find

console = Console()


def _up(options: Namespace) -> int:
    home = Home(options.home)
    if running(home):
        console.print("up already")
        return 0
    programs = find(lambda line: console.print(line))
    state = up(home, Ports.free() if options.free_ports else Ports(), programs, lambda state: None)
    for name, row in state.services.items():
        if row.address:
            console.print(f"{name:15} {row.address}", soft_wrap=True)
    return 0


def _down(options: Namespace) -> int:
    home = Home(options.home)
    console.print(f"stopped {down(home)} processes")
    if options.volumes:
        remove_data(home)
    return 0


def main() -> int:
    parser = ArgumentParser("python -m stack", description=__doc__)
    verbs = parser.add_subparsers(required=True)
    for verb in (_up, _down):
        sub = verbs.add_parser(verb.__name__[1:])
        sub.set_defaults(run=verb)
        sub.add_argument("--home", type=lambda text: Path(text).resolve(), default=Home().root)
        sub.add_argument("--free-ports", action="store_true")
        sub.add_argument("--volumes", action="store_true")
    options = parser.parse_args()
    try:
        return int(options.run(options))
    except StackError as error:
        console.print(str(error), markup=False)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
