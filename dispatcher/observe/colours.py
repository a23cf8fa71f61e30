"""Colours that can be read on a dark and on a light ground: of the 256, those in the middle of the scale."""

import os

GREY, RED, GREEN, ORANGE, BLUE, PURPLE = 244, 160, 28, 166, 32, 133

LEVELS = {"debug": GREY, "info": BLUE, "warning": ORANGE, "error": RED, "critical": RED, "key": GREY}


def wanted(fd: int) -> bool:
    """Whether colours make sense there: a terminal that is not dumb, and nobody said NO_COLOR."""
    return is_terminal(fd) and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False


def paint() -> dict[str, str]:
    """The escape sequence for each level and for keys."""
    return {name: f"\x1b[38;5;{number}m" for name, number in LEVELS.items()}
