"""One attempt, from delivery to settlement: compose, send, judge. It writes nothing."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog

from dispatcher.model import Answer, Delivery, NoReply, Outcome, Reason, Reply, Request, Settlement
from dispatcher.policy.lane import Lane
from dispatcher.policy.verdict import Deferred, Terms, conclude, judge

log = structlog.get_logger()


class Sender(Protocol):
    async def post(self, request: Request, deadline_s: float) -> Reply | NoReply: ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """A settlement, and how long the receiver asked us to wait."""

    settlement: Settlement
    retry_after_s: float | None = None


class Deliver:
    """Whatever the event, the endpoint or the receiver is, the answer is a settlement.

    `terms` are for an endpoint that has none of its own, not having been made ready.
    """

    def __init__(self, sender: Sender, terms: Terms, clock: Callable[[], float]) -> None:
        self.sender = sender
        self._terms = terms
        self._clock = clock

    async def __call__(self, lane: Lane, delivery: Delivery) -> Attempt:
        """Make the attempt. Raises nothing; a cancelled attempt leaves its delivery as it was, to be sent again."""
        if not delivery.event.type:
            # Its event is no longer stored: there is nothing to send, and the delivery says so.
            return Attempt(Settlement(delivery, Outcome.EXPIRED, Reason.EXPIRED, requested=False, spent=False))
        started = self._clock()
        try:
            answer = await self._ask(lane, delivery)
        except Exception as error:
            # A bug of ours must not become a lost delivery, nor stop the others.
            log.exception("attempt.failed", delivery_id=delivery.id, endpoint_id=delivery.endpoint_id)
            answer = NoReply(Reason.INTERNAL, type(error).__name__)
        terms = lane.recipient.terms if lane.recipient else self._terms
        verdict = judge(answer, datetime.now(UTC), terms.success)
        settlement = conclude(
            delivery,
            answer,
            verdict,
            terms,
            max_attempts=lane.endpoint.max_attempts,
            spin=random.random(),  # noqa: S311 jitter, not a secret
            duration_ms=round((self._clock() - started) * 1000),
        )
        return Attempt(settlement, verdict.retry_after_s if isinstance(verdict, Deferred) else None)

    async def _ask(self, lane: Lane, delivery: Delivery) -> Answer:
        if lane.recipient is None:
            return NoReply(Reason.INTERNAL, "the endpoint was not made ready")
        request = lane.recipient.request(delivery.event, int(time.time()), datetime.now(UTC))
        if isinstance(request, NoReply):
            return request
        return await self.sender.post(request, lane.endpoint.timeout_s)
