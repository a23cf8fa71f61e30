"""Who changed what: a line for each change, after it was made."""

from collections.abc import Mapping

import structlog

from dispatcher.admin.answer import Answer
from dispatcher.admin.routes import AnyRoute
from dispatcher.policy.tokens import Token

log = structlog.get_logger()

SILENT = frozenset({"secret", "previous_secret", "api_key", "headers", "data", "context", "token"})
"""Of these only the names are said, whatever a handler gives."""


def note(route: AnyRoute, token: Token, peer: str, answer: Answer) -> None:
    before = {name: old for name, (old, _) in answer.changed.items() if name not in SILENT}
    after = {name: new for name, (_, new) in answer.changed.items() if name not in SILENT}
    log.info(
        "operation.performed",
        operation=route.name,
        by_token_id=token.id,
        by_token=token.name,
        by_tenant=token.tenant,
        peer=peer,
        **ids(answer.on),
        changed=sorted(answer.changed),
        before=before or None,
        after=after or None,
    )


def ids(on: Mapping[str, object]) -> dict[str, object]:
    """What was acted on, as fields of their own names."""
    return {name: value for name, value in on.items() if name.endswith(("_id", "_ids"))}
