"""python -m api: read the settings, then serve until told to stop."""

import gc
import os
import sys
from types import FrameType

import uvicorn
from loguru import logger

from api.app import create_app
from api.http.listening import listening_sockets
from api.http.protocol import ShortWay
from api.settings import ApiSettings
from contract.logs import log_to_stderr
from contract.settings import explain

_STARTUP_FAILURE = 3  # uvicorn's, too


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
        http=ShortWay,
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
        sockets = list(listening_sockets(settings.host, settings.port, shared=settings.reuse_port))
    except OSError as error:
        logger.error("cannot listen on {}:{}: {}", settings.host, settings.port, error.strerror)
        return _STARTUP_FAILURE
    logger.info("listening on {}:{}", settings.host, settings.port)
    server.run(sockets=sockets)
    return 0 if server.started else 1


class Server(uvicorn.Server):
    """Ends in order on the first SIGTERM or SIGINT, and with status 0; the second one ends it on the spot.

    Whatever was answered is in Kafka or on disk by then, so even that loses nothing.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            os._exit(128 + sig)
        self.should_exit = True  # and no more: uvicorn would note the signal, and at the end die of it


if __name__ == "__main__":
    sys.exit(main())
