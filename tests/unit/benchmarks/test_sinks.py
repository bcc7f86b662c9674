"""What stands in for the worker's sinks, where the bench leaves them out, is asked for nothing it does not have."""

import pytest

from benchmarks.sinks import Nowhere, Silent
from worker.event_log import EventLog
from worker.store import Store


@pytest.mark.parametrize(("stand_in", "real"), [(Nowhere, Store), (Silent, EventLog)])
def test_a_stand_in_has_every_method_of_what_it_stands_in_for(stand_in: type, real: type) -> None:
    methods = {name for name in vars(real) if not name.startswith("_")}
    assert methods
    assert methods <= vars(stand_in).keys()
