-- The event's row, with the time of each station it passed.
SELECT topic, kafka_partition, kafka_offset, occurred_at, received_at, appended_at, stored_at, request_id
FROM events
WHERE event_id = %s
