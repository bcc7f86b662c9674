"""A running service: its process, its log, its signals."""

import atexit
import signal
import subprocess
from pathlib import Path
from pwd import getpwnam
from typing import Any, Final

import psutil
from mirakuru.base import Executor, SimpleExecutor, cleanup_subprocesses
from mirakuru.exceptions import ProcessExitedWithError, ProcessFinishedWithError, TimeoutExpired

from stack.errors import ServiceFailed
from stack.home import ROOT
from stack.service import Service

# Mirakuru's clean-up at exit kills whatever has our process number anywhere in its mark, other stacks' processes
# included: their marks are random digits. Ours below has no such accidents.
atexit.unregister(cleanup_subprocesses)

MARK: Final = "PIPELINE_STACK"
"""Environment variable of every process of a stack: the stack's folder. It finds them when all else is lost."""


class Process(Executor):
    """A service's process. ``begin`` does not wait; ``check`` tells how far the start has come."""

    def __init__(self, service: Service, log: Path) -> None:
        self.service, self.log = service, log
        self._attempts = service.attempts
        super().__init__(
            list(service.command),
            cwd=str(ROOT),
            timeout=service.start_seconds,
            stop_signal=service.stop_signal,
            envvars=dict(service.environment),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            popen_kwargs=_account(service.user) if service.user else None,
        )

    def begin(self) -> None:
        """Start the process and return at once."""
        for path, text in self.service.files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._stdout = log
            SimpleExecutor.start(self)

    def check(self) -> bool:
        """Whether it is ready by now. Raises ServiceFailed when it has ended or its time is up."""
        try:
            if self.check_subprocess():
                return True
        except ProcessExitedWithError as error:
            return self._again(f"ended with exit code {error.exit_code}")
        if self.process and self.process.poll() == 0 and not self.service.one_shot:
            raise self._failure("ended by itself")
        if not self.check_timeout():
            raise self._failure(f"was not ready within {self.service.start_seconds:.0f} s")
        return False

    def end(self) -> None:
        """Ask it to stop, wait, and kill it when it does not."""
        self.signal(signal.SIGCONT)  # a paused process cannot hear the next one
        self._timeout = self.service.stop_seconds
        try:
            self.stop()
        except (ProcessFinishedWithError, TimeoutExpired):
            self.kill()

    def destroy(self) -> None:
        """SIGKILL, for it and all its children."""
        self.signal(signal.SIGKILL)
        self.kill()

    def signal(self, number: signal.Signals) -> None:
        """Send it to the process and all its children; nothing happens to those that are gone."""
        for process in self._tree():
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue

    def allow_files(self, most_bytes: int) -> None:
        """Every write to a file beyond this size fails from now on, for it and all its children (EFBIG)."""
        for process in self._tree():
            _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
            process.rlimit(psutil.RLIMIT_FSIZE, (most_bytes, hard))

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    @property
    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def pre_start_check(self) -> bool:
        return False

    def after_start_check(self) -> bool:
        return self.ended if self.service.one_shot else not self.ended and self.service.ready()

    def _again(self, what: str) -> bool:
        self._attempts -= 1
        if self._attempts == 0:
            raise self._failure(what)
        self.begin()
        return False

    def _failure(self, what: str) -> ServiceFailed:
        return ServiceFailed(f"{self.service.name} {what}. The end of {self.log}:\n{tail(self.log)}")

    def _tree(self) -> list[psutil.Process]:
        """The process first, so that it cannot make more children. PostgreSQL's are in process groups of their own."""
        if self.pid is None:
            return []
        try:
            top = psutil.Process(self.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    @property
    def _popen_kwargs(self) -> dict[str, Any]:
        # Same effect as mirakuru's preexec_fn, but safe when the caller has threads.
        kwargs = super()._popen_kwargs
        del kwargs["preexec_fn"]
        return {**kwargs, "start_new_session": True}


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, indented."""
    if not log.exists():
        return "    (no log)"
    text = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in text) or "    (empty)"


def _account(name: str) -> dict[str, Any]:
    return {"user": name, "group": getpwnam(name).pw_gid, "extra_groups": []}
