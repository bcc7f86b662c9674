"""python -m api: read the settings, then serve until told to stop."""

import gc
import os
import sys
from socket import SO_REUSEADDR, SO_REUSEPORT, SOCK_STREAM, SOL_SOCKET, getaddrinfo, socket
from types import FrameType

import uvicorn
from loguru import logger

from api.app import create_app
from api.corked import OneWrite
from api.settings import ApiSettings
from contract.logs import log_to_stderr
from contract.settings import explain

_STARTUP_FAILURE = 3  # uvicorn's, too
_MORE_ACCEPTS = 31
"""libuv takes one connection from a listening place in each turn of the loop: of 512 that come at once, the last would
wait for 512 turns, which are long while the first are served. So the loop has the place several times."""


def main() -> int:
    try:
        settings = ApiSettings()
        log_to_stderr("api", settings.log_level)
        app = create_app(settings)
    except ValueError as error:
        sys.stderr.write(f"The gateway's settings are wrong; mend the environment and start again.\n{explain(error)}\n")
        return 2
    logger.info("settings: {}", settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=OneWrite,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here asks who the client is
        log_config=None,
        backlog=2048,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    gc.collect()
    gc.freeze()  # what lives from here to the end need not be looked at again
    gc.set_threshold(100_000, 20, 50)  # a batch makes thousands of objects, none of them in a cycle
    server = Server(config)
    try:
        place = _place(settings.host, settings.port, settings.reuse_port)
    except OSError as error:
        logger.error("cannot listen on {}:{}: {}", settings.host, settings.port, error.strerror)
        return _STARTUP_FAILURE
    logger.info("listening on {}:{}", settings.host, settings.port)
    server.run(sockets=[place, *(place.dup() for _ in range(_MORE_ACCEPTS))])
    return 0 if server.started else 1


class Server(uvicorn.Server):
    """Ends in order on the first SIGTERM or SIGINT, and with status 0; the second one ends it on the spot.

    Whatever was answered is in Kafka or on disk by then, so even that loses nothing.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = True  # and no more: uvicorn would note the signal, and at the end die of it


def _place(host: str, port: int, shared: bool) -> socket:
    """Where to listen; when it is ``shared``, other gateways may do so as well. Raises OSError."""
    family, kind, protocol, _, address = getaddrinfo(host, port, type=SOCK_STREAM)[0]
    place = socket(family, kind, protocol)
    place.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
    place.setsockopt(SOL_SOCKET, SO_REUSEPORT, shared)
    try:
        place.bind(address)
    except OSError:
        place.close()
        raise
    return place


if __name__ == "__main__":
    sys.exit(main())
