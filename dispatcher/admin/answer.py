"""What a handler gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Answer:
    """The reply's body, and what the audit log is to say of a change.

    `on`: the ids of what was changed, such as {"endpoint_id": 7}. `changed`: before and after of each field; of what is
    secret give None for both, so that only its name is said.
    Bytes are JSON that is written already.
    `kept`: instead of the body, what is remembered under an Idempotency-Key, for a route that has `again`.
    """

    body: BaseModel | bytes | None = None
    on: Mapping[str, object] = field(default_factory=dict)
    changed: Mapping[str, tuple[object, object]] = field(default_factory=dict)
    kept: Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    """Another than the route's; None is the usual."""
    is_dry: bool = False
    """Nothing was changed, only looked at: there is nothing to audit."""
