"""Can I trust these numbers? The watchers watched: scrapes, rules, witnesses that must agree."""

from grafana_foundation_sdk.builders import dashboard as grafana

from contract.signals import SCRAPE_INTERVAL_SECONDS
from contract.topics import EVENTS, WORKER_GROUP
from grafana.frame import build_frame
from grafana.panels import (
    RATE,
    Query,
    Story,
    counts_panel,
    lines_panel,
    stat_panel,
    table_panel,
    text_panel,
    timeline_panel,
)

HOW_TO_READ = f"""\
Every number is at least one scrape old ({SCRAPE_INTERVAL_SECONDS} s) and comes from one of four sources: the gateway,
the worker, kafka-exporter, or a rule over them.

- **A source that is down**: its panels say *no data* or *unknown*; nothing is drawn green from memory.
- **Two witnesses**: the exporter and the worker both count the lag, the worker and PostgreSQL what is stored.
- **Rules** run every {SCRAPE_INTERVAL_SECONDS} s; where one fails, lag in seconds and the ledger have gaps.
"""


def trust() -> grafana.Dashboard:
    board = build_frame("pipeline-trust", "Can I trust these numbers", "The watchers, watched.")
    for row in (_sources, _witnesses, _rules, _inventory):
        row(board)
    return board


def _sources(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Sources"))
    states = {0: ("down", "red"), 1: ("up", "green")}
    age = "time() - timestamp(kafka_brokers)"
    for panel, width, height in (
        (text_panel("How to read this page", HOW_TO_READ), 8, 8),
        (timeline_panel("Targets", Query('max by (job, instance) (up{job!="traffic"})', "{{job}} {{instance}}"), Story(
            "Whether each target answered its scrape. The simulator is left out: it lives for one run.",
            "See docs/runbooks/TargetDown.md."), states), 16, 8),
        (lines_panel("Scrape duration", [Query("max by (job) (scrape_duration_seconds)", "{{job}}")], Story(
            "How long each scrape takes.",
            "Beyond the dashed line it is about to time out, and its sample is missing."), "s", ((1.4, "red"),)), 8, 7),
        (lines_panel("Age of Kafka's numbers", [Query(age, "seconds since kafka-exporter spoke")], Story(
            "How old the newest answer of kafka-exporter is. It can be up and still not see Kafka.",
            "Lag is unknown: see docs/runbooks/LagUnknown.md."), "s", ((10, "red"),)), 8, 7),
        (counts_panel("Clock skew", [
            Query(f"sum by (instance) (rate(pipeline_clock_skew_total{RATE}))", "{{instance}}")], Story(
            "Stages of an event's way that two clocks made negative, a second; they count as 0.",
            "It has no threshold. Clocks of gateway, broker and worker differ: stage times are off by as much."),
            "cps"), 8, 7),
    ):  # fmt: skip
        board.with_panel(panel.span(width).height(height))


def _witnesses(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Witnesses that must agree"))
    group, topic = f'consumergroup="{WORKER_GROUP}"', f'topic="{EVENTS.name}"'
    gap = f"(sum(pipeline_consumer_lag_records{{{topic}}}) or vector(0)) - sum(group:lag_records:sum{{{group}}})"
    ownerless = f"max(kafka_topic_partitions{{{topic}}}) - (sum(pipeline_consumer_assigned_partitions) or vector(0))"
    rows = f'sum(rate(pipeline_store_rows_total{{result="stored"}}{RATE}))'
    lines = f"sum(rate(pipeline_event_log_lines_total{RATE}))"
    polled = f"sum(rate(pipeline_consumer_records_total{RATE}))"
    committed = f"sum(rate(partition:position:effective{{{topic}, {group}}}{RATE}))"
    for panel in (
        lines_panel("Lag: worker minus exporter", [Query(gap, "records", "orange")], Story(
            "Two counts of the same backlog, taken at different moments: they differ by what flows in a scrape, and "
            "agree at rest.", "It has no threshold. Apart at rest: commits fail, or a worker is not scraped."), "none"),
        lines_panel("Records: polled and committed", [
            Query(polled, "polled, says the worker", "blue"),
            Query(committed, "committed, says Kafka", "orange", dashed=True)],
            Story("Two counts of the records that pass the worker.",
            "It has no threshold. Polled above committed for long: batches are repeated."), "cps"),
        lines_panel("Events: stored and logged", [
            Query(rows, "rows stored", "green"), Query(lines, "lines in consumer.log", "blue", dashed=True)], Story(
            "A record is logged before it is stored; after a crash it may be logged again, and repeats are logged too.",
            "It has no threshold. Fewer lines than rows: see docs/runbooks/EventLogErrors.md."), "cps"),
        lines_panel("Partitions nobody answers for", [Query(ownerless, "partitions", "red")], Story(
            "Partitions of the topic minus those the workers say they own. Below 0: two workers claim one.",
            "Normal for seconds in a rebalance; otherwise a worker hangs or is not scraped."), "none", ((1, "red"),)),
    ):  # fmt: skip
        board.with_panel(panel.span(6).height(8))


def _rules(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Rules and alerts"))
    share = "prometheus_rule_group_last_duration_seconds / prometheus_rule_group_interval_seconds"
    load = f'label_replace(max by (rule_group) ({share}), "group", "$1", "rule_group", ".*;(.*)")'
    failures = "sum(increase(prometheus_rule_evaluation_failures_total[$__range]))"
    missed = "sum(increase(prometheus_rule_group_iterations_missed_total[$__range]))"
    for panel, width in (
        (stat_panel("Rule failures", Query(failures, "failures"), Story(
            "Evaluations of rules that failed in the time range.", "See docs/runbooks/RulesFailing.md."),
            "none", ((0.5, "red"),)), 4),
        (stat_panel("Evaluations missed", Query(missed, "missed"), Story(
            "Evaluations left out in the time range because the one before took too long.",
            "Prometheus is short of CPU; totals and lag in seconds have gaps."),
            "none", ((0.5, "orange"), (10, "red"))), 4),
        (lines_panel("Rule load", [Query(load, "{{group}}")], Story(
            "Time to evaluate each group of rules as a share of its interval.",
            "Near 100 % evaluations are missed."), "percentunit", ((0.5, "orange"), (0.9, "red"))), 8),
        (table_panel("Alerts firing", {"Series": Query(
            'count by (alertname, severity) (ALERTS{alertstate="firing"})', "alerts")}, Story(
            "Alerts that fire now. Watchdog always does, to prove that alerts are evaluated.",
            "Each has a page in docs/runbooks/."), "none"), 8),
    ):  # fmt: skip
        board.with_panel(panel.span(width).height(7))


def _inventory(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("What runs and what it costs"))
    ours = '{__name__=~"pipeline_.+|http_.+|kafka_.+"}'
    names = f'topk(12, count by (metric) (label_replace({ours}, "metric", "$1", "__name__", "(.+)")))'
    for panel, width in (
        (table_panel("Versions", {"Processes": Query(
            "count by (service, version, revision) (pipeline_build_info)", "versions")}, Story(
            "What runs, by service, version and revision.",
            "It has no threshold. Two versions of one service: a rollout is under way, or stuck."), "none"), 8),
        (lines_panel("Series by job", [
            Query("sum by (job) (scrape_samples_post_metric_relabeling)", "{{job}}")], Story(
            "Samples each job adds at every scrape.",
            "It has no threshold. Steady growth: some label holds ids; find it in 'Largest metrics'."), "none"), 8),
        (table_panel("Largest metrics", {"Series": Query(names, "series")}, Story(
            "Metrics with the most series.",
            "It has no threshold. Hundreds of series of one metric: a label that should not be one."), "none"), 8),
    ):  # fmt: skip
        board.with_panel(panel.span(width).height(8))
