"""Is it healthy? One row a hop, in the order events travel; the verdict on top."""

from grafana_foundation_sdk.builders import dashboard as grafana

from contract.signals import LAG_CRITICAL_SECONDS, LAG_WARNING_SECONDS
from contract.topics import EVENTS, WORKER_GROUP
from grafana.frame import build_frame, handler_variable
from grafana.lag import lag_panel
from grafana.panels import RATE, Query, Story, counts_panel, heat_panel, lines_panel, stat_panel
from grafana.queries import HANDLER, ORANGE_RED, quantile, rate_by, total_in_range

COLOURS = {"received": "light-blue", "accepted": "blue", "appended": "purple", "committed": "orange", "stored": "green"}


def overview() -> grafana.Dashboard:
    board = build_frame("pipeline-overview", "Pipeline overview", "Is the pipeline healthy? Start here.")
    board.with_variable(handler_variable())
    for row in (_verdict, _flow, _http, _producer, _worker, _saturation):
        row(board)
    return board


def _verdict(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Verdict"))
    accepted = Query(total_in_range("accepted"), "accepted")
    stored = Query(total_in_range("stored"), "stored")
    lost = Query("pipeline:events_unaccounted:sum", "unaccounted")
    records = Query(f'group:lag_records:sum{{consumergroup="{WORKER_GROUP}"}}', "lag")
    seconds = Query(f'group:lag_seconds:max{{consumergroup="{WORKER_GROUP}"}}', "lag")
    for panel in (
        stat_panel("Accepted", accepted, Story(
            "Events answered with 201 or 202 in the time range, exact to the event.",
            "It never is. When it stays at 0 under load, look at the rejections below."), "none", ()),
        stat_panel("Stored", stored, Story(
            "Events that became a row in PostgreSQL in the time range, exact to the event; a repeat is no second row.",
            "It never is. When it falls behind Accepted, the lag shows where they wait."), "none", ()),
        stat_panel("Unaccounted", lost, Story(
            "Accepted events that are neither in the topic, the spool, the table nor the dead letters. Must be 0.",
            "Open the Ledger and docs/runbooks/EventsUnaccounted.md; keep the topic's records until it is explained."),
            "none", ((1, "red"),), empty="unknown"),
        stat_panel("Lag, events", records, Story(
            "Records in the topic that the worker has not committed; partitions without a commit count in full.",
            "Colour is a hint only: seconds decide. See the dashboard Consumer lag."),
            "none", ((1000, "orange"), (5000, "red")), empty="unknown"),
        stat_panel("Lag, seconds", seconds, Story(
            "Age of the oldest record without a commit, right to within a scrape: a flow's own records read as 2 s.",
            "The worker is slower than the gateway, or stands still: see the dashboard Consumer lag."),
            "s", ((LAG_WARNING_SECONDS, "orange"), (LAG_CRITICAL_SECONDS, "red")), empty="unknown"),
        stat_panel("HTTP p99", quantile(0.99, "http_request_duration_seconds", HANDLER, "[$__range]"), Story(
            "99 of 100 requests of the time range were answered within this time.",
            "Compare it with the ack latency: what is not Kafka is the gateway itself."),
            "s", ((0.05, "orange"), (0.1, "red")), empty="no traffic"),
        stat_panel("End-to-end p99", quantile(0.99, "pipeline_end_to_end_latency_seconds", "", "[$__range]"), Story(
            "99 of 100 events of the time range were in PostgreSQL within this time of their arrival.",
            "'Where the time goes' tells which stage it is."),
            "s", ((1, "orange"), (5, "red")), empty="no traffic"),
        stat_panel("Error ratio", Query(_error_ratio(), "failed share"), Story(
            "Share of the time range's events that got a 5xx answer.",
            "'Rejected by reason' names the reason; 4xx answers are the clients' and do not count."),
            "percentunit", ((0.001, "orange"), (0.01, "red"))),
    ):  # fmt: skip
        board.with_panel(panel.span(3).height(4))


def _error_ratio() -> str:
    failed = 'sum(increase(stage:events:total{stage="failed"}[$__range]))'
    answered = 'sum(increase(stage:events:total{stage=~"accepted|rejected"}[$__range]))'
    return f"{failed} / ({answered} > 0) or vector(0)"


def _flow(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Flow and backlog"))
    topic, group = f'topic="{EVENTS.name}"', f'consumergroup="{WORKER_GROUP}"'
    hops = {
        "received": f"sum(rate(pipeline_events_received_total{RATE}))",
        "accepted": f"sum(rate(pipeline_events_accepted_total{RATE}))",
        "appended": f"sum(rate(kafka_topic_partition_current_offset{{{topic}}}{RATE}))",
        "committed": f"sum(rate(partition:position:effective{{{topic}, {group}}}{RATE}))",
        "stored": f'sum(rate(pipeline_store_rows_total{{result="stored"}}{RATE}))',
    }
    queries = [Query(expr, hop, COLOURS[hop]) for hop, expr in hops.items()]
    panel = lines_panel("Events per second, hop by hop", queries, Story(
        "The same events five times on their way. Lines on top of each other: nothing waits. The area between appended "
        "and committed is the backlog; between received and accepted, what was refused.",
        "It has no threshold. The first line lower than its neighbour above is where events stay."), "cps")  # fmt: skip
    board.with_panel(panel.span(15).height(9)).with_panel(lag_panel().span(9).height(9))


def _http(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("HTTP"))
    name = "http_request_duration_seconds"
    latency = [quantile(q, name, HANDLER) for q in (0.5, 0.95, 0.99)]
    requests = f"sum by (status) (rate(http_requests_total{{{HANDLER}}}{RATE}) > 0)"
    always = 'label_replace(vector(0), "status", "201", "", "")'
    for panel, width in (
        (lines_panel("Requests by status", [Query(f"{requests} or {always}", "{{status}}")], Story(
            "Answers a second by HTTP status. 201 published, 202 spooled, 4xx the client's mistake, 5xx ours.",
            "It has no threshold. Any 5xx: see 'Rejected by reason'."), "reqps"), 8),
        (lines_panel("Request latency", latency, Story(
            "From the request's head to the end of its answer, which waits for the broker's ack.",
            "Above the dashed line one request in a hundred breaks the objective. Compare it with 'Ack latency'."),
            "s", ((0.1, "red"),)), 8),
        (heat_panel("Request latency, all of it", Query(
            f"sum by (le) (increase({name}_bucket{{{HANDLER}}}{RATE}))", "{{le}}"), Story(
            "How many requests took how long. Percentiles hide a second hump; this does not.",
            "It has no threshold. A band that splits in two: some requests wait for something the others do not."),
            "s"), 8),
        (lines_panel("Requests in progress", [
            Query(f"sum by (handler) (http_requests_inprogress{{{HANDLER}}})", "{{handler}}")], Story(
            "Requests that have begun and are not answered.",
            "It has no threshold. A ramp without end: acks do not come."), "none"), 12),
        (counts_panel("Rejected by reason", [
            Query(rate_by("reason", "pipeline_events_rejected_total"), "{{reason}}")], Story(
            "Events refused, a second. validation, malformed, too_large and the like are the client's.",
            "It has no threshold. overload, spool_full, unavailable, unconfirmed and internal are ours: see below."),
            "cps"), 12),
    ):  # fmt: skip
        board.with_panel(panel.span(width).height(8))


def _producer(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Gateway to Kafka"))
    acks = [quantile(q, "pipeline_producer_ack_duration_seconds", "") for q in (0.5, 0.99)]
    used = "max(pipeline_producer_inflight_{0} / pipeline_producer_inflight_limit_{0})"
    for panel in (
        counts_panel("Producer errors by kind", [
            Query(rate_by("kind", "pipeline_producer_errors_total"), "{{kind}}")], Story(
            "Deliveries to Kafka that failed, a second. Their events went to the spool.",
            "It has no threshold; any bar counts. See docs/runbooks/ProducerErrors.md."), "cps"),
        lines_panel("Ack latency", acks, Story(
            "From handing a record to the producer to the broker's ack, with the time it waits for its batch.",
            "Above the dashed line the latency objective is out of reach: look at the broker's disk and CPU."),
            "s", ((0.1, "red"),)),
        lines_panel("Waiting for acks", [
            Query(used.format("records"), "records"), Query(used.format("bytes"), "bytes")], Story(
            "Records and bytes on their way to Kafka, as a share of what the gateway allows itself.",
            "At 100 % new events are refused with 503 (overload)."), "percentunit", ((0.7, "orange"), (0.9, "red"))),
        lines_panel("Spool", [Query("sum(pipeline_spool_records)", "waiting", "orange"),
            Query(f"sum(rate(pipeline_spool_drained_total{RATE}))", "drained a second", "green")], Story(
            "Records on the gateway's disk because Kafka did not take them, and how fast they leave.",
            "It has no threshold. Waiting with nothing drained: Kafka is away, or refuses the first record."), "none"),
    ):  # fmt: skip
        board.with_panel(panel.span(6).height(8))


def _worker(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Worker and store"))
    per_event = (
        f"sum by (stage) (rate(pipeline_stage_duration_seconds_sum{RATE})) / on () group_left () "
        f"(sum(rate(pipeline_end_to_end_latency_seconds_count{RATE})) > 0) "
        "or 0 * sum by (stage) (pipeline_stage_duration_seconds_sum)"
    )
    polls = f"sum(rate(pipeline_consumer_batch_records_count{RATE}))"
    size = f"sum(rate(pipeline_consumer_batch_records_sum{RATE})) / ({polls} > 0)"
    stores = [quantile(q, "pipeline_store_batch_duration_seconds", "") for q in (0.5, 0.99)]
    results = rate_by("result", "pipeline_store_rows_total")
    parked = f"sum(rate(pipeline_consumer_dead_letters_total{RATE}))"
    for panel in (
        lines_panel("Where the time goes", [Query(per_event, "{{stage}}")], Story(
            "Mean seconds an event spends in each stage: publish (gateway to the broker's append), queue (append to "
            "poll), store (poll to the database's commit). They add up to end-to-end.",
            "It has no threshold. The thickest layer is the stage to work on."), "s", stacked=True),
        lines_panel("Batches", [Query(f"{size} or vector(0)", "records a batch"),
            Query(polls, "batches a second")], Story(
            "Records a poll returned and how often the worker polled with a result.",
            "It has no threshold. Batches grow with the backlog, which makes the worker faster."), "none"),
        lines_panel("Store transaction", stores, Story(
            "From the begin to the commit of a batch's transaction.",
            "Above the dashed line look at PostgreSQL: locks, checkpoints, disk."), "s", ((1, "red"),)),
        lines_panel("Rows by result", [Query(results, "{{result}}"), Query(parked, "dead-lettered", "red")], Story(
            "What became of the records: a new row, a repeat of an event already there, a dead letter.",
            "It has no threshold. Dead letters: see docs/runbooks/DeadLetters.md."), "cps"),
        counts_panel("Worker errors by step", [
            Query(rate_by("step", "pipeline_consumer_errors_total"), "{{step}}"),
            Query(rate_by("kind", "pipeline_store_retries_total"), "store again: {{kind}}")], Story(
            "Errors in the worker's loop by step, and store attempts that had to be repeated, a second.",
            "It has no threshold. A step that repeats: its reason is in the worker's own log."), "cps"),
        lines_panel("Log lines", [Query(f"sum(rate(pipeline_event_log_lines_total{RATE}))", "written", "green"),
            Query(f"sum(rate(pipeline_event_log_errors_total{RATE}))", "failed", "red")], Story(
            "Lines written to consumer.log, a second: at least one an event.",
            "It has no threshold. Failed lines: the disk or its rights; see docs/runbooks/EventLogErrors.md."), "cps"),
    ):  # fmt: skip
        board.with_panel(panel.span(8).height(8))


def _saturation(board: grafana.Dashboard) -> None:
    board.with_row(grafana.Row("Saturation"))
    loop = "pipeline_event_loop_lag_seconds"
    ours = 'job=~"api|worker"'
    for panel in (
        lines_panel("Event loop lag", [quantile(0.99, loop, ""), quantile(0.5, loop, "")], Story(
            "How much later than asked for the gateway's event loop woke a sleeper.",
            "Something computes or blocks on the loop, and every request waits behind it."),
            "s", ((0.02, "orange"), (0.1, "red"))),
        lines_panel("CPU", [Query(f"rate(process_cpu_seconds_total{{{ours}}}{RATE})", "{{job}} {{instance}}")], Story(
            "Cores used by each process; Python uses about one.",
            "Near 1 the process is the bottleneck: add a replica."), "none", ((0.9, "red"),)),
        lines_panel("Memory", [Query(f"process_resident_memory_bytes{{{ours}}}", "{{job}} {{instance}}")], Story(
            "Resident memory of each process.",
            "It has no threshold. Growth that survives the load is a leak."), "bytes"),
        lines_panel("File descriptors", [
            Query(f"process_open_fds{{{ours}}} / process_max_fds{{{ours}}}", "{{job}} {{instance}}")], Story(
            "Open files and sockets as a share of the limit.",
            "At 100 % connections are refused: raise the limit or find what is not closed."),
            "percentunit", tuple(ORANGE_RED)),
    ):  # fmt: skip
        board.with_panel(panel.span(6).height(7))
