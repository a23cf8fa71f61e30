"""Columns of text: as wide as what is in them, and narrower where the terminal is."""

from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size

from dispatcher.cli.screen import Line

GAP = "  "

Widths = Mapping[int, int]
"""Of each column that is shown, by its place."""


def widths(
    lines: Sequence[Sequence[str]], widest: Sequence[int], least: Sequence[int], columns: int, kept: Sequence[int]
) -> Widths:
    """As wide as what is in them, up to a bound; where that is too wide, the widest gives way first."""
    wide = {place: min(max(cell_len(line[place]) for line in lines), widest[place]) for place in kept}
    while sum(wide.values()) + len(GAP) * (len(wide) - 1) > columns:
        first = max(kept, key=lambda place: wide[place] - least[place])
        if wide[first] <= least[first]:
            break
        wide[first] -= 1
    return wide


def row(cells: Sequence[str], wide: Widths, styles: Sequence[str], right: frozenset[int] = frozenset()) -> Line:
    """One line of the table; the columns in `right` end at their right, and the last one is never cut."""
    *places, last = wide
    spans: Line = []
    for place in places:
        spans += [(_fit(cells[place], wide[place], right=place in right), styles[place]), GAP]
    text = cells[last]
    return [*spans, (" " * (wide[last] - cell_len(text)) + text if last in right else text, styles[last])]


def _fit(text: str, width: int, *, right: bool) -> str:
    """Exactly so many cells: a wide character takes two."""
    if cell_len(text) > width:
        return set_cell_size(text, max(width - 1, 0)) + "…"
    return " " * (width - cell_len(text)) + text if right else set_cell_size(text, width)
