"""Whether the gateway's event loop stays free: how long /healthz takes, asked all the while."""

from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import Self

import requests

_EVERY_SECONDS = 0.02


class Pulse:
    """Asks in the background while the context is open; ``slowest`` and the percentiles are in seconds."""

    def __init__(self, url: str) -> None:
        self._url, self._stop = url + "/healthz", Event()
        self._thread = Thread(target=self._run, name="pulse", daemon=True)
        self._seconds: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def slowest(self) -> float:
        return max(self._seconds)

    def __str__(self) -> str:
        ordered = sorted(self._seconds)
        p50, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
        return (
            f"/healthz asked {len(ordered)} times: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms,"
            f" slowest {self.slowest * 1000:.0f} ms"
        )

    def _run(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            while not self._stop.wait(_EVERY_SECONDS):
                began = monotonic()
                session.get(self._url, timeout=30).raise_for_status()
                self._seconds.append(monotonic() - began)
