"""What a service is: how to start it, what it needs, how to see that it is ready."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import requests


@dataclass(frozen=True)
class Service:
    """One process of the stack, described; nothing runs yet."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool] = lambda: True
    """Asked again and again while the process starts; answers within a second or two."""

    address: str = ""
    """What a person types to reach it."""

    ports: tuple[int, ...] = ()
    needs: tuple[str, ...] = ()
    """Services that must be ready before this one starts."""

    files: Mapping[Path, str] = field(default_factory=dict)
    """Its configuration, written anew before each start."""

    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    """Account to run under, when it is not the caller's."""

    one_shot: bool = False
    """Ready when it has ended with exit code 0."""

    attempts: int = 1
    """How often it may end while it starts, and be started again, before that is a failure."""

    stop_signal: signal.Signals = signal.SIGTERM
    start_seconds: float = 60
    stop_seconds: float = 20


def numbered(name: str, number: int) -> str:
    """The name of a replica: the first has none of its own."""
    return name if number == 1 else f"{name}-{number}"


def answers(url: str, having: str = "") -> bool:
    """Whether the address answers with a 2xx status, and with this text in it."""
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy has no business on this machine's own addresses
            answer = session.get(url, timeout=2)
            return answer.ok and having in answer.text
    except requests.RequestException:
        return False
