"""The two hot endpoints: plain ASGI callables, because most of a small request's cost is the framework around it."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any, ClassVar, Final

from loguru import logger
from starlette.types import Receive, Scope, Send

from api.admission import JSON, NDJSON, Admission, Call, RequestIds, headers_of
from api.answer import Answer
from api.batch import AT_ONCE_BYTES, parse_event, split
from api.errors import GatewayError, InternalError, Unavailable
from api.intake import Intake
from api.journal import Journal
from api.lookup import Recent
from api.metrics import ApiMetrics, HandlerMetrics, Outcome
from api.record import Arrival, Published, Receipt, Record, Result, Spooled, are_all
from api.turns import in_turns
from contract.plain import Reading


class Ingest(ABC):
    """What both endpoints share: the checks at the door, the books, the answer.

    Bodies beyond ``most_bytes`` are refused.
    """

    path: ClassVar[str]
    media_types: ClassVar[Collection[bytes]] = (JSON,)

    def __init__(
        self,
        admission: Admission,
        intake: Intake,
        recent: Recent,
        journal: Journal,
        ids: RequestIds,
        metrics: ApiMetrics,
        most_bytes: int,
    ) -> None:
        self._admission, self._intake, self._recent, self._ids = admission, intake, recent, ids
        self._journal = journal
        self._metrics, self._http = metrics, HandlerMetrics(metrics, "POST", self.path)
        self._most_bytes = most_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        self._http.begin()
        headers = headers_of(scope)
        request_id = self._ids.of(headers)
        answer = await self._answer_or_refuse(headers, request_id, receive)
        await answer.send(send, request_id)
        self._http.end(answer.status, perf_counter() - started, answer.event_id)

    @abstractmethod
    async def answer(self, call: Call, body: bytes) -> Answer:
        """Work on a request that was let in. Raises GatewayError when the whole of it is refused."""

    async def _answer_or_refuse(self, headers: dict[bytes, bytes], request_id: bytes, receive: Receive) -> Answer:
        try:
            call = self._admission.check(headers, request_id, self.media_types)
            return await self.answer(call, await self._admission.body(headers, receive, self._most_bytes))
        except GatewayError as error:
            return self.refusal(error, request_id)
        except Exception as error:  # noqa: BLE001 - the edge of a request: its bug is counted, and said
            logger.bind(request_id=request_id.decode()).opt(exception=error).error("a request failed")
            broken = InternalError("Something is broken here; the log tells more under this id.")
            return self.refusal(broken, request_id)

    def refusal(self, error: GatewayError, request_id: bytes) -> Answer:
        """Of a request as a whole."""
        self._count(type(error))
        if self._journal.on:
            self._journal.refused(request_id, error)
        return Answer.refusal(error, request_id)

    def _count(self, kind: type[Result], events: int = 1) -> None:
        self._metrics.count(kind.reason if issubclass(kind, GatewayError) else _OUTCOMES[kind], events)


class RegisterEvent(Ingest):
    """``POST /register_event``: one event, answered when Kafka or the disk has it."""

    path = "/register_event"

    async def answer(self, call: Call, body: bytes) -> Answer:
        self._admission.charge(call.key, 1)
        record = Arrival(call.request_id, call.traceparent).record(parse_event(body))
        receipt = Receipt(1)
        waited = await self._intake.wait(1) if self._intake.must_wait else 0.0
        self._intake.accept((record,), receipt, _ALONE, waited)
        (result,) = await receipt.results()
        if isinstance(result, GatewayError):
            return self.refusal(result, call.request_id)
        self._count(type(result))
        if self._journal.on:
            self._journal.answered(call.request_id, [record], [result])
        answer = Answer.of_event(record, result)
        self._recent.note(call.request_id, answer.body, 1)
        return answer


class RegisterEvents(Ingest):
    """``POST /register_events``: many events, each with a result of its own."""

    path = "/register_events"
    media_types = (JSON, NDJSON)

    def __init__(self, *shared: Any, most_events: int) -> None:
        super().__init__(*shared)
        self._most_events = most_events

    async def answer(self, call: Call, body: bytes) -> Answer:
        events = await split(body, call.media_type, self._most_events)
        self._admission.charge(call.key, len(events))
        records = await _records_or_errors(Arrival(call.request_id, call.traceparent), events, len(body))
        del body, events  # a thousand things that would crowd out what the next request needs, while this one waits
        receipt = Receipt(len(records))
        waited = await self._intake.wait(len(records)) if self._intake.must_wait else 0.0
        self._accept(records, receipt, waited)
        results = await receipt.results()
        kinds = Counter(map(type, results))
        if results and all(issubclass(kind, Unavailable) for kind in kinds):
            return self.refusal(self._refused_whole(results), call.request_id)
        self._count_all(kinds)
        if self._journal.on:
            self._journal.answered(call.request_id, records, results)
        answer = Answer.of_events(records, results)
        self._recent.note(call.request_id, answer.body, sum(kinds[kind] for kind in _OUTCOMES))
        return answer

    def _accept(self, records: Sequence[Record | GatewayError], receipt: Receipt, waited: float) -> None:
        if are_all(records, Record):
            self._intake.accept(records, receipt, range(len(records)), waited)
            return
        good = {place: record for place, record in enumerate(records) if isinstance(record, Record)}
        receipt.settle({place: error for place, error in enumerate(records) if isinstance(error, GatewayError)})
        self._intake.accept([*good.values()], receipt, [*good], waited)

    def _refused_whole(self, results: Sequence[Result]) -> GatewayError:
        """One 503 for a batch that met nothing else: a client that reads no further than the status must know."""
        errors = [result for result in results if isinstance(result, GatewayError)]
        self._count_all(Counter(map(type, errors[1:])))  # the first is counted with the answer
        return errors[0]

    def _count_all(self, kinds: Mapping[type[Result], int]) -> None:
        for kind, events in kinds.items():
            self._count(kind, events)


async def _records_or_errors(
    arrival: Arrival, events: Sequence[Reading | GatewayError], size: int
) -> Sequence[Record | GatewayError]:
    """All at once in the usual case, which is a body of no more than a megabyte whose events are all good."""
    if size <= AT_ONCE_BYTES and are_all(events, Reading):
        records = arrival.records(events)
        if records is not None:
            return records
    return await in_turns(partial(_record_or_error, arrival), events)


def _record_or_error(arrival: Arrival, event: Reading | GatewayError) -> Record | GatewayError:
    if isinstance(event, GatewayError):
        return event
    try:
        return arrival.record(event)
    except GatewayError as error:
        return error


_ALONE: Final = range(1)
_OUTCOMES: dict[type[Result], Outcome] = {Published: Outcome.PUBLISHED, Spooled: Outcome.SPOOLED}
