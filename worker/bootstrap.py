"""Prepares Kafka for the first event: ``python -m worker.bootstrap`` creates the topics and seeds the group's offsets.

Without a commit a partition has no lag, so the first burst would be invisible; and some exporters hang while
``__consumer_offsets`` does not exist. Whatever exists is left as it is: running it again changes nothing.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from time import monotonic, sleep

from kafka import KafkaAdminClient, OffsetAndMetadata, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError, NoError, RetriableError, TopicAlreadyExistsError
from loguru import logger

from contract.kafka import KafkaSettings
from contract.logs import log_to_stderr
from contract.settings import explain
from contract.topics import EVENTS, TOPICS, WORKER_GROUP, Topic


def create_topics(admin: KafkaAdminClient) -> list[Topic]:
    """Create the topics that do not exist yet, wait until all have leaders, and return the new ones."""
    created = [topic for topic in TOPICS if topic.name not in admin.list_topics() and create_topic(admin, topic)]
    admin.wait_for_topics([topic.name for topic in TOPICS], timeout_ms=30_000)
    return created


def create_topic(admin: KafkaAdminClient, topic: Topic) -> bool:
    """Whether it did not exist: a broker that has just started does not list its topics yet."""
    try:
        admin.create_topics({topic.name: {"num_partitions": topic.partitions, "configs": topic.config}})
    except TopicAlreadyExistsError:
        return False
    return True


def seed_offsets(admin: KafkaAdminClient) -> list[TopicPartition]:
    """Commit the log's start for each partition the group has no commit for, and return these partitions.

    Raises KafkaError, for one when the group has members: then committing is theirs.
    """
    partitions = [TopicPartition(EVENTS.name, number) for number in range(EVENTS.partitions)]
    commits = admin.list_group_offsets({WORKER_GROUP: None})[WORKER_GROUP]
    missing = [tp for tp in partitions if tp not in commits or commits[tp].offset < 0]
    if not missing:
        return []
    starts = admin.list_partition_offsets(dict.fromkeys(missing, OffsetSpec.EARLIEST))
    seeds = {tp: OffsetAndMetadata(starts[tp].offset, "", None) for tp in missing}
    for tp, error in admin.alter_group_offsets(WORKER_GROUP, seeds).items():
        if error is not NoError:
            raise error(f"{tp.topic}/{tp.partition} of group {WORKER_GROUP} was not seeded")
    return missing


def bootstrap(settings: KafkaSettings, wait_seconds: float) -> Iterator[str]:
    """Do both, and tell what was done. Raises KafkaError when Kafka does not answer within the time."""
    deadline = monotonic() + wait_seconds
    admin = KafkaAdminClient(bootstrap_servers=settings.servers, bootstrap_timeout_ms=int(wait_seconds * 1000))
    with admin:
        while True:
            try:
                yield from (f"created topic {t.name}, {t.partitions} partitions" for t in create_topics(admin))
                if seeded := seed_offsets(admin):
                    yield f"seeded {len(seeded)} partitions of {EVENTS.name} for group {WORKER_GROUP}"
                return
            except RetriableError:  # the coordinator comes up a moment after the broker
                if monotonic() > deadline:
                    raise
                sleep(0.2)


def main() -> int:
    parser = ArgumentParser("python -m worker.bootstrap", description=__doc__)
    parser.add_argument("--wait", type=float, default=60, metavar="SECONDS", help="for Kafka (default: %(default)s)")
    wait = parser.parse_args().wait
    log_to_stderr("bootstrap", "INFO")
    try:
        settings = KafkaSettings()
    except ValueError as error:
        logger.error("The settings are wrong; mend the environment and start again.\n{}", explain(error))
        return 2
    try:
        for line in bootstrap(settings, wait):
            logger.info(line)
    except KafkaError as error:
        logger.error("Kafka at {} is not prepared: {}", settings.bootstrap_servers, error)
        return 1
    logger.info("Kafka at {} is prepared", settings.bootstrap_servers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
