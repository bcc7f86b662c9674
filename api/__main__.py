"""python -m api: read the settings, then serve until told to stop."""

import gc
import sys

import uvicorn
from loguru import logger

from api.app import create_app
from api.settings import ApiSettings
from contract.logs import log_to_stderr
from contract.settings import explain


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
        http="httptools",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing here asks who the client is
        log_config=None,
        backlog=2048,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    gc.collect()
    gc.freeze()  # what lives from here to the end need not be looked at again
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
