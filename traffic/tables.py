"""The result of a run, for people."""

from collections.abc import Iterator
from typing import Any, Final

from rich.table import Table
from rich.text import Text

NAMED_IDS: Final = 20
BUSY_SHARE: Final = 0.85
LATE_SECONDS: Final = 0.25
CAPTION: Final = (
    "Latency counts from the planned departure, service from the real one; the schedule delay lies between them."
)

Document = dict[str, Any]


def tables(result: Document) -> list[Table | Text]:
    """What ``report.document`` holds, as tables, remarks and a verdict."""
    return [_ledger(result), _times(result), *_remarks(result), *_verdict(result)]


def _ledger(result: Document) -> Table:
    table = Table("what", "events", "that is", title=f"Ledger of run {result['run']}", title_justify="left")
    table.columns[1].justify = "right"
    for name, count, meaning in _rows(result):
        bad = count and name.strip() in ("unexpected", "unknown", "missing", "repeated")
        shown = "not checked" if count is None else f"{count:,}"
        table.add_row(name, shown, meaning, style="bold red" if bad else None)
    return table


def _rows(result: Document) -> Iterator[tuple[str, int | None, str]]:
    audit = result["audit"] or {"stored": None}
    counts = {name: len(audit[name]) if name in audit else None for name in ("missing", "repeated", "unknown_stored")}
    found = f"; {counts['unknown_stored']:,} of them in the table" if counts["unknown_stored"] else ""
    yield "sent", result["sent"], "good events, re-sends and bad events"
    yield "  published", result["published"], "acknowledged by Kafka (201)"
    yield "  spooled", result["spooled"], "safe on the gateway's disk (202)"
    yield "  refused", result["refused"], "bad events, refused as expected"
    yield "  unexpected", result["unexpected"], "good events refused, bad events accepted"
    yield "  unknown", result["unknown"], f"no final answer{found}"
    yield "duplicates", result["duplicates"], "re-sends among the published and spooled"
    yield "accepted", result["accepted"], "published and spooled without duplicates"
    yield "  stored", audit["stored"], "in the table"
    yield "  missing", counts["missing"], "not in the table"
    yield "repeated", counts["repeated"], "in the table more than once"


def _times(result: Document) -> Table:
    table = Table("milliseconds", *result["latency"], title="Times of requests", caption=CAPTION)
    table.title_justify = table.caption_justify = "left"
    for column in table.columns[1:]:
        column.justify = "right"
    for name in ("latency", "service", "schedule_delay"):
        table.add_row(
            name.replace("_", " "), *(f"{seconds * 1000:,.{int(seconds < 1)}f}" for seconds in result[name].values())
        )
    return table


def _remarks(result: Document) -> Iterator[Text]:
    rate, shares = result["rate"], result["cpu_share"]
    yield Text(f"Rate: {rate['achieved']:,.0f} events/s of {rate['target']:,.0f} planned. Seed: {result['seed']}.")
    yield Text(f"Client's CPU: {', '.join(f'{share:.0%}' for share in shares)} of a core for each sender process.")
    if any(share > BUSY_SHARE for share in shares):
        yield Text("The client itself was the limit; use more --processes, or --batch.", style="yellow")
    if result["schedule_delay"].get("p99", 0) > LATE_SECONDS:
        yield Text(
            "The run fell behind its schedule: the gateway, this machine or too few --threads held it up.",
            style="yellow",
        )
    if result["retries"]:
        reasons = ", ".join(f"{count:,} x {reason}" for reason, count in result["retries"].items())
        yield Text(f"Requests sent again: {reasons}.", style="yellow")
    yield Text(f"Dashboards: {result['dashboard']}")


def _verdict(result: Document) -> Iterator[Text]:
    for surprise, count in list(result["surprises"].items())[:NAMED_IDS]:
        yield Text(f"Unexpected, {count:,} x: {surprise}", style="red")
    for name in ("missing", "repeated", "refused_stored"):
        ids = (result["audit"] or {}).get(name, ())
        if ids:
            more = f" and {len(ids) - NAMED_IDS:,} more" if len(ids) > NAMED_IDS else ""
            yield Text(f"{name.replace('_', ', but ')}: {' '.join(ids[:NAMED_IDS])}{more}", style="red")
    for fault in result["faults"]:
        yield Text(f"FAILED: {fault}.", style="bold red")
    if result["interrupted"]:
        yield Text("Stopped early: what was in flight may still arrive.", style="bold yellow")
    elif not result["faults"]:
        stored = f", {result['audit']['stored']:,} stored" if result["audit"] else " (not looked up in the table)"
        yield Text(f"All accounted for: {result['accepted']:,} accepted{stored}.", style="bold green")
