"""The order of a round."""

from benchmarks.plan import Case, cases, groups


def names(chosen: list[Case]) -> list[list[str]]:
    return [[case.name for case in group] for group in groups(chosen)]


def test_with_and_without_metrics_is_one_measurement() -> None:
    found = names(cases())
    assert ["librdkafka with metrics, single, 128", "librdkafka without metrics, single, 128"] in found
    assert ["kafka-python with metrics, batches", "kafka-python without metrics, batches"] in found


def test_every_case_is_measured_once() -> None:
    found = [name for group in names(cases()) for name in group]
    assert sorted(found) == sorted(case.name for case in cases())
    assert len(found) == len(set(found))
