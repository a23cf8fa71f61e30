"""Text from strangers, safe on a terminal."""

import unicodedata

UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories that can move the cursor, colour, reverse or hide text, or that no terminal can show."""


def printable(text: str, *, lines: bool = False) -> str:
    """The text with everything that could command a terminal written as an escape; `lines` lets line breaks through."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _is_safe(char) or (lines and char == "\n") else _escape(char) for char in text)


def _is_safe(char: str) -> bool:
    return unicodedata.category(char) not in UNSAFE


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
