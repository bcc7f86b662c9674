"""Measure the pipeline next to others, in interleaved rounds: ``make bench``, ``make bench-check``."""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from subprocess import CalledProcessError

from rich.console import Console
from rich.status import Status

from benchmarks import pacing, report
from benchmarks.check import compare
from benchmarks.laboratory import Laboratory, laboratory
from benchmarks.pace import Pace
from benchmarks.plan import Case, cases, groups
from benchmarks.results import Results
from stack.errors import StackError

_CONSOLE = Console(highlight=False)
_PACE_SECONDS, _LEAST_SECONDS = 60.0, 5
_WIDE = 150  # columns; the table of results goes to a file or a log as often as to a terminal


def main() -> int:
    options = _parser().parse_args()
    try:
        return _run(options)
    except StackError as error:
        Console(stderr=True).print(str(error), style="red", markup=False)
        return 1
    except CalledProcessError as error:
        Console(stderr=True).print(f"{error}\n{error.stderr}", style="red", markup=False)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: Namespace) -> int:
    if options.verb == "render":
        _write_pages(Results.load())
        return 0
    with _CONSOLE.status("starting the stack") as status, laboratory(status.update) as place:
        if options.verb == "pace":
            _tell(report.pace(_pace(place, status, options.seconds)))
            return 0
        results = _measure(place, status, _chosen(options.only or [""]), options.rounds, options.seconds)
        if options.verb == "run" and not options.only:
            results.pace = _pace(place, status, _PACE_SECONDS)
    return _conclude(options.verb, results)


def _conclude(verb: str, results: Results) -> int:
    Console(width=max(_CONSOLE.width, _WIDE)).print(report.table(results))
    if verb == "check":
        found = compare(Results.load(), results)
        _CONSOLE.print(report.verdicts(found))
        return 1 if any(verdict.slower for verdict in found) else 0
    if results.pace:
        results.save()
        _write_pages(results)
    return 0


def _chosen(words: list[str]) -> list[Case]:
    """All cases of the groups in which one's name has one of the words."""
    return [case for group in groups(cases()) if _is_chosen(group, words) for case in group]


def _is_chosen(group: list[Case], words: list[str]) -> bool:
    return any(word in case.name for case in group for word in words)


def _write_pages(results: Results) -> None:
    for path, text in report.pages(results).items():
        path.write_text(text)
        _CONSOLE.print(f"wrote {path}", markup=False)


def _measure(place: Laboratory, status: Status, chosen: list[Case], rounds: int, seconds: float) -> Results:
    results = Results(rounds, seconds)
    results.yardsticks = {case.name: case.yardstick for case in chosen}
    for number in range(rounds + 1):  # the first, a short one, only warms up
        for group in groups(chosen):
            status.update(f"round {number} of {rounds}: {group[0].name}")
            samples = group[0].measurement.measure(place, seconds if number else 1)
            if number:
                for case, sample in zip(group, samples, strict=True):
                    results.samples.setdefault(case.name, []).append(sample)
                    _tell(f"{number}/{rounds}  {case.name:<42} {sample.rate:>10,.0f} events/s")
    return results


def _pace(place: Laboratory, status: Status, seconds: float) -> Pace:
    status.update(f"the pace of a core, for {seconds:g} s")
    return pacing.measure(place, seconds)


def _tell(line: str) -> None:
    _CONSOLE.print(line, markup=False)


def _parser() -> ArgumentParser:
    run = ArgumentParser(add_help=False)
    run.add_argument("--rounds", type=int, default=5, metavar="N", help="default: %(default)s")
    run.add_argument("--seconds", type=float, default=5.0, metavar="S", help="of each case; default: %(default)s")
    run.add_argument("--only", action="append", metavar="WORD", help="cases whose name has the word; saves nothing")
    parser = ArgumentParser("python -m benchmarks", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("run", parents=[run], help="measure, print the table, save it and the pages of docs")
    verbs.add_parser("check", parents=[run], help="measure, and fail when a ratio fell beyond the noise")
    pace = verbs.add_parser("pace", help="tell how far the rate of batches follows the pace of the processor")
    pace.add_argument("--seconds", type=duration, default=_PACE_SECONDS, metavar="S", help="default: %(default)s")
    verbs.add_parser("render", help="write the pages of docs anew from what was saved")
    return parser


def duration(text: str) -> float:
    if float(text) < _LEAST_SECONDS:
        raise ArgumentTypeError(f"at least {_LEAST_SECONDS}, to compare some half seconds")
    return float(text)


if __name__ == "__main__":
    sys.exit(main())
