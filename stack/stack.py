"""A running stack: starts its services in order, and stops, kills, pauses and resumes them one by one."""

import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from time import sleep
from types import TracebackType
from typing import Self

import psutil

from stack import pipeline, postgres, prometheus
from stack.errors import ServiceFailed
from stack.home import Home
from stack.ports import HOST, Ports, free_ports, require_free
from stack.process import MARK, Process
from stack.programs import Programs, find
from stack.service import numbered
from stack.topology import remove_data, services


class Phase(StrEnum):
    """How far a service is."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    STOPPED = "stopped"
    FAILED = "failed"


Report = Callable[[str, Phase], None]
"""Called with a service's name at each change of its phase."""


def silent(*_: object) -> None:
    """A report nobody reads."""


class Stack:
    """The services of one home. As a context manager it starts them all, and stops them all at the end.

    Every method that starts something returns when it is ready, and raises ServiceFailed with the end of the log
    when it is not. Nothing is restarted by itself.
    """

    def __init__(
        self,
        home: Path,
        ports: Ports | None = None,
        programs: Programs | None = None,
        report: Report = silent,
        pause: Callable[[float], None] = sleep,
    ) -> None:
        self.home, self.ports = Home(home.resolve()), ports or Ports()
        self.programs = programs or find(silent)
        self.services = {service.name: service for service in services(self.home, self.ports, self.programs)}
        self.processes: dict[str, Process] = {}
        self.phases = dict.fromkeys(self.services, Phase.WAITING)
        self._report, self._pause = report, pause

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.stop()

    # Addresses

    @property
    def api_url(self) -> str:
        return f"http://{HOST}:{self.ports.api[0]}"

    @property
    def prometheus_url(self) -> str:
        return f"http://{HOST}:{self.ports.prometheus}"

    @property
    def kafka_bootstrap(self) -> str:
        return self.ports.brokers

    @property
    def database_url(self) -> str:
        return postgres.database_url(self.ports)

    @property
    def consumer_log(self) -> Path:
        return self.home.log("consumer")

    @property
    def env(self) -> dict[str, str]:
        """What a process of ours must find in its environment to use this stack."""
        return pipeline.shared_environment(self.ports) | pipeline.traffic_environment(self.ports)

    # Services

    def start(self, *names: str, environment: Mapping[str, str] | None = None) -> None:
        """Start these services, or all; a service waits for those it needs that start with it.

        The environment is added to theirs, for this time. One that runs already is left alone.
        """
        wanted = [name for name in names or self.services if not self._has_done_its_part(name)]
        require_free((name, port) for name in wanted for port in self.services[name].ports)
        prometheus.write_targets(self.home, self._targets())
        try:
            self._launch(wanted, environment or {})
        except BaseException:
            for name in reversed(wanted):
                self.stop(name)
            raise

    def stop(self, *names: str) -> None:
        """Ask these services, or all, to stop, the last started first; kill those that do not."""
        for name in names or tuple(reversed(self.services)):
            if process := self.processes.pop(name, None):
                process.end()
                self._enter(name, Phase.STOPPED)

    def restart(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Stop it, and start it with this environment added to its own; without one, as it was at first."""
        self.stop(name)
        self.start(name, environment=environment)

    def kill(self, name: str) -> None:
        """SIGKILL: it loses whatever it had not written."""
        self.processes.pop(name).destroy()
        self._enter(name, Phase.STOPPED)

    def pause(self, name: str) -> None:
        """SIGSTOP: it holds its connections and answers nothing."""
        self.processes[name].signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        self.processes[name].signal(signal.SIGCONT)

    def fill_disk(self, name: str) -> None:
        """Every write of it to a file fails, as on a full disk; the kernel says EFBIG in place of ENOSPC."""
        self.processes[name].allow_files(0)

    def free_disk(self, name: str) -> None:
        self.processes[name].allow_files(psutil.RLIM_INFINITY)

    def running(self, name: str) -> bool:
        process = self.processes.get(name)
        return process is not None and not process.ended

    def add_worker(self, environment: Mapping[str, str] | None = None) -> str:
        """Start one more worker, scraped like the others, and return its name."""
        self.ports = replace(self.ports, worker_metrics=(*self.ports.worker_metrics, *free_ports(1)))
        worker = pipeline.worker(self.home, self.ports, len(self.ports.worker_metrics))
        self.services[worker.name] = worker
        self.start(worker.name, environment=environment)
        return worker.name

    def remove_worker(self) -> None:
        """Stop the worker that was added last, and forget it."""
        name = numbered("worker", len(self.ports.worker_metrics))
        self.stop(name)
        del self.services[name], self.phases[name]
        self.ports = replace(self.ports, worker_metrics=self.ports.worker_metrics[:-1])
        prometheus.write_targets(self.home, self._targets())

    def remove_data(self) -> None:
        """Forget everything the stopped services have stored."""
        remove_data(self.home)

    # How

    def _has_done_its_part(self, name: str) -> bool:
        return self.running(name) or (self.services[name].one_shot and self.phases[name] == Phase.READY)

    def _launch(self, wanted: Iterable[str], environment: Mapping[str, str]) -> None:
        waiting, starting = list(wanted), list[str]()
        self._enter_all(waiting, Phase.WAITING)
        while waiting or starting:
            for name in [name for name in waiting if not self._misses(name, waiting + starting)]:
                waiting.remove(name)
                starting.append(name)
                self._begin(name, environment)
            for name in [name for name in starting if self._is_ready(name)]:
                starting.remove(name)
                self._enter(name, Phase.READY)
            self._pause(0.02)

    def _misses(self, name: str, unready: list[str]) -> bool:
        return any(need in unready for need in self.services[name].needs)

    def _begin(self, name: str, environment: Mapping[str, str]) -> None:
        service = self.services[name]
        service = replace(service, environment={**service.environment, MARK: str(self.home.root), **environment})
        process = Process(service, self.home.log(name))
        self.processes[name] = process
        self._enter(name, Phase.STARTING)
        process.begin()

    def _is_ready(self, name: str) -> bool:
        try:
            return self.processes[name].check()
        except ServiceFailed:
            self._enter(name, Phase.FAILED)
            raise

    def _enter_all(self, names: Iterable[str], phase: Phase) -> None:
        for name in names:
            self._enter(name, phase)

    def _enter(self, name: str, phase: Phase) -> None:
        self.phases[name] = phase
        self._report(name, phase)

    def _targets(self) -> prometheus.Targets:
        return {
            "api": self.ports.api_metrics,
            "worker": self.ports.worker_metrics,
            "traffic": [self.ports.traffic_metrics],
            "kafka-exporter": [self.ports.kafka_exporter],
            "prometheus": [self.ports.prometheus],
        }
