"""Everything that can be set from the environment; a wrong value stops the process at start."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from contract.kafka import KafkaSettings
from contract.logs import Level


class SpoolSettings(BaseSettings):
    """The disk buffer for times without Kafka. Environment names start with SPOOL_."""

    model_config = SettingsConfigDict(env_prefix="SPOOL_", frozen=True)

    path: Path = Field(Path("spool/events.db"), description="The spool's SQLite file; its folder is created.")
    max_bytes: int = Field(256 * 2**20, ge=4096, description="Most bytes of values the spool takes.")


class ApiSettings(BaseSettings):
    """The gateway's settings. Environment names start with API_, for example API_PORT."""

    model_config = SettingsConfigDict(env_prefix="API_", frozen=True)

    host: str = Field("127.0.0.1", description="Address the gateway listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the gateway listens on.")
    reuse_port: bool = Field(
        False,
        description="Share the port with other gateways (SO_REUSEPORT): the system spreads connections over them.",
    )
    metrics_host: str = Field("127.0.0.1", description="Address of the metrics server.")
    metrics_port: int = Field(9101, ge=0, le=65535, description="Port of the metrics server.")
    log_level: Level = Field("INFO", description="Lowest level of the process's own log.")
    log_events: bool = Field(
        False,
        description="Log a line for each event and refusal with `request_id`, `event_id` and place; each costs 20 µs.",
    )

    max_body_bytes: int = Field(262_144, ge=1024, description="Largest body of one event; larger is 413.")
    max_batch_bytes: int = Field(8 * 2**20, ge=1024, description="Largest body of a batch; larger is 413.")
    max_batch_events: int = Field(1000, ge=1, description="Most events in a batch; more is 413.")
    body_timeout_seconds: float = Field(10, gt=0, description="Longest wait for the whole body; longer is 408.")

    publisher: Literal["kafka-python", "librdkafka"] = Field(
        "kafka-python", description="The Kafka client; librdkafka needs the extra of that name."
    )
    max_inflight_events: int = Field(20_000, ge=1, description="Most events waiting for acks; more is 503.")
    max_inflight_bytes: int = Field(64 * 2**20, ge=1024, description="Most bytes waiting for acks; more is 503.")
    publish_deadline_seconds: float = Field(
        2, gt=0, description="Longest wait for an answer; a twentieth before its end the spool takes over."
    )
    shutdown_seconds: int = Field(10, ge=1, description="Longest wait for requests in flight at a stop.")

    keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Comma-separated API keys; when set, X-API-Key must hold one of them."
    )
    rate_limit_per_second: float = Field(0, ge=0, description="Events per second and key; 0 is no limit.")

    database_url: SecretStr = Field(
        SecretStr("postgresql://events:events@127.0.0.1:5432/events"),
        validation_alias="DATABASE_URL",
        min_length=1,
        description="PostgreSQL, asked only by GET /events/{event_id}.",
    )
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    spool: SpoolSettings = Field(default_factory=SpoolSettings)

    @field_validator("keys", mode="before")
    @classmethod
    def _split(cls, keys: object) -> object:
        return [key.strip() for key in keys.split(",") if key.strip()] if isinstance(keys, str) else keys
