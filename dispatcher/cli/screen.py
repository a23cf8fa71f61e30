"""Where the commands that show something while it happens print: rich where it is a terminal, plain lines elsewhere."""

import shutil
import sys
from collections.abc import Callable, Iterable

from rich.console import Console
from rich.text import Text

from dispatcher.observe import colours
from dispatcher.observe.printable import printable

GOOD, BAD, WARN, DIM, NAME = (
    f"color({number})" for number in (colours.GREEN, colours.RED, colours.ORANGE, colours.GREY, colours.BLUE)
)

Span = str | tuple[str, str]
"""Text, or text and its style."""

Line = list[Span]


class Screen:
    """Prints lines at once, safe whatever is in them. `gone` is called when nobody reads them any more."""

    def __init__(self, gone: Callable[[], None] = lambda: None) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._gone = gone
        self._is_gone = False

    @property
    def rows(self) -> int:
        return shutil.get_terminal_size().lines

    @property
    def columns(self) -> int:
        return self._console.width

    @property
    def is_terminal(self) -> bool:
        return self._console.is_terminal

    def line(self, *spans: Span) -> None:
        """One line, cut at the edge of a terminal."""
        self._print(spans, wraps=False)

    def text(self, *spans: Span) -> None:
        """As many lines as it takes: for what a person may want to copy whole."""
        self._print(spans, wraps=True)

    def whole(self, *spans: Span) -> None:
        """One line, never cut: for what strangers wrote, and a person may want to copy."""
        made = put_together(spans)
        self._guarded(lambda: self._console.print(made, soft_wrap=True))

    def raw(self, line: bytes) -> None:
        """A line as it is, for programs."""
        self._guarded(lambda: sys.stdout.write(line.decode()))

    def _print(self, spans: tuple[Span, ...], *, wraps: bool) -> None:
        made = put_together(spans, wraps=wraps)
        if wraps or not self._console.is_terminal:
            self._guarded(lambda: self._console.print(made, soft_wrap=True))
        else:
            self._guarded(lambda: self._console.print(made, no_wrap=True, overflow="ellipsis"))

    def _guarded(self, write: Callable[[], object]) -> None:
        if self._is_gone:
            return
        try:
            write()
            sys.stdout.flush()
        except OSError:
            self._is_gone = True
            self._gone()


def put_together(spans: Iterable[Span], *, wraps: bool = False) -> Text:
    """The spans in their styles, with nothing in them that could command a terminal."""
    made = Text()
    for span in spans:
        text, style = (span, "") if isinstance(span, str) else span
        made.append(printable(text, lines=wraps), style)
    return made
