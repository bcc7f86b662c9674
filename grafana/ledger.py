"""Where is every event? What was accepted against what became of it."""

from grafana_foundation_sdk.builders import dashboard as grafana

from contract.signals import FRESHNESS_BOUND_SECONDS
from contract.topics import EVENTS, WORKER_GROUP
from grafana.frame import build_frame
from grafana.panels import RATE, Query, Story, bars_panel, counts_panel, heat_panel, lines_panel, stat_panel
from grafana.queries import quantile, rate_by, total_in_range

ACCEPTED = 'sum(stage:events:total{stage=~"accepted|second_copy"})'
UNTIL_EXPLAINED = "See docs/runbooks/EventsUnaccounted.md; keep the topic's records until it is explained."


def ledger() -> grafana.Dashboard:
    board = build_frame("pipeline-ledger", "Ledger", "Where is every event? Accepted against what became of it.")
    for row in (_law, _places, _travel, _witnesses):
        row(board)
    return board


def _law(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("The law: accepted = stored + duplicate + dead-lettered + waiting"))
    loss = ((1, "red"),)
    for panel in (
        stat_panel("Unaccounted", Query("pipeline:events_unaccounted:sum", "unaccounted"), Story(
            "Accepted events of which nobody knows where they are: the sum of the next three. Must be 0.",
            UNTIL_EXPLAINED), "none", loss, empty="unknown"),
        stat_panel("Lost before Kafka", Query("pipeline:events_unpublished:sum", "unpublished"), Story(
            "Accepted, and neither in the topic nor in a spool.", f"The gateway answered too early, or a disk lost "
            f"its spool. {UNTIL_EXPLAINED}"), "none", loss, empty="unknown"),
        stat_panel("Lost in the worker", Query("pipeline:records_unprocessed:sum", "unprocessed"), Story(
            "Offsets a worker moved past without a row, a repeat or a dead letter.", f"A worker dropped records it "
            f"had read. {UNTIL_EXPLAINED}"), "none", loss, empty="unknown"),
        stat_panel("Lost to retention", Query(
            'sum(last_over_time(stage:events:total{stage="skipped"}[1h])) or vector(0)', "skipped"), Story(
            "Records that the topic had deleted before a worker came to them.",
            "The worker was away longer than the topic keeps records. See docs/runbooks/RetentionRisk.md."),
            "none", loss),
        stat_panel("Dead-lettered", Query(total_in_range("dead_letter"), "dead letters"), Story(
            "Records of the time range that are in the topic events.dlq because they could not be read or stored.",
            "They are safe, but not in the table. See docs/runbooks/DeadLetters.md."), "none", ((1, "orange"),)),
        stat_panel("Second copies", Query(total_in_range("second_copy"), "second copies"), Story(
            "Events of the time range that went to the spool and reached the topic twice, because a late ack told that "
            "the first try had worked. They count as duplicates in the end.",
            "It never is: a copy costs a little time and nothing else."), "none", ()),
    ):  # fmt: skip
        board.with_panel(panel.span(4).height(4))


