"""A receiver's `Retry-After`, read with suspicion."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 86400.0
"""A day: what a receiver may ask for at the most."""

SECONDS = re.compile(r"[0-9]{1,10}", re.ASCII)
HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT", re.ASCII)


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds to wait, 0 to a day; None for anything but seconds or an HTTP-date (RFC 9110, 5.6.7 and 10.2.3)."""
    given = (value or "").strip(" \t")
    if SECONDS.fullmatch(given):
        return min(float(given), LONGEST_S)
    if not HTTP_DATE.fullmatch(given):
        return None
    try:
        at = parsedate_to_datetime(given)
    except ValueError:
        return None
    return min(max((at.astimezone(UTC) - now).total_seconds(), 0.0), LONGEST_S)
