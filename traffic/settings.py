"""Everything that can be set from the environment; the command's flags are made from these very fields."""

from typing import Annotated, Self

from pydantic import Field, HttpUrl, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from traffic.scenarios import Scenario
from traffic.schedule import Profile

Share = Annotated[float, Field(ge=0, le=1)]


class TrafficSettings(BaseSettings):
    """The simulator's settings. Environment names start with TRAFFIC_, for example TRAFFIC_RATE."""

    model_config = SettingsConfigDict(env_prefix="TRAFFIC_", frozen=True, populate_by_name=True)

    events: int = Field(10_000, ge=1, description="Unique good events to send.")
    invalid: Share = Field(0, description="Bad events on top, as a share of the good ones: 0.05 adds 5 %.")
    duplicates: Share = Field(0, description="Events sent a second time on top, as a share of the good ones.")
    scenario: Scenario = Field(Scenario.SHOP, description="What the events tell of.")
    seed: int | None = Field(None, description="Repeats a run: same payloads, users, order. Without it one is drawn.")

    rate: float = Field(500, gt=0, description="Events per second, everything counted, as a mean over the run.")
    profile: Profile = Field(Profile.STEADY, description="How the rate changes over the run.")
    batch: int = Field(0, ge=0, description="Events per request to /register_events; 0 sends single ones.")
    threads: int = Field(32, ge=1, description="Most requests in flight, per process.")
    processes: int = Field(1, ge=1, description="Sender processes; one manages about 3,000 requests a second.")
    retry_seconds: float = Field(60, ge=0, description="Longest retrying of a request met by 503 or by silence.")

    url: HttpUrl = Field(HttpUrl("http://127.0.0.1:8000"), description="The gateway.")
    api_key: SecretStr | None = Field(None, description="Sent as X-API-Key.")
    database_url: SecretStr = Field(
        SecretStr("postgresql://events:events@127.0.0.1:5432/events"),
        validation_alias="DATABASE_URL",
        description="PostgreSQL, where the run's events are counted.",
    )
    dashboard_url: HttpUrl = Field(HttpUrl("http://127.0.0.1:3000"), description="Grafana or the board, for the link.")
    metrics_host: str = Field("127.0.0.1", description="Address of the metrics server.")
    metrics_port: int = Field(9103, ge=0, le=65535, description="Port of the metrics server; 0 serves none.")

    verify: bool = Field(True, description="Count the events in PostgreSQL after the run.")
    drain_timeout: float = Field(300, ge=0, description="Seconds to wait for accepted events to reach the table.")
    stall_timeout: float = Field(30, ge=0, description="Seconds without any progress after which the wait ends early.")

    @property
    def gateway(self) -> str:
        return str(self.url).rstrip("/")

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries."""
        key = {"X-API-Key": self.api_key.get_secret_value()} if self.api_key else {}
        return {"User-Agent": "event-pipeline-simulator"} | key

    @model_validator(mode="after")
    def _every_sender_has_work(self) -> Self:
        if self.processes > self.events:
            raise ValueError(f"{self.processes} processes cannot share {self.events} events: start fewer")
        return self
