"""Records to Kafka: what the gateway needs of a client, and the two clients that give it."""

from api.publisher.flight import DeliveryFailed, Flight, Outcome, Sent, Settled
from api.publisher.protocol import Publisher

__all__ = ["DeliveryFailed", "Flight", "Outcome", "Publisher", "Sent", "Settled"]
