-- Applied by every worker at its start; each statement may run again and again.
CREATE TABLE IF NOT EXISTS events (
    event_id        uuid PRIMARY KEY,
    event_type      text NOT NULL,
    user_id         text NOT NULL,
    occurred_at     timestamptz,
    received_at     timestamptz NOT NULL,
    source          text,
    properties      jsonb NOT NULL,
    topic           text NOT NULL,
    kafka_partition integer NOT NULL,
    kafka_offset    bigint NOT NULL,
    appended_at     timestamptz NOT NULL,
    request_id      text,
    stored_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The next offset to be stored; moved only together with the rows, so it is the truth and Kafka's commit a hint.
CREATE TABLE IF NOT EXISTS consumer_offsets (
    consumer_group  text NOT NULL,
    topic           text NOT NULL,
    kafka_partition integer NOT NULL,
    next_offset     bigint NOT NULL,
    PRIMARY KEY (consumer_group, topic, kafka_partition)
);

-- Which life of the topic the offsets are of: one that is deleted and made again begins at 0 once more.
CREATE TABLE IF NOT EXISTS consumed_topics (
    consumer_group  text NOT NULL,
    topic           text NOT NULL,
    topic_id        uuid NOT NULL,
    PRIMARY KEY (consumer_group, topic)
);
