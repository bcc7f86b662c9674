"""How every process reaches Kafka: one block of settings."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class KafkaSettings(BaseSettings):
    """Environment names start with KAFKA_, for example KAFKA_BOOTSTRAP_SERVERS."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", frozen=True)

    bootstrap_servers: str = Field(
        "127.0.0.1:9092", min_length=1, description="Comma-separated host:port list of brokers."
    )

    @property
    def servers(self) -> list[str]:
        return self.bootstrap_servers.split(",")
