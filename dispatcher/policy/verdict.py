"""From what came back to what becomes of the delivery."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, assert_never

from dispatcher.model import OUR_FAULTS, Answer, Delivery, NoReply, Outcome, Reason, Reply, Settlement, http_reason
from dispatcher.policy.backoff import Backoff
from dispatcher.policy.retry_after import retry_after_s

HOPELESS = frozenset({Reason.INVALID_URL, Reason.UNSIGNABLE, Reason.OVERSIZE})
"""Reasons for which trying again would meet the same end."""

UNREQUESTED = frozenset({Reason.SECRET, *HOPELESS})
"""Reasons for which no request was made."""

OUR_PACE = 3
"""A fault of ours is tried again at the pace of a third attempt: soon enough to notice the repair, never hammering."""


@dataclass(frozen=True, slots=True)
class Accepted:
    status: int


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not this time."""

    reason: str
    status: int | None = None
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Never."""

    reason: str
    status: int | None = None


Verdict = Accepted | Deferred | Refused


def judge(answer: Answer, now: datetime, success: frozenset[int] | None = None) -> Verdict:
    """Read an answer. The status line alone decides: a body that broke off after a 2xx was still accepted.

    `success` are the statuses that count; None: every 2xx. Another 2xx is an answer like any other, tried again.
    """
    match answer:
        case NoReply(reason) if reason in HOPELESS:
            return Refused(reason)
        case NoReply(reason):
            return Deferred(reason)
        case Reply(status) if status in success if success else 200 <= status < 300:
            return Accepted(status)
        case Reply(status) if 300 <= status < 400:
            return Deferred(Reason.REDIRECT, status)
        case Reply(410):
            return Refused(Reason.GONE, 410)
        case Reply(status, retry_after) if status in {429, 503}:
            return Deferred(http_reason(status), status, retry_after_s(retry_after, now))
        case Reply(status):
            return Deferred(http_reason(status), status)
    assert_never(answer)


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a reply is judged (`success`: see `judge`) and a delivery tried again.

    `hold_s` bounds how long our own faults may keep it.
    """

    backoff: Backoff
    hold_s: float
    replies: Literal["failures", "all", "none"] = "failures"
    success: frozenset[int] | None = None


def conclude(
    delivery: Delivery,
    answer: Answer,
    verdict: Verdict,
    terms: Terms,
    *,
    max_attempts: int,
    spin: float,
    duration_ms: int,
) -> Settlement:
    """What the verdict makes of the delivery; `spin` in [0, 1) picks the jitter."""
    outcome, reason, delay_s = _ending(delivery, verdict, terms, max_attempts, spin)
    ours = reason in OUR_FAULTS or outcome is Outcome.EXPIRED
    return Settlement(
        delivery,
        outcome,
        reason,
        status=verdict.status,
        duration_ms=duration_ms,
        reply=_kept(delivery, answer, outcome, terms.replies),
        delay_s=delay_s,
        requested=reason not in UNREQUESTED and not ours,
        spent=not ours,
        note=answer.note if isinstance(answer, NoReply) else "",
    )


def _ending(
    delivery: Delivery, verdict: Verdict, terms: Terms, max_attempts: int, spin: float
) -> tuple[Outcome, str | None, float]:
    attempt = delivery.attempts + 1
    match verdict:
        case Accepted():
            return Outcome.DELIVERED, None, 0.0
        case Refused(reason):
            return Outcome.DEAD, reason, 0.0
        case Deferred(reason) if delivery.test:
            return Outcome.DEAD, reason, 0.0
        case Deferred(reason) if reason in OUR_FAULTS:
            if delivery.age_s >= terms.hold_s:
                return Outcome.EXPIRED, Reason.EXPIRED, 0.0
            return Outcome.RETRYING, reason, terms.backoff.delay_s(OUR_PACE, spin)
        case Deferred(reason) if attempt >= max_attempts:
            return Outcome.DEAD, reason, 0.0
        case Deferred(reason, _, asked_s):
            return Outcome.RETRYING, reason, max(terms.backoff.delay_s(attempt, spin), asked_s or 0.0)
    assert_never(verdict)


def _kept(
    delivery: Delivery, answer: Answer, outcome: Outcome, replies: Literal["failures", "all", "none"]
) -> bytes | None:
    """Of a test in any case, unless none are: whoever sends one wants to see what comes back."""
    is_wanted = replies == "all" or (replies == "failures" and (delivery.test or outcome is not Outcome.DELIVERED))
    return answer.body if isinstance(answer, Reply) and is_wanted else None
