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

    stop_signal: signal.Signals = signal.SIGTERM
    start_seconds: float = 60
    stop_seconds: float = 20


def answers(url: str) -> bool:
    """Whether the address answers with a 2xx status."""
    try:
        with requests.Session() as session:
            session.trust_env = False  # a proxy has no business on this machine's own addresses
            return session.get(url, timeout=2).ok
    except requests.RequestException:
        return False
