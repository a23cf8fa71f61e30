"""The members of a JSON object as they are written: parsed and written again, numbers and spaces would be others."""

from collections.abc import Mapping
from json import JSONDecoder

DECODER = JSONDecoder(parse_int=str, parse_float=str)
SPACE = " \t\r\n"


def members(text: str) -> Mapping[str, str]:
    """Of a JSON object, by name; of a name that is there twice, the last one, as everybody reads it.

    `text` is known to be an object. Raises `RecursionError` for what is nested deeper than Python's stack.
    """
    found: dict[str, str] = {}
    at = _past_space(text, text.index("{") + 1)
    while text[at] == '"':
        name, at = DECODER.raw_decode(text, at)
        begin = _past_space(text, text.index(":", at) + 1)
        _, end = DECODER.raw_decode(text, begin)
        found[name] = text[begin:end]
        at = _past_space(text, end)
        if text[at] == ",":
            at = _past_space(text, at + 1)
    return found


def _past_space(text: str, at: int) -> int:
    while text[at] in SPACE:
        at += 1
    return at
