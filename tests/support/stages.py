"""The stages' statements, said by hand: for tests of what they and the functions leave behind."""

from dispatcher.store.session import Session


async def fan_out(session: Session) -> None:
    """All that waits."""
    await session.fetch("fan_out", "", 32, 1000, 0, [], [], 64, 8_000_000, [], 0)


async def settle(session: Session, delivery_id: int, outcome: str, *, version: int = 0, requested: bool = True) -> bool:
    """Whether that outcome was written: 200 if delivered, else 503, or nothing where nothing was requested."""
    reason = None if outcome == "delivered" else "http_503" if requested else outcome
    status = 200 if outcome == "delivered" else 503 if requested else None
    ended, put_off = ([], [delivery_id]) if outcome == "retrying" else ([delivery_id], [])
    rows = await session.fetch(
        "settle", [delivery_id], [version], [outcome], [1], [requested], [reason], [status], [5], [None], [60.0],
        [False], ended, put_off,
    )  # fmt: skip
    return bool(rows)
