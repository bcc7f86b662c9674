"""Which keys have records in the spool, in memory that does not grow with them."""

from array import array
from collections.abc import Iterable

_PLACES = 65_536


class Keys:
    """Counts records by their key's place, of which there are 65,536.

    Two keys may share a place: then the one queues behind the other's records, which is slower and as right.
    """

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        self._counts = array("L", bytes(array("L").itemsize * _PLACES))
        for key in keys:
            self.add(key)

    def __contains__(self, key: bytes) -> bool:
        return self._counts[hash(key) % _PLACES] > 0

    def add(self, key: bytes) -> None:
        self._counts[hash(key) % _PLACES] += 1

    def remove(self, key: bytes) -> None:
        self._counts[hash(key) % _PLACES] -= 1

    @property
    def records(self) -> int:
        return sum(self._counts)
