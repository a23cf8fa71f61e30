"""How people name an event: by its id, or as receivers know it."""

from uuid import UUID

import typer

PREFIX = "evt_"


def event_id(given: str) -> UUID:
    """From a UUID, with hyphens or without, or a webhook-id. Raises `typer.BadParameter`."""
    text = given.strip().removeprefix(PREFIX)
    if text.isascii() and len(text) in {32, 36}:
        try:
            return UUID(text)
        except ValueError:
            pass
    raise typer.BadParameter(
        f"{given!r} is no event: write its id, such as 01993a1e-6f3b-7c2a-9b1d-2f4e8a6c0d5e, or the webhook-id, evt_…"
    )
