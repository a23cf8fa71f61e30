"""What went wrong, in a line for each problem, on stderr."""

import re
import sys

from dispatcher.errors import DispatcherError, Refused
from dispatcher.observe.printable import printable
from dispatcher.observe.redact import redact

ADVICE = re.compile(
    r"(allowed: |did you mean |(use|give|leave|choose|change|run|only|there|use) |webhooks\.|dispatcher )"
)
"""How a hint begins that is a sentence of its own; the others say what is allowed."""


def worded(error: DispatcherError) -> str:
    """An error for people; what the schema refuses, in its own words."""
    if not isinstance(error, Refused):
        return str(error)
    return f"{error.message}; {'' if ADVICE.match(error.hint) else 'allowed: '}{error.hint}"


def complain(message: str) -> None:
    for line in message.splitlines():
        said = redact(printable(line).encode("utf-8", "backslashreplace")).decode()
        print(f"dispatcher: {said}", file=sys.stderr)  # noqa: T201 the one way to say so
