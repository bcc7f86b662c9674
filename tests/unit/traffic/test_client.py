import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.traffic.gateway import Answer as Http
from tests.unit.traffic.gateway import Call, Gateway, accepted, refusal, register, result
from traffic.client import MOST_PAUSE_SECONDS, Client, Outcome
from traffic.encoding import dump
from traffic.metrics import Answer
from traffic.plan import Item, Kind
from traffic.settings import TrafficSettings


def event() -> Item:
    event_id = str(uuid4())
    return Item(Kind.EVENT, event_id, dump({"event_id": event_id, "event_type": "page.viewed", "user_id": "ä"}))


def flaw(deserves: int = 422) -> Item:
    event_id = str(uuid4())
    return Item(Kind.FLAW, event_id, dump({"event_id": event_id}), flaw="user_id missing", deserves=deserves)


class Pauses(list[float]):
    """The pauses a client makes; they take no time, and stop the run after ``most``."""

    def __init__(self, most: int = 100) -> None:
        self._most = most

    def __call__(self, seconds: float) -> bool:
        self.append(seconds)
        return len(self) > self._most


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


class Sending:
    """Clients of one gateway, closed at the end."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._clients: list[Client] = []

    def __call__(self, *items: Item, pauses: Pauses | None = None, **settings: Any) -> tuple[list[Outcome], list[str]]:
        pauses = Pauses() if pauses is None else pauses
        client = Client(TrafficSettings(**{"url": self._url} | settings), pauses)
        self._clients.append(client)
        return client.deliver(list(items))

    def close(self) -> None:
        for client in self._clients:
            client.close()


@pytest.fixture
def send(gateway: Gateway) -> Iterator[Sending]:
    with closing(Sending(gateway.url)) as sending:
        yield sending


def test_an_accepted_event_is_published(send: Sending, gateway: Gateway) -> None:
    item = event()
    assert send(item) == ([Outcome(Kind.EVENT, item.event_id, Answer.PUBLISHED)], [])
    (call,) = gateway.calls
    assert (call.path, call.body) == ("/register_event", item.body)
    assert call.headers["content-type"] == "application/json"


def test_the_key_is_sent_when_there_is_one(send: Sending, gateway: Gateway) -> None:
    send(event(), api_key="s3cret")
    send(event())
    assert [call.headers.get("x-api-key") for call in gateway.calls] == ["s3cret", None]


def test_a_spooled_event_is_told_apart(send: Sending, gateway: Gateway) -> None:
    item = event()
    gateway.answers(accepted(item.event_id, 202))
    assert send(item)[0][0].answer is Answer.SPOOLED


def test_a_bad_event_refused_with_the_status_it_deserves_is_refused_as_expected(send: Sending) -> None:
    assert send(flaw(422))[0][0].answer is Answer.REFUSED


def test_a_bad_event_refused_with_another_status_is_unexpected(send: Sending) -> None:
    ((outcome,), _) = send(flaw(400))
    assert outcome.answer is Answer.UNEXPECTED
    assert outcome.surprise == "user_id missing was refused with 422: problem 422; /user_id: bad"


def test_a_bad_event_that_is_accepted_is_unexpected(send: Sending, gateway: Gateway) -> None:
    item = flaw()
    gateway.answers(accepted(item.event_id))
    ((outcome,), _) = send(item)
    assert outcome.answer is Answer.UNEXPECTED
    assert outcome.surprise == "user_id missing was accepted, not refused with 422"


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422, 500])
def test_a_good_event_that_is_refused_is_unexpected_and_not_sent_again(
    send: Sending, gateway: Gateway, status: int
) -> None:
    gateway.answers(refusal(status))
    outcomes, retries = send(event())
    assert (outcomes[0].answer, retries) == (Answer.UNEXPECTED, [])
    assert f"a good event was refused with {status}" in outcomes[0].surprise


def test_an_event_accepted_under_another_id_is_unexpected(send: Sending, gateway: Gateway) -> None:
    gateway.answers(accepted(str(uuid4())))
    assert send(event())[0][0].answer is Answer.UNEXPECTED


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"{}", b""])
def test_an_answer_that_cannot_be_read_is_unexpected(send: Sending, gateway: Gateway, content: bytes) -> None:
    gateway.answers(Http(201, content))
    ((outcome,), _) = send(event())
    assert outcome.answer is Answer.UNEXPECTED
    assert "unreadable answer" in outcome.surprise


@pytest.mark.parametrize(
    "trouble", [None, refusal(502), refusal(503), refusal(504), refusal(429), Http(503, b"<html>")]
)
def test_trouble_is_survived_by_sending_the_same_event_id_again(
    send: Sending, gateway: Gateway, trouble: Http | None
) -> None:
    gateway.answers(trouble, trouble)
    item = event()
    outcomes, retries = send(item)
    assert outcomes == [Outcome(Kind.EVENT, item.event_id, Answer.PUBLISHED)]
    assert len(retries) == 2
    assert gateway.event_ids == [item.event_id] * 3


def test_pauses_grow_and_have_a_limit(send: Sending, gateway: Gateway, pauses: Pauses) -> None:
    gateway.answers(*[refusal(503)] * 12)
    send(event(), pauses=pauses)
    assert len(pauses) == 12
    assert 0.1 <= pauses[0] < 0.2 < pauses[2] < pauses[5]
    assert MOST_PAUSE_SECONDS <= max(pauses) <= 1.25 * MOST_PAUSE_SECONDS


def test_a_pause_is_as_long_as_the_gateway_asks(send: Sending, gateway: Gateway, pauses: Pauses) -> None:
    gateway.answers(refusal(503, Retry_After="7"))
    send(event(), pauses=pauses)
    assert len(pauses) == 1
    assert 7 <= pauses[0] <= 7 * 1.25


@pytest.mark.parametrize("trouble", [None, refusal(502), refusal(504)])
def test_without_any_clear_answer_the_outcome_is_unknown(send: Sending, gateway: Gateway, trouble: Http | None) -> None:
    gateway.behaviour = lambda _: trouble
    outcomes, retries = send(event(), retry_seconds=0)
    assert (outcomes[0].answer, retries) == (Answer.UNKNOWN, [])


def test_an_event_turned_away_to_the_end_is_unexpected(send: Sending, gateway: Gateway) -> None:
    gateway.behaviour = lambda _: refusal(503)
    ((outcome,), _) = send(event(), pauses=Pauses(most=2))
    assert outcome.answer is Answer.UNEXPECTED


def test_being_turned_away_after_silence_leaves_the_outcome_unknown(send: Sending, gateway: Gateway) -> None:
    gateway.answers(None, *[refusal(503)] * 10)
    ((outcome,), retries) = send(event(), pauses=Pauses(most=2))
    assert outcome.answer is Answer.UNKNOWN
    assert retries == ["no answer (ConnectionError)", "status 503"]


def test_a_gateway_that_is_gone_is_silence() -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        with closing(Sending(f"http://127.0.0.1:{unused.getsockname()[1]}")) as send:
            outcomes, _ = send(event(), pauses=Pauses(most=0))
    assert outcomes[0].answer is Answer.UNKNOWN


def test_a_batch_has_an_outcome_for_each_event(send: Sending, gateway: Gateway) -> None:
    items = [event(), flaw(), event()]
    outcomes, _ = send(*items, batch=3)
    assert [(outcome.event_id, outcome.answer) for outcome in outcomes] == [
        (items[0].event_id, Answer.PUBLISHED),
        (items[1].event_id, Answer.REFUSED),
        (items[2].event_id, Answer.PUBLISHED),
    ]
    assert gateway.calls[0].path == "/register_events"
    assert gateway.calls[0].headers["content-type"] == "application/x-ndjson"


def test_only_what_a_batch_left_open_is_sent_again(send: Sending, gateway: Gateway) -> None:
    items = [event(), event(), event()]

    def second_has_no_room(call: Call) -> Http:
        answers = [register(line) for line in call.body.split(b"\n")]
        if len(answers) == 3:
            answers[1] = refusal(503)
        return Http(200, {"results": [{"index": index} | result(answer) for index, answer in enumerate(answers)]})

    gateway.behaviour = second_has_no_room
    outcomes, retries = send(*items, batch=3)
    assert {outcome.event_id for outcome in outcomes} == {item.event_id for item in items}
    assert {outcome.answer for outcome in outcomes} == {Answer.PUBLISHED}
    assert retries == ["status 503"]
    assert json.loads(gateway.calls[1].body)["event_id"] == items[1].event_id


def test_a_refused_batch_is_a_refusal_of_every_event(send: Sending, gateway: Gateway) -> None:
    gateway.answers(refusal(413))
    outcomes, _ = send(event(), event(), batch=2)
    assert [outcome.answer for outcome in outcomes] == [Answer.UNEXPECTED] * 2


@pytest.mark.parametrize("indices", [[0], [1, 0], [0, 1, 2]])
def test_results_that_do_not_match_the_batch_are_unexpected(
    send: Sending, gateway: Gateway, indices: list[int]
) -> None:
    items = [event(), event()]
    results = [{"index": index, "status": "published", "event_id": items[0].event_id} for index in indices]
    gateway.answers(Http(200, {"results": results}))
    assert [outcome.answer for outcome in send(*items, batch=2)[0]] == [Answer.UNEXPECTED] * 2
