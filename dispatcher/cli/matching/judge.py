"""Whether an endpoint would get an event, or why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dispatcher.model import State
from dispatcher.store.matching import Said
from dispatcher.store.session import Row


class Why(StrEnum):
    """Why an endpoint would not get the event."""

    INACTIVE = "inactive"
    DISABLED = "disabled"
    NO_PATTERN = "no pattern matches"
    FILTER_SAYS_NO = "filter says no"
    FILTER_CANNOT_SAY = "filter cannot be evaluated on this data"
    FILTER_TOO_SLOW = "filter takes too long on this data"


@dataclass(frozen=True, slots=True)
class Judged:
    """`held`: gets it once it is resumed; `parked`: once its probe succeeds. Patterns that match, and their filters."""

    endpoint_id: int
    name: str | None
    url: str
    state: str
    state_reason: str | None
    matched: bool
    why: Why | None
    held: bool
    parked: bool
    patterns: list[str]
    filters: dict[str, Said]


def judge(each: Row, said: Mapping[str, Said]) -> Judged:
    filters = {text: said[text] for text in each["filters"]}
    why = _why(each, set(filters.values()))
    return Judged(
        endpoint_id=each["endpoint_id"],
        name=each["name"],
        url=each["url"],
        state=each["state"],
        state_reason=each["state_reason"],
        matched=why is None,
        why=why,
        held=why is None and each["state"] == State.PAUSED,
        parked=why is None and each["state"] == State.ACTIVE and each["parked"],
        patterns=each["patterns"],
        filters=filters,
    )


def _why(each: Row, said: set[Said]) -> Why | None:
    if each["state"] == State.INACTIVE:
        return Why.INACTIVE
    if each["state"] == State.DISABLED:
        return Why.DISABLED
    if not each["patterns"]:
        return Why.NO_PATTERN
    if each["unfiltered"] or Said.YES in said:
        return None
    if Said.SLOW in said:
        return Why.FILTER_TOO_SLOW
    return Why.FILTER_CANNOT_SAY if Said.UNREADABLE in said else Why.FILTER_SAYS_NO
