"""consumer.log's disk refuses: that is counted, and the pipeline goes on."""

from tests.faults.conftest import Note
from tests.faults.rig import Rig
from tests.waiting import until


def test_a_full_disk_costs_the_log_its_lines_and_the_events_nothing(rig: Rig, note: Note) -> None:
    log = rig.stack.home.data / "full" / "consumer.log"
    log.parent.mkdir()
    log.symlink_to("/dev/full")
    rig.stack.restart("worker", environment={"EVENT_LOG_PATH": str(log)})
    ledger = rig.ledger()
    ledger.send(50)
    note(ledger.settle(within=30))
    until(lambda: rig.metric("pipeline_event_log_errors_total", "worker") == 50, within=10)
    log.unlink()  # there is room again
    ledger.send(50)
    ledger.settle(within=30)
    until(lambda: rig.metric("pipeline_event_log_lines_total", "worker") == 50, within=10)
    assert log.read_bytes().count(b'"event_type"') == 50


def test_a_folder_that_cannot_be_made_keeps_no_worker_from_starting(rig: Rig, note: Note) -> None:
    in_the_way = rig.stack.home.data / "in-the-way"
    in_the_way.touch()
    rig.stack.restart("worker", environment={"EVENT_LOG_PATH": str(in_the_way / "consumer.log")})
    ledger = rig.ledger()
    ledger.send(50)
    note(ledger.settle(within=30))
    assert rig.metric("pipeline_event_log_errors_total", "worker") == 50
