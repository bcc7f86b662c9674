"""What Kafka is told of the offsets, when a commit fails and when partitions come and go."""

import pytest
from kafka.errors import RebalanceInProgressError
from kafka.structs import TopicPartition
from prometheus_client import CollectorRegistry

from worker.commits import Answered, Commits, Offsets
from worker.metrics import WorkerMetrics

A, B = TopicPartition("events", 0), TopicPartition("events", 1)


class Broker:
    """Keeps the commits it takes; ``now`` is its clock. While it is ``frozen`` it answers nobody who does not wait."""

    def __init__(self) -> None:
        self.taken: list[dict[TopicPartition, int]] = []
        self.rebalances = self.frozen = False
        self.now = 100.0
        self.unanswered: list[Answered] = []

    def ask(self, offsets: Offsets, answered: Answered) -> None:
        if self.frozen:
            self.unanswered.append(answered)
        elif self.rebalances:
            answered(RebalanceInProgressError())
        else:
            self.commit(offsets)
            answered(None)

    def commit(self, offsets: Offsets) -> None:
        self.taken.append(dict(offsets))


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def commits(broker: Broker) -> Commits:
    return Commits(broker.ask, broker.commit, WorkerMetrics(CollectorRegistry()), clock=lambda: broker.now)


def test_only_what_is_new_is_committed(broker: Broker, commits: Commits) -> None:
    commits.offer({A: 1, B: 5}, idle=True)
    commits.offer({A: 1, B: 5}, idle=True)
    commits.offer({A: 2, B: 5}, idle=True)
    assert broker.taken == [{A: 1, B: 5}, {A: 2}]


def test_a_commit_that_failed_is_made_up_for_though_no_record_comes(broker: Broker, commits: Commits) -> None:
    broker.rebalances = True
    commits.offer({A: 7}, idle=True)
    broker.rebalances = False
    commits.offer({A: 7}, idle=True)
    assert broker.taken == []  # not at once: it has just failed
    broker.now += 2
    commits.offer({A: 7}, idle=True)
    assert broker.taken == [{A: 7}]


def test_under_load_commits_are_few(broker: Broker, commits: Commits) -> None:
    for number in range(10):
        broker.now += 0.0625
        commits.offer({A: number}, idle=False)
    assert broker.taken == [{A: 0}, {A: 4}, {A: 8}]


def test_a_partition_that_comes_back_is_committed_anew(broker: Broker, commits: Commits) -> None:
    commits.offer({A: 1, B: 2}, idle=True)
    commits.forget([A])
    commits.offer({B: 2}, idle=True)
    commits.offer({A: 1, B: 2}, idle=True)
    assert broker.taken == [{A: 1, B: 2}, {A: 1}]


def test_at_the_end_nothing_waits_for_the_next_time(broker: Broker, commits: Commits) -> None:
    commits.offer({A: 1}, idle=False)
    commits.offer({A: 2}, idle=False)
    commits.make({A: 2})
    assert broker.taken == [{A: 1}, {A: 2}]


def test_a_broker_that_does_not_answer_is_asked_for_one_thing_at_a_time(broker: Broker, commits: Commits) -> None:
    broker.frozen = True
    for number in range(10):
        broker.now += 1
        commits.offer({A: number}, idle=True)
    broker.frozen = False
    (answered,) = broker.unanswered
    answered(None)
    commits.offer({A: 9}, idle=True)
    assert broker.taken == [{A: 9}]


def test_a_client_that_never_tells_is_not_waited_for_without_an_end(broker: Broker, commits: Commits) -> None:
    broker.frozen = True
    commits.offer({A: 1}, idle=True)
    broker.frozen = False
    broker.now += 40
    commits.offer({A: 2}, idle=True)
    assert broker.taken == [{A: 2}]


def test_what_was_asked_before_a_partition_went_is_not_held_against_it_when_it_comes_back(
    broker: Broker, commits: Commits
) -> None:
    broker.frozen = True
    commits.offer({A: 1, B: 2}, idle=True)
    commits.forget([A])
    broker.frozen = False
    broker.unanswered.pop()(None)
    commits.offer({A: 1, B: 2}, idle=True)
    assert broker.taken == [{A: 1}]
