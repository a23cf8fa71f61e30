"""From text to what a route takes: each thing that is wrong is named, with what is allowed."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote_to_bytes

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from dispatcher.admin.parameters import PARAMETERS
from dispatcher.admin.problems import Blame, Problem

M = TypeVar("M", bound=BaseModel)

MOST_PARAMETERS = 100
INTEGER = re.compile(r"-?[0-9]{1,19}")
NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
ENCODED = re.compile(r"%(?![0-9A-Fa-f]{2})")


def path(named: Mapping[str, str]) -> dict[str, Any]:
    """What the path names. Raises `Problem`: an id that is none names nothing."""
    found: dict[str, Any] = {}
    for name, text in named.items():
        parameter = PARAMETERS[name]
        try:
            found[name] = parameter.read(unquote_to_bytes(text).decode())
        except ValueError:  # also of bytes that are no text
            raise Problem("not-found", f"there is no {parameter.noun} of that id") from None
    return found


def query(text: str, model: type[M] | None) -> M | None:
    """What stands behind the question mark. Raises `Problem`."""
    try:
        if ENCODED.search(text):
            raise ValueError(text)  # noqa: TRY301 said as what else is not encoded
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        raise Problem("malformed", "the query of the URL is not encoded as one (UTF-8, percent-encoded)") from None
    if model is None:
        if pairs:
            raise Problem("malformed", "this takes no query", errors=[_unknown(pairs[0][0], [])])
        return None
    properties = model.model_json_schema()["properties"]
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    if nul := [name for name, value in pairs if "\0" in value]:
        blame = Blame(field=nul[0][:200], rule="is_text", message="it has a NUL in it", allowed="text without it")
        raise Problem("malformed", f"{blame.field} has a NUL in it", errors=[blame])
    values = {name: _typed(texts, properties.get(name, {})) for name, texts in given.items()}
    if twice := [n for n, v in given.items() if len(v) > 1 and not _is_list(properties.get(n, {})) and n in properties]:
        blame = Blame(field=twice[0], rule="given_once", message="it is given more than once", allowed="one value")
        raise Problem("malformed", f"{twice[0]} is given more than once", errors=[blame])
    return _checked(orjson.dumps(values), model, "malformed")


def body(raw: bytes, model: type[M] | None, *, needed: bool) -> M | None:
    """What was sent, or where that is not `needed`, what goes without saying. Raises `Problem`."""
    if model is None:
        if raw.strip() not in {b"", b"{}"}:
            raise Problem("malformed", "this takes no body")
        return None
    raw = raw if raw or needed else b"{}"
    try:
        orjson.loads(raw)  # Stricter than pydantic's: no NaN, no half of a surrogate pair, a bounded depth.
    except orjson.JSONDecodeError as error:
        what = str(error).partition(":")[0] if raw else "it is empty"
        raise Problem("malformed", f"the body is not JSON (UTF-8): {what}") from None
    return _checked(raw, model, "refused")


def _checked(raw: bytes, model: type[M], kind: str) -> M:
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        names = list(model.model_fields)
        blames = [_blame(each, names) for each in error.errors(include_url=False, include_input=False)]
        detail = "; ".join(f"{blame.field}: {blame.message}" if blame.field else blame.message for blame in blames[:5])
        raise Problem(kind, detail, errors=blames[:20]) from None


def _blame(error: ErrorDetails, names: Sequence[str]) -> Blame:
    field = ".".join(str(part) for part in error["loc"])[:200]
    if error["type"] == "extra_forbidden":
        return _unknown(field, names)
    if error["type"] == "missing":
        return Blame(field=field, rule="missing", message="it has to be given")
    message = error["msg"].removeprefix("Value error, ")
    return Blame(field=field, rule=error["type"], message=f"{message[:1].lower()}{message[1:]}")


def _unknown(field: str, names: Sequence[str]) -> Blame:
    near = get_close_matches(field, names, 1, 0.5)
    allowed = f"did you mean {near[0]}?" if near else f"known are {', '.join(names)}" if names else "none are"
    return Blame(field=field[:200], rule="unknown", message="it is not known here", allowed=allowed)


def _typed(texts: list[str], schema: Mapping[str, Any]) -> object:
    """As JSON would have it, so that a query is as strict as a body."""
    if _is_list(schema):
        return texts
    text, kinds = texts[0], _kinds(schema)
    if "integer" in kinds and INTEGER.fullmatch(text):
        return int(text) if abs(int(text)) < 2**63 else float(text)
    if "number" in kinds and NUMBER.fullmatch(text):
        return float(text)
    if "boolean" in kinds and text in {"true", "false"}:
        return text == "true"
    return text


def _kinds(schema: Mapping[str, Any]) -> set[str]:
    return {str(each.get("type")) for each in (schema, *schema.get("anyOf", ()))}


def _is_list(schema: Mapping[str, Any]) -> bool:
    return "array" in _kinds(schema)
