"""The dead letters: records that could not be stored as events, with the reason of each.

  python -m worker.dead_letters list                     how many wait, by reason
  python -m worker.dead_letters show --reason invalid    the letters themselves
  python -m worker.dead_letters find EVENT_ID            where an event is among them, as JSON
  python -m worker.dead_letters replay --dry-run         what would go back to the events, and what not

A replayed record keeps its id, so it is stored once, however often it is replayed. What today's workers could not
read either stays where it is.
"""

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from uuid import UUID

from kafka.errors import KafkaError
from pydantic_core import to_json

from contract.kafka import KafkaSettings
from contract.logs import log_to_stderr
from worker.dead_letters import topic
from worker.dead_letters.letter import Letter, event_in
from worker.metrics import Parked

_SHOWN_BYTES = 2_000


def main() -> int:
    """Exit status: 0 done, 1 Kafka failed or something was left behind, 2 wrong usage."""
    options = _parser().parse_args()
    log_to_stderr("dead-letters", "WARNING")
    kafka = KafkaSettings()
    try:
        shelf = topic.read(kafka)
        letters = [letter for letter in shelf.letters if _wanted(letter, options)]
        match options.verb:
            case "list":
                return _print(_groups(letters, shelf.replayed))
            case "find":
                return _find(letters, str(options.event_id), options.origin)
            case "show":
                return _print(line for letter in letters[: options.limit] for line in _letter(letter))
            case _:
                return _replay(kafka, letters, dry_run=options.dry_run)
    except KafkaError as error:
        sys.stderr.write(f"Kafka at {kafka.bootstrap_servers} does not help: {error}. Is it running?\n")
        return 1


def _find(letters: list[Letter], event_id: str, origin: str | None) -> int:
    """Exit status 1 when there is no letter of that event."""
    found = [letter for letter in letters if letter.event_id == event_id or letter.origin == origin]
    _print(to_json(_document(letter)).decode() for letter in found)
    return 0 if found else 1


def _document(letter: Letter) -> dict[str, object]:
    return {
        "offset": letter.offset,
        "parked_at": datetime.fromtimestamp(letter.parked_at, UTC),
        "reason": letter.reason,
        "detail": letter.detail,
        "origin": letter.origin,
        "request_id": dict(letter.headers).get("request_id", b"").decode(errors="replace") or None,
        "event": event_in(letter.value),
    }


def _replay(kafka: KafkaSettings, letters: list[Letter], *, dry_run: bool) -> int:
    verdicts = [(letter, topic.unreadable(letter)) for letter in letters]
    readable = [letter for letter, why in verdicts if why is None]
    _print(f"{letter.offset}: stays, {why}" for letter, why in verdicts if why is not None)
    done = readable if dry_run else topic.replay(kafka, readable)
    count = _print_all(f"{letter.offset}: {'would go' if dry_run else 'went'} back to the events" for letter in done)
    left = len(letters) - count
    _print([f"{count} {'would be ' if dry_run else ''}replayed, {left} left"])
    return 1 if left else 0


def _groups(letters: list[Letter], replayed: int) -> Iterator[str]:
    ordered = sorted(letters, key=lambda letter: letter.reason)
    for reason, group in groupby(ordered, key=lambda letter: letter.reason):
        same = list(group)
        yield f"{len(same):7}  {reason:12} {_time(same[0])} to {_time(same[-1])}, for example {same[0].detail}"
    yield f"{len(letters):7}  wait; {replayed} were replayed"


def _letter(letter: Letter) -> Iterator[str]:
    yield f"{letter.offset}: {letter.reason}: {letter.detail}"
    yield f"  parked {_time(letter)}, from {letter.origin}, key {_text(letter.key)}"
    for name, value in letter.headers:
        yield f"  {name}: {_text(value)}"
    yield f"  {_text(letter.value)}"


def _text(value: bytes | None) -> str:
    """Printable, on one line, and not endless."""
    if value is None:
        return "(none)"
    shown = value[:_SHOWN_BYTES].decode(errors="backslashreplace").encode("unicode_escape").decode()
    return shown + (f" ... {len(value)} bytes in all" if len(value) > _SHOWN_BYTES else "")


def _time(letter: Letter) -> str:
    return datetime.fromtimestamp(letter.parked_at, UTC).isoformat(timespec="seconds")


def _wanted(letter: Letter, options: Namespace) -> bool:
    return (not options.reason or letter.reason in options.reason) and (
        not options.offset or letter.offset in options.offset
    )


def _print(lines: Iterable[str]) -> int:
    _print_all(lines)
    return 0


def _print_all(lines: Iterable[str]) -> int:
    count = 0
    for line in lines:
        sys.stdout.write(line + "\n")
        count += 1
    return count


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        "python -m worker.dead_letters", description=__doc__, formatter_class=RawDescriptionHelpFormatter,
        epilog="Kafka is found through KAFKA_BOOTSTRAP_SERVERS.",
    )  # fmt: skip
    choice = ArgumentParser(add_help=False)
    choice.add_argument("--reason", action="append", choices=[*Parked], help="only letters with this reason")
    choice.add_argument("--offset", action="append", type=int, help="only the letter with this offset")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("list", parents=[choice], help="how many letters wait, by reason")
    show = verbs.add_parser("show", parents=[choice], help="the letters with their origin, headers and value")
    show.add_argument("--limit", type=int, default=10, help="at most so many (default: %(default)s)")
    find = verbs.add_parser("find", parents=[choice], help="the letters of an event, as JSON")
    find.add_argument("event_id", type=UUID)
    find.add_argument("--origin", metavar="TOPIC/P@OFFSET", help="also the letter that came from there")
    replay = verbs.add_parser("replay", parents=[choice], help="send letters back to the events")
    replay.add_argument("--dry-run", action="store_true", help="only tell what would be sent")
    return parser


if __name__ == "__main__":
    sys.exit(main())
