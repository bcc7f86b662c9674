"""Starting a stack that stays, and stopping it, whatever has happened to it in between."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from os import environ
from time import sleep
from typing import Final

import psutil

from stack.errors import ServiceFailed, StackError
from stack.home import ROOT, Home
from stack.ports import Ports
from stack.process import MARK, tail
from stack.programs import Programs
from stack.state import State, processes

STOP_SECONDS: Final = 60.0

Watch = Callable[[State], None]
"""Called again and again with the state while a stack starts."""


def up(home: Home, ports: Ports, programs: Programs, watch: Watch) -> State:
    """Start the home's stack and return when all of it is ready; it runs on without us.

    Raises StackError when it cannot start. When interrupted, nothing stays behind.
    """
    state = State.load(home)
    if state and state.supervised(home):
        raise StackError(f"Another command is starting the stack of {home.root}: wait for it, or stop it with `down`.")
    down(home)  # what a killed supervisor may have left
    State(ports, programs).save(home)
    with _undone_on_error(home):
        supervisor = _supervise(home)
        while not (state := _load(home)).started:
            watch(state)
            if supervisor.poll() is not None:
                raise ServiceFailed(_load(home).error or f"the supervisor ended:\n{tail(home.log('supervisor'))}")
            sleep(0.1)
        watch(state)
    return state


def running(home: Home) -> State | None:
    """The state of the home's stack when it has started and its supervisor is alive."""
    state = State.load(home)
    return state if state and state.started and state.supervised(home) else None


def down(home: Home, patience_seconds: float = 10) -> int:
    """Stop every process of the home's stack, and return how many there were.

    What has no supervisor to stop it is killed after this time.
    """
    state, found = State.load(home), processes(home)
    for process in found:
        if state and process.pid == state.supervisor:
            _ask(process)
            psutil.wait_procs([process], timeout=STOP_SECONDS)
    _sweep(home, patience_seconds)
    home.state.unlink(missing_ok=True)
    return len(found)


def _sweep(home: Home, patience_seconds: float) -> None:
    """Stop what has no supervisor: politely, then for good."""
    left = processes(home)
    for process in left:
        _ask(process)
    psutil.wait_procs(left, timeout=patience_seconds)
    for process in processes(home):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(left, timeout=10)


def _ask(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.resume()
        process.terminate()


def _supervise(home: Home) -> "subprocess.Popen[bytes]":
    home.logs.mkdir(parents=True, exist_ok=True)
    with home.log("supervisor").open("wb") as log:
        return subprocess.Popen(  # noqa: S603  ourselves
            [sys.executable, "-m", "stack.supervisor", "--home", str(home.root)],
            cwd=ROOT,
            env={**environ, MARK: str(home.root)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C here must not reach it: it is asked to stop in good order
        )


def _load(home: Home) -> State:
    state = State.load(home)
    if state is None:
        raise ServiceFailed("the stack was stopped while it started")
    return state


@contextmanager
def _undone_on_error(home: Home) -> Iterator[None]:
    try:
        yield
    except BaseException:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # impatience must not leave half of it behind
        down(home)
        raise
