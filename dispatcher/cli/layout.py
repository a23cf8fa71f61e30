"""JSON laid out for eyes without reading it: every number, escape and repeated key stays as it was written."""

import re

PIECE = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\],:]|[^\s{}\[\],:"]+')
OPENING, CLOSING = frozenset("{["), frozenset("}]")
DEEPEST = 20
"""Indented no further than this: the rest would be margin."""


def laid_out(text: str) -> str:
    """A JSON text in lines, a member or an element in each."""
    parts: list[str] = []
    depth, before = 0, ""
    for piece in PIECE.findall(text):
        depth -= piece in CLOSING
        is_empty = before in OPENING and piece in CLOSING
        if not is_empty and (before in OPENING or before == "," or piece in CLOSING):
            parts.append("\n" + "  " * min(depth, DEEPEST))
        parts.append(": " if piece == ":" else piece)
        depth += piece in OPENING
        before = piece
    return "".join(parts)
