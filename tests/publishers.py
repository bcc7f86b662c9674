"""The Kafka clients a gateway can be on, as API_PUBLISHER names them; which one it is shall make no difference."""

PUBLISHERS = DEFAULT, OTHER = "kafka-python", "librdkafka"
