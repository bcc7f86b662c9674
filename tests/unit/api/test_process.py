"""The gateway as a process, on a machine without Kafka."""

import os
import subprocess
import sys
from pathlib import Path
from socket import create_server


def test_a_port_that_is_taken_is_named_in_one_line(tmp_path: Path) -> None:
    with create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = {"API_HOST": "127.0.0.1", "API_PORT": str(port), "API_METRICS_PORT": "0"}
        done = subprocess.run(
            [sys.executable, "-m", "api"],
            env={**os.environ, **settings, "SPOOL_PATH": str(tmp_path / "spool.db")},
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 3
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
