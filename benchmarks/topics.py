"""The topics that only a benchmark writes to, with the settings of the real one."""

from typing import Final

from contract.topics import EVENTS, Topic

BASELINE: Final = Topic("bench.baseline", EVENTS.partitions, EVENTS.config)
PRODUCER: Final = Topic("bench.producer", EVENTS.partitions, EVENTS.config)
TOPICS: Final = (BASELINE, PRODUCER)
