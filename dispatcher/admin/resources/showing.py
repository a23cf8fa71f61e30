"""An endpoint as a token may see it."""

from typing import Any

import orjson

from dispatcher.admin.call import Call
from dispatcher.admin.shapes.endpoint import Endpoint
from dispatcher.store import endpoints
from dispatcher.store.session import Row


async def current(call: Call[Any, Any]) -> Endpoint:
    """The endpoint that the path names, as it stands now."""
    return shape(call, await endpoints.read(call.session, call.path["endpoint_id"], call.tenant))


def shape(call: Call[Any, Any], row: Row) -> Endpoint:
    return Endpoint(**fields_of(call, row))


def fields_of(call: Call[Any, Any], row: Row) -> dict[str, Any]:
    fields = {**row, "id": row["endpoint_id"], "subscriptions": orjson.loads(row["subscriptions"])}
    if not call.token.allows("admin"):
        # Queries hold secrets.
        fields["url"] = row["url"].partition("?")[0]
    return fields
