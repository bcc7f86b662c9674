"""Kafka's and ZooKeeper's jars: which, and how they come from Maven Central.

``python -m stack.jars`` writes ``kafka.jars`` anew after a change of ROOTS.
"""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import requests
from jgo.maven import Artifact, MavenContext

from stack.errors import DownloadFailed

ROOTS: Final = (
    "org.apache.kafka:kafka_2.13:3.9.1",  # the last minor version that works with ZooKeeper
    "org.slf4j:slf4j-simple:1.7.36",  # Kafka brings no logger of its own
)
LOCK: Final = Path(__file__).with_name("kafka.jars")
"""One jar a line, ``group:artifact:version sha256``: what is downloaded is what was tested."""

Progress = Callable[[str, int, int], None]
"""Called with what is fetched, how many of it are here and how many there are."""


class Jar(NamedTuple):
    """A line of the lock."""

    coordinate: str
    sha256: str

    @property
    def filename(self) -> str:
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


def locked() -> list[Jar]:
    return [Jar(*line.split()) for line in LOCK.read_text().splitlines()]


def missing(folder: Path) -> list[Jar]:
    """A jar gets its name only when it is complete, so a name is enough."""
    return [jar for jar in locked() if not (folder / jar.filename).exists()]


def fetch(folder: Path, progress: Progress) -> None:
    """Bring every locked jar into the folder. Raises DownloadFailed."""
    wanted = missing(folder)
    if not wanted:
        return
    progress("Kafka's jars", 0, len(wanted))
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="partial-", dir=folder) as partial, _threads() as pool:
        here = pool.map(lambda jar: bring(jar, folder, MavenContext(repo_cache=Path(partial), timeout=60)), wanted)
        for count, _ in enumerate(here, start=1):
            progress("Kafka's jars", count, len(wanted))


@contextmanager
def _threads() -> Iterator[ThreadPoolExecutor]:
    """Threads that at an error or a Ctrl-C finish what they have begun, and begin nothing more."""
    pool = ThreadPoolExecutor(8)
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def bring(jar: Jar, folder: Path, maven: MavenContext) -> None:
    """Bring one jar into the folder, under its name only when it is whole. Raises DownloadFailed."""
    try:
        path = _artifact(maven, jar.coordinate).resolve()
    except (requests.RequestException, RuntimeError) as error:
        raise DownloadFailed(f"{jar.coordinate} did not arrive from Maven Central: {error}") from error
    if _sha256(path) != jar.sha256:
        raise DownloadFailed(f"{jar.coordinate} is not the file that {LOCK.name} names: its SHA-256 differs")
    path.replace(folder / jar.filename)


def _artifact(maven: MavenContext, coordinate: str) -> Artifact:
    group, artifact, version = coordinate.split(":")
    return maven.project(group, artifact).at_version(version).artifact()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _resolve(maven: MavenContext) -> Iterator[Artifact]:
    """The roots and everything they need at run time."""
    roots = [maven.create_dependency(coordinate) for coordinate in ROOTS]
    yield from (_artifact(maven, coordinate) for coordinate in ROOTS)
    yield from (node.dep.artifact for node in maven.resolver.get_dependency_list(roots)[1])


def _lock() -> None:
    with TemporaryDirectory() as cache:
        artifacts = list(_resolve(MavenContext(repo_cache=Path(cache), timeout=60)))
        lines = [f"{a.groupId}:{a.artifactId}:{a.version} {_sha256(a.resolve())}" for a in artifacts]
    LOCK.write_text("\n".join(sorted(lines)) + "\n")


if __name__ == "__main__":
    _lock()
