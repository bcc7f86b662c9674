"""How far behind? The worker's lag in events, in seconds and in words, and why."""

from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.builders import timeseries

from contract.signals import LAG_CRITICAL_SECONDS, LAG_WARNING_SECONDS
from contract.topics import EVENTS, WORKER_GROUP
from grafana.frame import build_frame
from grafana.panels import RATE, Query, Story, counts_panel, lines_panel, stat_panel, table_panel, timeline_panel

GROUP = f'consumergroup="{WORKER_GROUP}"'
TOPIC = f'topic="{EVENTS.name}"'
SECONDS = ((LAG_WARNING_SECONDS, "orange"), (LAG_CRITICAL_SECONDS, "red"))
VERDICTS = {
    0: ("ok", "green"),
    1: ("behind", "yellow"),
    2: ("stalled", "orange"),
    3: ("stopped", "red"),
    4: ("rewound", "purple"),
}


def lag() -> grafana.Dashboard:
    board = build_frame(
        "pipeline-lag", "Consumer lag", "How far is the worker behind, since when, and will it catch up?"
    )
    for row in (_now, _over_time, _partitions, _group):
        row(board)
    return board


def _now(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Now"))
    owners = f"max(kafka_topic_partitions{{{TOPIC}}}) - (sum(pipeline_consumer_assigned_partitions) or vector(0))"
    for panel in (
        stat_panel("Lag, events", Query(f"group:lag_records:sum{{{GROUP}}}", "lag"), Story(
            "Records in the topic that the worker has not committed; partitions without a commit count in full.",
            "Colour is a hint only: a burst may well queue for a moment. Seconds decide."),
            "none", ((1000, "orange"), (5000, "red")), empty="unknown"),
        stat_panel("Lag, seconds", Query(f"group:lag_seconds:max{{{GROUP}}}", "lag"), Story(
            "Age of the oldest record without a commit, right to within a scrape; with a dead worker, too.",
            "See docs/runbooks/ConsumerLagHigh.md."), "s", SECONDS, empty="unknown"),
        stat_panel("Growth", Query(f"group:lag_growth:deriv10s{{{GROUP}}}", "growth"), Story(
            "Records a second by which the backlog grows; negative while it drains.",
            "The gateway takes in more than the workers store: add a worker, or find what slows PostgreSQL."),
            "cps", ((1, "orange"), (100, "red")), empty="unknown"),
        stat_panel("Drained in", Query(f"group:lag_drain_seconds:estimate{{{GROUP}}}", "drained in"), Story(
            "Time until the backlog is gone at the pace of the last 10 s; 0 when there is none.",
            "More than a minute: events are not fresh for so long. No number: at this pace never."),
            "s", ((10, "orange"), (60, "red")), empty="not draining"),
        stat_panel("Members", Query(f"max(kafka_consumergroup_members{{{GROUP}}}) or vector(0)", "members"), Story(
            "Workers that are members of the group, as the broker sees it.",
            "0: nothing is stored. See docs/runbooks/ConsumerGroupEmpty.md. It is green from one on."),
            "none", ((0, "red"), (1, "green"))),
        stat_panel("Partitions without owner", Query(owners, "partitions"), Story(
            "Partitions of the topic that no worker says it owns.",
            "Their events wait. Normal for some seconds of a rebalance; otherwise a worker hangs or is not scraped."),
            "none", ((1, "red"),), empty="unknown"),
    ):  # fmt: skip
        board.with_panel(panel.span(4).height(4))


def lag_panel() -> timeseries.Panel:
    """The backlog in events, as three witnesses see it; the overview shows it, too."""
    ours, exporter = (
        f"group:lag_records:sum{{{GROUP}}}",
        f"sum(clamp_min(kafka_consumergroup_lag{{{TOPIC}, {GROUP}}}, 0))",
    )
    worker = f"sum(pipeline_consumer_lag_records{{{TOPIC}}})"
    queries = [
        Query(ours, "lag", "orange"),
        Query(f"{exporter} or vector(0)", "kafka-exporter's own sum", "purple", dashed=True),
        Query(f"{worker} or vector(0)", "worker's own count", "blue", dashed=True),
    ]
    return lines_panel("Consumer lag, events", queries, Story(
        "Records appended and not yet committed. Three witnesses: our rule; the exporter, blind where a partition has "
        "no commit; the worker, blind when it is dead.",
        "It has no threshold: seconds decide. Lines apart for long: one of them is wrong."), "none")  # fmt: skip


def _over_time(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Over time"))
    newest = f"max(time() - max by (partition) (pipeline_consumer_watermark_timestamp_seconds{{{TOPIC}}}))"
    witness = f"{newest} * on () (sum(pipeline_consumer_lag_records{{{TOPIC}}}) > bool 0)"
    rates = [
        Query(f"sum(rate(kafka_topic_partition_current_offset{{{TOPIC}}}{RATE}))", "in", "purple"),
        Query(f"sum(rate(partition:position:effective{{{TOPIC}, {GROUP}}}{RATE}))", "out", "orange"),
    ]
    for panel in (
        lag_panel(),
        lines_panel("Consumer lag, seconds", [
            Query(f"group:lag_seconds:max{{{GROUP}}}", "oldest waiting record", "orange"),
            Query(f"{witness} or vector(0)", "worker's own count", "blue", dashed=True)], Story(
            "Age of the oldest record without a commit, and of what the worker stored last while it has a backlog.",
            "It has waited longer than the freshness objective allows. See docs/runbooks/ConsumerLagHigh.md."),
            "s", SECONDS),
        lines_panel("In and out", rates, Story(
            "Records a second appended to the topic and committed by the group. What lies between them piles up.",
            "It has no threshold. Out below in: the backlog grows."), "cps"),
        lines_panel("Growth and drain time", [
            Query(f"group:lag_growth:deriv10s{{{GROUP}}}", "growth a second", "red"),
            Query(f"group:lag_drain_seconds:estimate{{{GROUP}}}", "seconds to drain", "green")], Story(
            "How fast the backlog grows (below 0: shrinks), and how long it will last; no line: it does not drain.",
            "It has no threshold."), "none"),
    ):  # fmt: skip
        board.with_panel(panel.span(12).height(9))


def _partitions(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("By partition"))
    effective, seconds = f"partition:lag_records:effective{{{GROUP}}}", f"partition:lag_seconds:inversion{{{GROUP}}}"
    verdict = f"max by (partition) (partition:lag_verdict:code{{{GROUP}}})"
    head = f"kafka_topic_partition_current_offset{{{TOPIC}}}"
    skew = f"max({effective}) / (avg({effective}) > 0) or vector(0)"
    uneven = f"max(rate({head}{RATE})) / (avg(rate({head}{RATE})) > 0) or vector(0)"
    columns = {
        "Head": Query(f"sum by (partition) ({head})", "head"),
        "Position": Query(f"sum by (partition) (partition:position:effective{{{GROUP}}})", "position"),
        "Lag": Query(f"sum by (partition) ({effective})", "lag"),
        "Lag, seconds": Query(f"max by (partition) ({seconds})", "seconds"),
        "Verdict": Query(verdict, "verdict"),
    }
    for panel, width, height in (
        (timeline_panel("Verdict", Query(verdict, "partition {{partition}}"), Story(
            "ok; behind: 5 s for half a minute and not shrinking; stalled: workers, but no commits; "
            "stopped: no workers; rewound: the position went back.",
            "stopped and stalled: see docs/runbooks/ConsumerStalled.md."), VERDICTS), 14, 8),
        (table_panel("Partitions now", columns, Story(
            "Where each partition's head and the group's position are. Position is the commit, or the oldest record "
            "kept where there is none.",
            "The verdict's colour is that of the timeline."), "none", VERDICTS), 10, 8),
        (lines_panel("Lag by partition, events", [Query(effective, "{{partition}}")], Story(
            "Records waiting in each partition.",
            "It has no threshold. One line above the rest: one key has most events, or a record does not store."),
            "none"), 8, 8),
        (lines_panel("Lag by partition, seconds", [Query(seconds, "{{partition}}")], Story(
            "Age of each partition's oldest record without a commit.",
            "It has waited longer than the freshness objective allows."), "s", SECONDS), 8, 8),
        (lines_panel("Skew", [Query(skew, "backlog", "orange"), Query(uneven, "arrivals", "purple")], Story(
            "The fullest partition against the average one: 1 is even, 6 is all on one of six, 0 is idle.",
            "Above the dashed line one partition takes half of everything: a few users send most events."),
            "none", ((EVENTS.partitions / 2, "orange"),)), 8, 8),
    ):  # fmt: skip
        board.with_panel(panel.span(width).height(height))


def _group(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("The group and its workers"))
    ages = [
        Query(
            f"time() - max by (instance) (pipeline_consumer_last_{act}_timestamp_seconds > 0)",
            f"{act} {{{{instance}}}}",
        )
        for act in ("poll", "commit")
    ]
    risk = (
        f"max by (partition) (partition:lag_records:effective{{{GROUP}}}) / on (partition) "
        f"sum by (partition) (kafka_topic_partition_current_offset{{{TOPIC}}} - "
        f"kafka_topic_partition_oldest_offset{{{TOPIC}}} > 0)"
    )
    for panel in (
        lines_panel("Partitions by worker", [
            Query("sum by (instance) (pipeline_consumer_assigned_partitions)", "{{instance}}")], Story(
            "Partitions each worker owns; together they are those of the topic.",
            "It has no threshold. An uneven share lasts until the next rebalance."), "none"),
        counts_panel("Rebalances", [
            Query(f"sum by (event) (increase(pipeline_consumer_rebalances_total{RATE}))", "{{event}}")], Story(
            "Changes of the assignment: assigned, revoked in order, lost after a time-out.",
            "It has no threshold. lost: a worker did not poll in time; its batch took too long."), "none"),
        lines_panel("Age of the last poll and commit", ages, Story(
            "Seconds since each worker polled, and since it committed; a commit is only due when records came.",
            "A poll older than 30 s: the worker hangs, and the group will take its partitions away."),
            "s", ((5, "orange"), (30, "red"))),
        lines_panel("Share of the retained records unread", [
            Query(f"{risk} or vector(0)", "partition {{partition}}")], Story(
            "How much of what each partition keeps is not yet stored; at 100 % retention deletes unread records.",
            "Only matters once retention has begun to delete: see docs/runbooks/RetentionRisk.md."), "percentunit"),
    ):  # fmt: skip
        board.with_panel(panel.span(6).height(8))
