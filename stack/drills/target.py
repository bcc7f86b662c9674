"""The running stack as a drill meets it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from stack.home import Home
from stack.orders import Order, given
from stack.ports import HOST
from stack.postgres import database_url
from stack.state import State


@dataclass(frozen=True)
class Target:
    """A stack with a supervisor, somebody else's or our own."""

    home: Home
    state: State
    rate: float
    """Events a second that the drill sends."""

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.state.ports.api[0]}"

    @property
    def prometheus_url(self) -> str:
        return f"http://{HOST}:{self.state.ports.prometheus}"

    @property
    def database_url(self) -> str:
        return database_url(self.state.ports)

    def replicas(self, service: str) -> list[str]:
        """All services of this kind: worker, worker-2 and on."""
        return [name for name in self.state.services if re.fullmatch(rf"{service}(-\d+)?", name)]

    @contextmanager
    def ordered(self, order: Order, *kinds: str) -> Iterator[None]:
        """All services of these kinds are so meanwhile."""
        with self.orders({name: order for kind in kinds for name in self.replicas(kind)}):
            yield

    def orders(self, services: Mapping[str, Order]) -> AbstractContextManager[None]:
        """These services are as ordered meanwhile."""
        return given(self.home, services)
