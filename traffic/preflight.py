"""What must be reachable before the first event leaves."""

from uuid import UUID

import requests
from rich.console import Console

from traffic.settings import TrafficSettings
from traffic.table import EventTable, TableUnreachable


class NotReady(Exception):
    """The run cannot begin; the message says what is wrong, where, and what to do."""


def check_gateway(settings: TrafficSettings, console: Console) -> None:
    """Raises NotReady when no gateway answers; one that is not ready itself is worth a warning only."""
    url = f"{settings.gateway}/readyz"
    with requests.Session() as session:
        session.trust_env = False
        try:
            response = session.get(url, headers=settings.headers, timeout=5)
        except requests.RequestException as error:
            raise NotReady(
                f"No gateway answers at {settings.gateway} ({type(error).__name__}).\n"
                "Start one with `make demo` or `docker compose up -d --wait`, or name another with --url."
            ) from error
    if response.status_code not in (200, 503):
        raise NotReady(f"What answers at {settings.gateway} is no gateway: GET {url} gave {response.status_code}.")
    if response.status_code == 503:
        console.print(f"The gateway is not ready, and says: {response.text[:300]}", style="yellow", markup=False)


def check_table(table: EventTable) -> None:
    """Raises NotReady when the events could not be counted afterwards."""
    try:
        table.count([str(UUID(int=0))])
    except TableUnreachable as error:
        raise NotReady(
            f"The events could not be counted: {error}\n"
            "Start the database, name another with --database-url, or send without proof: --no-verify."
        ) from error
