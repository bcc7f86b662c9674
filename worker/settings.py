"""Everything that can be set from the environment; a wrong value stops the process at start."""

from os import devnull
from pathlib import Path
from typing import Any

from loguru import logger
from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from contract.kafka import KafkaSettings
from contract.logs import Level
from contract.topics import WORKER_GROUP


class EventLogSettings(BaseSettings):
    """consumer.log. Environment names start with EVENT_LOG_; sizes and ages in loguru's words."""

    model_config = SettingsConfigDict(env_prefix="EVENT_LOG_", frozen=True)

    path: Path = Field(Path("logs/consumer.log"), description="The file; its folder is created.")
    rotation: str = Field("50 MB", description="Size or age at which a new file is begun.")
    retention: int = Field(10, ge=1, description="Rotated files that are kept.")
    compression: str = Field(
        "gz",
        description="How rotated files are packed; the worker waits for all but gz.",
    )

    @field_validator("rotation", "compression")
    @classmethod
    def _in_words_loguru_knows(cls, value: str, field: ValidationInfo) -> str:
        asked: Any = {field.field_name: value}
        logger.remove(logger.add(devnull, delay=True, **asked))
        return value


class WorkerSettings(BaseSettings):
    """The worker's settings. Environment names start with WORKER_, for example WORKER_BATCH_RECORDS."""

    model_config = SettingsConfigDict(env_prefix="WORKER_", frozen=True)

    group: str = Field(WORKER_GROUP, min_length=1, description="Consumer group.")
    instance_id: str | None = Field(None, description="Static membership: a name of its own for each worker.")
    metrics_host: str = Field("127.0.0.1", description="Address of the metrics server.")
    metrics_port: int = Field(9102, ge=0, le=65535, description="Port of the metrics server.")
    log_level: Level = Field("INFO", description="Lowest level of the process's own log.")

    batch_records: int = Field(5000, ge=1, description="Most records of a batch, which is one transaction.")
    session_timeout_seconds: float = Field(10, gt=1, description="Silence after which the group drops a worker.")
    retry_max_seconds: float = Field(5, gt=0, description="Longest pause between two attempts at PostgreSQL.")
    stall_seconds: float = Field(
        30, gt=0, description="Standstill of a partition with records, or of a rebalance, before a new client is tried."
    )
    shutdown_seconds: float = Field(10, gt=0, description="Longest wait for the batch in hand at a stop.")
    dead_letter_max_run: int = Field(1000, ge=1, description="Dead letters in a row that stop the worker.")
    dead_letter_max_share: float = Field(
        0.5, gt=0, le=1, description="Share of dead letters among the last 10,000 records that stops the worker."
    )
    heartbeat_path: Path | None = Field(None, description="File touched while the worker makes progress.")

    database_url: SecretStr = Field(
        SecretStr("postgresql://events:events@127.0.0.1:5432/events"),
        validation_alias="DATABASE_URL",
        min_length=1,
        description="PostgreSQL.",
    )
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    event_log: EventLogSettings = Field(default_factory=EventLogSettings)