def _places(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Where they are"))
    topic, group = f'topic="{EVENTS.name}"', f'consumergroup="{WORKER_GROUP}"'
    head = f"kafka_topic_partition_current_offset{{{topic}}}"
    places = [
        Query(total_in_range("received"), "received", "light-blue"),
        Query(total_in_range("rejected"), "refused", "red"),
        Query(total_in_range("accepted"), "accepted", "blue"),
        Query(f"sum({head}) - sum(min_over_time({head}[$__range]))", "appended to the topic", "purple"),
        Query(f"sum(group:lag_records:sum{{{group}}})", "waiting in the topic", "orange"),
        Query("pipeline:spool_records:sum or vector(0)", "waiting in the spool", "orange"),
        Query("sum(pipeline_consumer_inflight_records) or vector(0)", "of these in a worker's hands", "yellow"),
        Query(total_in_range("stored"), "stored", "green"),
        Query(total_in_range("duplicate"), "duplicates of stored ones", "green"),
        Query(total_in_range("dead_letter"), "dead-lettered", "red"),
    ]
    law = [
        Query("pipeline:events_unpublished:sum", "before Kafka", "red"),
        Query("pipeline:records_unprocessed:sum", "in the worker", "orange"),
    ]
    balance = f"{ACCEPTED} + pipeline:records_opening:sum - pipeline:spool_records:sum - pipeline:records_appended:sum"
    for panel, width in (
        (bars_panel("Events of the time range", places, Story(
            "What came in during the time range, where it stands now, and what became of it. Accepted is stored plus "
            "duplicates plus dead letters plus what waits.",
            "It never is; 'Unaccounted' above does the sum."), "none"), 12),
        (lines_panel("Unaccounted events", law, Story(
            "The two halves of the law over time; both must stay 0.", UNTIL_EXPLAINED), "none", ((1, "red"),)), 6),
        (lines_panel("Accepted minus received by Kafka and spool", [Query(balance, "balance", "blue")], Story(
            "The gateway's half of the law without its safety margin. It trembles with the flow: its sources are "
            "scraped at different moments. At rest below 0: events came in whose sender got no answer.",
            "It never is. At rest above 0 it becomes 'Lost before Kafka'."), "none"), 6),
    ):  # fmt: skip
        board.with_panel(panel.span(width).height(10))


def _travel(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("How long they travel"))
    name = "pipeline_end_to_end_latency_seconds"
    stages = f"sum by (stage, le) (rate(pipeline_stage_duration_seconds_bucket{RATE}))"
    seen = f"sum by (stage) (rate(pipeline_stage_duration_seconds_count{RATE})) > 0"
    by_stage = f"histogram_quantile(0.99, {stages}) and on (stage) ({seen})"
    for panel in (
        lines_panel("End-to-end latency", [quantile(q, name, "") for q in (0.5, 0.95, 0.99)], Story(
            "From the gateway's receipt of an event to the database's commit.",
            "Above the dashed line the freshness objective breaks."), "s", ((FRESHNESS_BOUND_SECONDS, "red"),)),
        heat_panel("End-to-end latency, all of it", Query(
            f"sum by (le) (increase({name}_bucket{RATE}))", "{{le}}"), Story(
            "How many events took how long.",
            "It has no threshold. A diagonal is a backlog that drains: the last events waited longest."), "s"),
        lines_panel("p99 by stage", [Query(by_stage, "{{stage}}")], Story(
            "99 of 100 events passed each stage within this time.",
            "It has no threshold. queue: the worker is late; publish: the broker; store: PostgreSQL."), "s"),
    ):  # fmt: skip
        board.with_panel(panel.span(8).height(8))


def _witnesses(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Outcomes and witnesses"))
    rows = "max(pipeline_store_table_rows)"
    for panel in (
        lines_panel("Answers by outcome", [
            Query(rate_by("outcome", "pipeline_events_accepted_total"), "{{outcome}}")], Story(
            "Accepted events a second: published (acknowledged by Kafka) or spooled (safe on the gateway's disk).",
            "It has no threshold. spooled: Kafka did not ack in time; see docs/runbooks/KafkaUnreachable.md."), "cps"),
        counts_panel("Dead letters by reason", [
            Query(rate_by("reason", "pipeline_consumer_dead_letters_total"), "{{reason}}")], Story(
            "Records parked in events.dlq, a second.",
            "It has no threshold. Each carries its reason and origin; see docs/runbooks/DeadLetters.md."),
            "cps"),
        lines_panel("Rows in the table", [Query(rows, "counted in PostgreSQL", "green")], Story(
            "Rows of the table events, counted there every five seconds: a witness no restart resets.",
            "It has no threshold. It must grow by what 'Stored' says."), "none"),
        lines_panel("Client against gateway", [
            Query(f"sum(rate(pipeline_events_accepted_total{RATE}))", "accepted, says the gateway", "blue"),
            Query(f'sum(rate(simulator_requests_total{{answer=~"published|spooled"}}{RATE})) or vector(0)',
                "accepted, says the simulator", "orange", dashed=True)], Story(
            "The simulator counts answers on its side of the network. While it is the only client the lines agree.",
            "It has no threshold. Apart: answers get lost, or there are other clients."), "cps"),
    ):  # fmt: skip
        board.with_panel(panel.span(6).height(8))
