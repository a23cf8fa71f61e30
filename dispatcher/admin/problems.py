"""What is wrong with a request, as RFC 9457 has it: every kind there is, and how one is said."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel, Field

CONTENT_TYPE = "application/problem+json"

KINDS = {
    "malformed": (400, "The request cannot be understood"),
    "unauthenticated": (401, "A token is needed"),
    "forbidden": (403, "This token may not do that"),
    "cross-site": (403, "Requests from other sites are refused"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "There is no such method here"),
    "too-slow": (408, "The request did not arrive in time"),
    "conflict": (409, "That does not go with how things stand"),
    "too-large": (413, "The body is too large"),
    "not-json": (415, "The body has to be JSON"),
    "unknown-host": (421, "This is not the host that was asked for"),
    "refused": (422, "What was given is refused"),
    "key-reused": (409, "The Idempotency-Key was used for another request"),
    "too-many": (429, "Too many requests"),
    "internal": (500, "Something is wrong on this side"),
    "unavailable": (503, "That cannot be done right now"),
}
"""By name: status and title. The name is part of the URN that programs may rely on."""


class Blame(BaseModel):
    """A field that is to blame. `rule` names what it breaks, `allowed` says what would do."""

    field: str
    rule: str
    message: str
    allowed: str | None = None


class ProblemDetails(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(description="A stable name of the kind of problem: urn:dispatcher:problem:not-found.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status, once more.")
    detail: str = Field(description="What happened, to what, and what to do.")
    errors: list[Blame] | None = Field(default=None, description="The fields that are to blame, if any are.")
    id: str | None = Field(default=None, description="What our log has more to say about.")


class Problem(Exception):
    """Raised anywhere below the frame, which answers with it. `kind` is one of KINDS."""

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        errors: Sequence[Blame] = (),
        headers: Mapping[str, str] | None = None,
        id: str | None = None,  # noqa: A002 the word in the answer
        closes: bool = False,
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.errors, self.id = kind, detail, errors, id
        self.headers = headers or {}
        self.closes = closes
        """Whether what is left of the request is not worth reading."""

    @property
    def status(self) -> int:
        return KINDS[self.kind][0]

    @property
    def body(self) -> bytes:
        status, title = KINDS[self.kind]
        details = ProblemDetails(
            type=f"urn:dispatcher:problem:{self.kind}",
            title=title,
            status=status,
            detail=self.detail,
            errors=list(self.errors) or None,
            id=self.id,
        )
        return details.model_dump_json(exclude_none=True).encode()
