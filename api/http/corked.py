"""Answers in one write: uvicorn hands head and body over one by one, and each would be a system call of its own."""

from asyncio import AbstractEventLoop, WriteTransport
from typing import Any


class Corked:
    """A transport that keeps what is written until the event loop's turn is over, and then writes it as one."""

    def __init__(self, transport: WriteTransport, loop: AbstractEventLoop) -> None:
        self._transport, self._call_soon = transport, loop.call_soon
        self._kept: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if not self._kept:
            self._call_soon(self._uncork)
        self._kept.append(data)

    def write_now(self, data: bytes) -> None:
        """What is whole by itself."""
        self._uncork()
        self._transport.write(data)

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def close(self) -> None:
        self._uncork()
        self._transport.close()

    def _uncork(self) -> None:
        if self._kept:
            kept, self._kept = b"".join(self._kept), []
            self._transport.write(kept)
