"""What two processes must agree on.

A thing lives here only if changing it on one side alone would break another process: the event and its
encoding, the topics, how Kafka is reached, how metrics are named and exposed, the shared constants.
"""
