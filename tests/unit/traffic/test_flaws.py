from uuid import uuid4

import pytest
from pydantic import ValidationError

from contract.codec import encode, parse
from traffic.encoding import dump
from traffic.flaws import FLAWS, WRONG_MEDIA_TYPE, Flaw

GOOD = {
    "event_id": "0190163d-8694-739b-aea5-966c26f8ad91",
    "event_type": "page.viewed",
    "user_id": "customer-1",
    "occurred_at": "2026-01-01T00:00:00Z",
    "source": "simulator/shop",
    "properties": {"message": "two\nlines"},
}


def status_by_contract(body: bytes) -> int:
    """What the gateway answers to this body, as far as the contract decides it."""
    try:
        encode(parse(body), str(uuid4()), "2026-01-01T00:00:00Z")
    except ValidationError as error:
        return 400 if error.errors()[0]["type"] == "json_invalid" else 422
    return 201


def test_the_event_that_is_spoiled_is_good() -> None:
    assert status_by_contract(dump(GOOD)) == 201


@pytest.mark.parametrize("flaw", [flaw for flaw in FLAWS if flaw is not WRONG_MEDIA_TYPE], ids=lambda flaw: flaw.name)
def test_the_contract_refuses_each_flaw_with_the_status_it_deserves(flaw: Flaw) -> None:
    assert status_by_contract(flaw.spoil(dict(GOOD))) == flaw.status


def test_a_wrong_media_type_is_the_only_fault_of_a_body_that_has_it() -> None:
    assert status_by_contract(WRONG_MEDIA_TYPE.spoil(dict(GOOD))) == 201
    assert (WRONG_MEDIA_TYPE.media_type, WRONG_MEDIA_TYPE.status) == ("text/plain", 415)


@pytest.mark.parametrize("flaw", FLAWS, ids=lambda flaw: flaw.name)
def test_a_bad_event_is_one_line_of_a_batch(flaw: Flaw) -> None:
    body = flaw.spoil(dict(GOOD))
    assert body.strip()
    assert b"\n" not in body


def test_names_are_unique() -> None:
    assert len({flaw.name for flaw in FLAWS}) == len(FLAWS)
