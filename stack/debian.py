"""Programs out of Debian's packages, unpacked into the cache: installing them would start their services."""

import subprocess
from os import pathsep
from pathlib import Path
from shutil import rmtree, which
from tempfile import mkdtemp

from stack.errors import DownloadFailed, ProgramMissing
from stack.jars import Progress


def unpacked(name: str, cache: Path) -> Path:
    """Where the package is, or will be; a folder that exists is complete."""
    return cache / f"{name}-debian"


def program(name: str, cache: Path, progress: Progress, *libraries: str) -> Path:
    """The program of the package of the same name, downloaded once with the packages of its rarer libraries.

    It finds those through ``library_path``. Raises ProgramMissing and DownloadFailed.
    """
    folder = unpacked(name, cache)
    if not folder.exists():
        _require("apt-get", "dpkg-deb", wanted=name)
        progress(f"Debian's package of {name}", 0, 1)
        cache.mkdir(parents=True, exist_ok=True)
        work = Path(mkdtemp(prefix=f"{name}-", dir=cache))
        try:
            for package in _download(work, name, *libraries):
                _run("dpkg-deb", "-x", str(package), str(work / "root"))
            _publish(work / "root", folder)
        finally:
            rmtree(work, ignore_errors=True)
    return folder / "usr" / "bin" / name


def library_path(program: Path) -> str:
    """LD_LIBRARY_PATH for a program that was unpacked with its libraries."""
    return pathsep.join(str(folder) for folder in (program.parent.parent / "lib").glob("*-linux-*"))


def _publish(complete: Path, folder: Path) -> None:
    try:
        complete.rename(folder)
    except OSError:
        if not folder.exists():  # else another stack was faster
            raise


def _require(*tools: str, wanted: str) -> None:
    for tool in tools:
        if not which(tool):
            raise ProgramMissing(
                f"{wanted} is not on the PATH, and without {tool} it cannot be fetched: install {wanted}"
            )


def _download(work: Path, *names: str) -> list[Path]:
    """Download packages with a state of apt's own below ``work``: nobody's lists are touched, nor is root needed."""
    state, cache = work / "state", work / "cache"
    for folder in (state / "lists" / "partial", cache / "archives" / "partial"):
        folder.mkdir(parents=True)
    work.chmod(0o755)
    private = (
        "-qq",
        f"-oDir::State={state}",
        f"-oDir::Cache={cache}",
        "-oDir::State::status=/var/lib/dpkg/status",
        "-oAPT::Sandbox::User=root",  # the account apt would change to may not be able to enter here
        "-oAcquire::Languages=none",
        "-oAcquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false",
    )
    # One source of many that does not answer is no obstacle; whether the package came is what counts.
    subprocess.run(["apt-get", *private, "update"], capture_output=True)  # noqa: S603, S607  no shell, fixed words
    _run("apt-get", *private, "download", *names, cwd=work)
    return sorted(work.glob("*.deb"))


def _run(*command: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)  # noqa: S603  no shell, fixed words
    if done.returncode:
        raise DownloadFailed(f"`{' '.join(command)}` failed:\n{(done.stderr or done.stdout).strip()}")
