import hashlib
import re
from pathlib import Path

import pytest
from jgo.maven import MavenContext

from stack.errors import DownloadFailed
from stack.jars import Jar, bring, locked, missing

CONTENT = b"bytes of a jar"


def repository(folder: Path, content: bytes) -> MavenContext:
    """A Maven repository on disk that holds one jar, and no other anywhere."""
    place = folder / "remote" / "org" / "sample" / "thing" / "1.0"
    place.mkdir(parents=True)
    (place / "thing-1.0.jar").write_bytes(content)
    return MavenContext(repo_cache=folder / "cache", local_repos=[folder / "remote"], remote_repos={})


def jar(coordinate: str = "org.sample:thing:1.0") -> Jar:
    return Jar(coordinate, hashlib.sha256(CONTENT).hexdigest())


def test_every_line_of_the_lock_is_a_coordinate_and_a_sha256() -> None:
    for line in locked():
        assert re.fullmatch(r"[\w.-]+:[\w.-]+:[\w.-]+", line.coordinate)
        assert re.fullmatch(r"[0-9a-f]{64}", line.sha256)


def test_the_lock_names_each_jar_once() -> None:
    names = [line.filename for line in locked()]
    assert len(set(names)) == len(names)


def test_the_lock_holds_the_last_kafka_with_zookeeper() -> None:
    coordinates = {line.coordinate.rsplit(":", 1)[0]: line.coordinate.rsplit(":", 1)[1] for line in locked()}
    assert coordinates["org.apache.kafka:kafka_2.13"].startswith("3.9.")
    assert "org.apache.zookeeper:zookeeper" in coordinates


def test_a_jar_is_missing_until_its_file_is_there(tmp_path: Path) -> None:
    assert missing(tmp_path) == locked()
    (tmp_path / locked()[0].filename).touch()
    assert missing(tmp_path) == locked()[1:]


def test_a_jar_arrives_under_its_name(tmp_path: Path) -> None:
    bring(jar(), tmp_path, repository(tmp_path, CONTENT))
    assert (tmp_path / "thing-1.0.jar").read_bytes() == CONTENT


def test_an_altered_jar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"org.sample:thing:1.0 is not the file that kafka.jars names"):
        bring(jar(), tmp_path, repository(tmp_path, CONTENT + b"!"))
    assert not (tmp_path / "thing-1.0.jar").exists()


def test_a_jar_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed, match=r"org.sample:other:1.0 did not arrive"):
        bring(jar("org.sample:other:1.0"), tmp_path, repository(tmp_path, CONTENT))
