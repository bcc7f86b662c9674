"""The consumer: from a record to a line in consumer.log and a row in PostgreSQL, exactly once."""
