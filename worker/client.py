"""kafka-python's consumer, and what it lacks; nothing else in ``worker`` looks into it."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from kafka import KafkaConsumer
from kafka.errors import CoordinatorNotAvailableError, LeaderNotAvailableError
from kafka.structs import OffsetAndMetadata, TopicPartition

from worker.unpacking import Unpacking


class LeanConsumer(KafkaConsumer):  # type: ignore[misc]
    """Its polls return ``Record``s. Takes no deserialisers, and reads uncommitted."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._fetcher.PartitionRecords = Unpacking

    def topic_id(self, topic: str) -> UUID | None:
        """As the client knows it by now; a topic that is deleted and made again has another."""
        known: UUID | None = self._cluster.topic_id(topic)
        return known

    def ask_for_commit(
        self, offsets: Mapping[TopicPartition, OffsetAndMetadata], answered: Callable[[BaseException | None], None]
    ) -> None:
        """Does not block. ``answered`` is called with what went wrong, or None, on the client's own thread.

        Not by ``commit_async``: that tells of an answer when it is polled for records.
        """
        if self._coordinator.coordinator_unknown():  # the polls look for it
            answered(CoordinatorNotAvailableError())
            return
        asked = self.commit_async(offsets)
        asked.add_callback(lambda _: answered(None))
        asked.add_errback(answered)

    def beginning_offsets(self, *asked: Any, **options: Any) -> Any:
        return _complete(super().beginning_offsets, *asked, **options)

    def end_offsets(self, *asked: Any, **options: Any) -> Any:
        return _complete(super().end_offsets, *asked, **options)


def _complete(ask: Callable[..., Any], *asked: Any, **options: Any) -> Any:
    """3.0.12 leaves out a partition whose leader has just gone, and fails on that with KeyError."""
    try:
        return ask(*asked, **options)
    except KeyError as error:
        raise LeaderNotAvailableError(f"the leader of {error} is not known now") from error
