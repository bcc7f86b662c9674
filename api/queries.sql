-- Where an event is stored, and when it passed each station.
SELECT event_id, 'stored' AS status, topic, kafka_partition AS partition, kafka_offset AS offset,
       occurred_at, received_at, appended_at, stored_at, request_id
FROM events
WHERE event_id = %(event_id)s
