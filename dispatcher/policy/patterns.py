"""Event types and patterns, as the schema has them: what names none would match nothing, silently."""

import re

TYPE = r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*"
PATTERN = rf"(\*|{TYPE}(\.\*)?)"
LONGEST_TYPE, LONGEST_PATTERN = 128, 130


def is_type(text: str) -> bool:
    return len(text) <= LONGEST_TYPE and re.fullmatch(TYPE, text) is not None


def is_pattern(text: str) -> bool:
    return text == "*" or is_type(text.removesuffix(".*"))
