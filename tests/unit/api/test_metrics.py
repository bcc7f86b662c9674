"""Labels of the gateway's metrics have no value that nothing counts."""

import re
from pathlib import Path

import pytest

from api.metrics import Outcome, ProducerError, Rejection

API = Path(__file__).parents[3] / "api"


@pytest.mark.parametrize("value", [*Outcome, *Rejection, *ProducerError], ids=repr)
def test_every_value_of_a_label_is_given_somewhere(value: Outcome | Rejection | ProducerError) -> None:
    member = f"{type(value).__name__}.{value.name}"
    users = [path for path in API.rglob("*.py") if re.search(rf"\b{member}\b", path.read_text())]
    assert users, f"nothing ever counts {member}"
