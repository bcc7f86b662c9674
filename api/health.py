"""Two questions that differ: does the process answer, and can it take events."""

from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from api.intake import Intake
from api.spool import Spool


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """``checks`` names each thing the answer rests on, and its state in words."""

    status: Literal["ready", "not_ready"]
    checks: dict[str, str]


def health_routes(intake: Intake, spool: Spool) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/healthz", summary="Does the process answer?")
    async def healthz() -> Health:
        return Health()

    @router.get(
        "/readyz", summary="Can it take events?", responses={503: {"model": Readiness, "description": "Not now"}}
    )
    async def readyz(response: Response) -> Readiness:
        checks = {
            "kafka": intake.kafka,
            "spool": f"holds {len(spool)} records" + ("" if spool.has_room else ": full"),
        }
        if intake.can_take:
            return Readiness(status="ready", checks=checks)
        response.status_code = 503
        return Readiness(status="not_ready", checks=checks)

    return router
