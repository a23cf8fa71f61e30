"""Spans and instants as a person says them."""

from datetime import datetime


def span(seconds: float) -> str:
    """In one unit, as short as can be understood."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{max(seconds, 0.0):.1f} s"


def about(seconds: float) -> str:
    """For spans that were chosen, not measured: rounded, in the unit people would choose."""
    for unit, size, above in (("days", 86400, 48 * 3600), ("h", 3600, 120 * 60), ("min", 60, 120)):
        if seconds >= above:
            return f"{seconds / size:.{0 if size == 60 else 1}f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:.3g} s"


def instant(at: datetime, now: datetime) -> str:
    """The time of day, with its date unless that is today's."""
    return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M}"


def plural(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
