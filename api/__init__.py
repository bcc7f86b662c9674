"""The HTTP gateway: from a request to a record Kafka has acknowledged, or one that is safe on disk."""
