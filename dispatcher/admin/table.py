"""Every route there is. A resource is a module of its own, with a list of its ROUTES."""

from collections.abc import Sequence
from functools import cache

from pydantic import RootModel

from dispatcher.admin import health
from dispatcher.admin.answer import Answer
from dispatcher.admin.call import Call
from dispatcher.admin.openapi import document
from dispatcher.admin.routes import API, AnyRoute, Route, Table


class Document(RootModel[dict[str, object]]):
    """An OpenAPI document."""


def table(readiness: health.Readiness, resources: Sequence[AnyRoute]) -> Table:
    """All of them, and the one that describes them."""

    @cache
    def described() -> Answer:
        return Answer(Document(document(found.routes)))

    async def show(_call: Call[None, None]) -> Answer:
        return described()

    own = Route(
        method="GET", path=f"{API}/openapi.json", name="show_openapi", tag="about", scope="read", handler=show,
        reply=Document, summary="Show this document.",
    )  # fmt: skip
    found = Table([*health.routes(readiness), own, *resources])
    return found
