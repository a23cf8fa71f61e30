"""Retries in words."""

from collections.abc import Sequence
from itertools import groupby

from dispatcher.policy.wording import about

FEW = 3
"""So many equal waits in a row are said one by one."""


def in_words(delays_s: Sequence[float]) -> str:
    """`5 s, 20 s, 80 s, then every 10 h`."""
    parts: list[str] = []
    for delay, same in groupby(delays_s, about):
        times = len(list(same))
        if times < FEW:
            parts += [delay] * times
        else:
            parts.append(f"then every {delay}" if parts else f"{delay} each time")
    return ", ".join(parts)
