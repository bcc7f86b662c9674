"""A TCP proxy that spoils connections on demand: slow, hanging, reset, half-open, closed."""

import asyncio
import socket
import struct
from collections.abc import Callable, Coroutine
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any, Self

from stack.ports import HOST

_CHUNK = 65_536
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no time


class Proxy:
    """Forwards ``port`` to the target's port. Each fault holds for old and new connections until ``heal``."""

    def __init__(self, port: int, target: int) -> None:
        self.port, self.target = port, target
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=f"proxy-{port}", daemon=True)
        self._server: asyncio.Server | None = None
        self._links: set[_Link] = set()
        self._flows = asyncio.Event()
        self._answers = True
        self._latency = 0.0
        self._bytes_per_second = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._heal())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def slow_down(self, *, latency: float = 0.0, bytes_per_second: float = 0.0) -> None:
        """Every chunk arrives this many seconds later, and no more than so many bytes a second; 0 is no limit."""
        self._latency, self._bytes_per_second = latency, bytes_per_second

    def hang(self) -> None:
        """Connections are accepted and kept; no byte arrives. After ``heal`` all that was sent arrives."""
        self._loop.call_soon_threadsafe(self._flows.clear)

    def lose_peers(self) -> None:
        """Half-open: what is sent over today's connections vanishes, for good, and nobody is told. New ones work."""
        self._each(_Link.lose)

    def lose_answers(self) -> None:
        """What clients send arrives; what the target answers vanishes."""
        self._answers = False

    def reset(self) -> None:
        """Today's connections end with a TCP reset. New ones work."""
        self._each(_Link.reset)

    def refuse(self) -> None:
        """Today's connections are reset, and new ones are refused."""
        self._run(self._shut())
        self.reset()

    def heal(self) -> None:
        self._latency = self._bytes_per_second = 0.0
        if not self._answers:
            self._answers = True
            self.reset()  # a connection with a hole in it is of no use
        self._run(self._heal())

    async def _heal(self) -> None:
        self._flows.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, HOST, self.port)

    async def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _close(self) -> None:
        await self._shut()
        for link in list(self._links):
            link.reset()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(writer, asyncio.current_task())
        self._links.add(link)
        try:
            await self._flows.wait()
            upstream, link.upstream = await asyncio.open_connection(HOST, self.target)
            await asyncio.gather(
                self._forward(link, reader, link.upstream), self._forward(link, upstream, link.downstream)
            )
        except OSError:
            link.reset()  # the target refuses: so does the proxy
        except asyncio.CancelledError:
            pass  # by the proxy's end; asyncio would complain of a handler that was cancelled
        finally:
            self._links.discard(link)
            link.close()

    async def _forward(self, link: "_Link", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(_CHUNK):
                await asyncio.sleep(self._seconds(len(chunk)))
                await self._flows.wait()
                if not link.lost and (self._answers or writer is link.upstream):
                    writer.write(chunk)
                    await writer.drain()
        if link.lost:
            await asyncio.Event().wait()  # whoever ends it, the other side never hears of it
        link.close()

    def _seconds(self, size: int) -> float:
        return self._latency + (size / self._bytes_per_second if self._bytes_per_second else 0.0)

    def _each(self, spoil: "Callable[[_Link], None]") -> None:
        async def spoil_all() -> None:
            for link in list(self._links):
                spoil(link)

        self._run(spoil_all())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)


class _Link:
    """A client's connection and ours to the target."""

    def __init__(self, downstream: asyncio.StreamWriter, task: object) -> None:
        self.downstream = downstream
        self._task = task  # held, because the loop does not hold its tasks
        self.upstream: asyncio.StreamWriter | None = None
        self.lost = False

    def lose(self) -> None:
        self.lost = True

    def reset(self) -> None:
        for writer in self._writers:
            with suppress(OSError):
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()

    def close(self) -> None:
        for writer in self._writers:
            writer.close()

    @property
    def _writers(self) -> list[asyncio.StreamWriter]:
        return [writer for writer in (self.downstream, self.upstream) if writer is not None]
