"""The document: OpenAPI 3.1, made from the routes and their models."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from dispatcher import __version__
from dispatcher.admin.body import LARGEST
from dispatcher.admin.once import HEADER, KEY, REPEATED
from dispatcher.admin.parameters import PARAMETERS
from dispatcher.admin.problems import CONTENT_TYPE, KINDS, ProblemDetails
from dispatcher.admin.routes import AnyRoute

Json = dict[str, Any]

REFERENCE = "#/components/schemas/{model}"
TITLE = "dispatcher"
DESCRIPTION = """Webhooks straight from Postgres: the HTTP API of a dispatcher.

Every request under /api/v1 shows a token: `Authorization: Bearer whd_…` (`dispatcher token create`). A token bound to a
tenant sees and touches that tenant's alone: all else is not there. What goes wrong is said as problem+json (RFC 9457).
A token has 50 requests a second."""
SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "Made by `dispatcher token create`. Scopes: read, operate, admin; each includes those before.",
    }
}
ANY = {
    400: "It cannot be understood: the query, the JSON, a header.",
    405: "There is no such method here.",
    421: "The Host header is not one that is answered to.",
    500: "A fault of the dispatcher; its log has more under `id`.",
}
"""What every route can answer."""
SHOWN = {
    401: "No token that counts was shown.",
    403: "The token's scope does not reach that far, or the request comes from a page of another site.",
    429: "More requests than a token has, or too many wrong tokens.",
    503: "The database is away, or busy for too long.",
}
"""What every route can that takes a token."""
WRITING = {408: "The body did not arrive in time.", 413: f"The body has more than {LARGEST:,} bytes.", 415: "Not JSON."}
WITH_BODY = {422: "A field is refused: `errors` names it, and what is allowed."}
CREATING = {
    409: f"The {HEADER} was used for another request, or its first request is still under way.",
}
NAMED = {404: "It is not there, or is somebody else's."}

SECONDS: Json = {"schema": {"type": "integer", "minimum": 0}, "description": "Seconds until it is worth trying again."}
TEXT: Json = {"schema": {"type": "string"}, "required": True}
HEADERS: Mapping[int, Json] = {
    401: {
        "WWW-Authenticate": {"schema": {"type": "string"}, "description": "That a token is needed.", "required": True}
    },
    405: {"Allow": {"schema": {"type": "string"}, "description": "The methods there are.", "required": True}},
    429: {"Retry-After": {**SECONDS, "required": True}},
    503: {"Retry-After": SECONDS},
}


def document(routes: Sequence[AnyRoute]) -> Json:
    references, definitions = _schemas(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, references)
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": __version__, "description": DESCRIPTION, "license": LICENSE},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {"schemas": definitions, "securitySchemes": SCHEMES},
    }


LICENSE = {"name": "Apache-2.0", "identifier": "Apache-2.0"}

Model = tuple[type[Any], JsonSchemaMode]
"""As pydantic has it: a model and whether it is read or written."""


def _schemas(routes: Iterable[AnyRoute]) -> tuple[Mapping[Model, Json], Json]:
    wanted: dict[Model, None] = {(ProblemDetails, "serialization"): None}
    for route in routes:
        wanted |= {(route.body, "validation"): None} if route.body else {}
        wanted |= {(route.reply, "serialization"): None} if route.reply else {}
    references, schema = models_json_schema(list(wanted), ref_template=REFERENCE)
    definitions: Json = schema["$defs"]
    return references, definitions


def _operation(route: AnyRoute, references: Mapping[Model, Json]) -> Json:
    operation: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "security": [{"token": []}] if route.scope else [],
        "responses": {str(route.status): _success(route, references), **_failures(route, references)},
    }
    if description := _described(route):
        operation["description"] = description
    if parameters := [*_of_path(route), *_of_query(route), *_of_creation(route)]:
        operation["parameters"] = parameters
    if route.body is not None:
        schema = references[route.body, "validation"]
        operation["requestBody"] = {
            "required": route.needs_body,
            "content": {"application/json": {"schema": schema}},
        }
    return operation


def _described(route: AnyRoute) -> str:
    scope = f"Scope: {route.scope}." if route.scope else ""
    return " ".join(part for part in (route.description, scope) if part)


def _success(route: AnyRoute, references: Mapping[Model, Json]) -> Json:
    found: Json = {"description": "Done."}
    if route.reply is not None:
        found["content"] = {"application/json": {"schema": references[route.reply, "serialization"]}}
    if route.is_creating:
        of_repeat = "It was done before: this is what was answered then."
        found["headers"] = {name: {"schema": {"const": v}, "description": of_repeat} for name, v in REPEATED.items()}
    return found


def statuses(route: AnyRoute) -> dict[int, str]:
    """Every status but success that a route can answer with, and what it means."""
    found = dict(ANY)
    found |= SHOWN if route.scope else {}
    found |= WRITING if route.writes else {}
    found |= WITH_BODY if route.body else {}
    found |= NAMED if route.names else {}
    found |= CREATING if route.is_creating else {}
    found |= route.errors or {}
    return dict(sorted(found.items()))


def _failures(route: AnyRoute, references: Mapping[Model, Json]) -> Json:
    content = {CONTENT_TYPE: {"schema": references[ProblemDetails, "serialization"]}}
    known = {status for status, _ in KINDS.values()}
    failures = {status: what for status, what in statuses(route).items() if status in known}
    return {
        str(status): {
            "description": what,
            "content": content,
            **({"headers": HEADERS[status]} if status in HEADERS else {}),
        }
        for status, what in failures.items()
    }


def _of_path(route: AnyRoute) -> Iterable[Json]:
    for name in route.names:
        parameter = PARAMETERS[name]
        schema = dict(parameter.schema)
        yield {"name": name, "in": "path", "required": True, "schema": schema, "description": parameter.description}


def _of_query(route: AnyRoute) -> Iterable[Json]:
    if route.query is None:
        return
    schema = route.query.model_json_schema(ref_template=REFERENCE)
    for name, of_field in schema.get("properties", {}).items():
        plain = _without_null(of_field)
        parameter = {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": plain}
        plain.pop("title", None)
        if description := plain.pop("description", None):
            parameter["description"] = description
        yield parameter


def _without_null(schema: Json) -> Json:
    """A query cannot say null: it leaves the parameter out."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    rest = {key: value for key, value in schema.items() if key != "anyOf" and not (key == "default" and value is None)}
    if not kinds:
        return rest
    return {**kinds[0], **rest} if len(kinds) == 1 else {"anyOf": kinds, **rest}


def _of_creation(route: AnyRoute) -> Iterable[Json]:
    if route.is_creating:
        yield {
            "name": HEADER,
            "in": "header",
            "required": False,
            "schema": {"type": "string", "pattern": f"^{KEY.pattern}$"},
            "description": "Of your choice, for a day: a request that comes again with it is not carried out again.",
        }
