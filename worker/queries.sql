-- name: copy
COPY events (event_id, event_type, user_id, occurred_at, received_at, source, properties,
             topic, kafka_partition, kafka_offset, appended_at, request_id) FROM STDIN

-- name: staging
-- Where a batch lands that the table does not take as it is; gone with the transaction's end, kept by the connection.
CREATE TEMPORARY TABLE IF NOT EXISTS incoming (LIKE events) ON COMMIT DELETE ROWS;
ALTER TABLE incoming DROP COLUMN IF EXISTS stored_at

-- name: stage
COPY incoming FROM STDIN

-- name: insert
-- Repeats, in the table or within the batch, are left out; the row count tells how many were not.
INSERT INTO events SELECT * FROM incoming ON CONFLICT (event_id) DO NOTHING

-- name: clear
DELETE FROM incoming

-- name: offsets
SELECT kafka_partition, next_offset FROM consumer_offsets WHERE consumer_group = %(group)s AND topic = %(topic)s

-- name: forget_former_life
-- Does nothing when another worker has done it: then the topic's id is the new one.
DELETE FROM consumer_offsets AS stored USING consumed_topics AS former
WHERE stored.consumer_group = %(group)s AND stored.topic = %(topic)s
  AND former.consumer_group = stored.consumer_group AND former.topic = stored.topic
  AND former.topic_id <> %(topic_id)s

-- name: note_life
INSERT INTO consumed_topics VALUES (%(group)s, %(topic)s, %(topic_id)s)
ON CONFLICT (consumer_group, topic) DO UPDATE SET topic_id = excluded.topic_id

-- name: claim
-- A partition nobody has stored from yet.
INSERT INTO consumer_offsets VALUES (%(group)s, %(topic)s, %(partition)s, %(offset)s) ON CONFLICT DO NOTHING

-- name: advance
-- The fence: moves only what still stands where this worker believes it stands.
UPDATE consumer_offsets AS stored SET next_offset = batch.next_offset
FROM unnest(%(partitions)s::integer[], %(expected)s::bigint[], %(next)s::bigint[])
     AS batch (kafka_partition, expected, next_offset)
WHERE stored.consumer_group = %(group)s AND stored.topic = %(topic)s
  AND stored.kafka_partition = batch.kafka_partition AND stored.next_offset = batch.expected

-- name: rows
SELECT count(*) FROM events

-- name: rows_estimated
SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'events'::regclass
