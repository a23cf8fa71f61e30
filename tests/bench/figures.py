"""What a benchmark reports: a ratio or a time, beside the one it is to be compared with."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`value` in `unit`; `aim` in words, as the project set it for itself."""

    name: str
    value: float
    unit: str
    aim: str = ""

    def __str__(self) -> str:
        return f"{self.name:58} {self.value:>9.2f} {self.unit:6} {self.aim}".rstrip()


def percentile(of: Iterable[float], share: float) -> float:
    """The value below which `share` of them lie, interpolated."""
    values = sorted(of)
    place = (len(values) - 1) * share
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Of the medians: one disturbed round says nothing."""
    return statistics.median(ours) / statistics.median(theirs)
