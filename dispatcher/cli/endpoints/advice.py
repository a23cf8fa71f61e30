"""What an operator types next, where something is not as it should be."""

from datetime import datetime

from dispatcher.cli.endpoints.wording import is_parked
from dispatcher.model import Reason, State
from dispatcher.store.session import Row

URL_OR_SETTING = {
    Reason.INVALID_URL: "--url URL",
    "invalid_headers": "--header 'NAME: VALUE'",
    "invalid_api_key": "--api-key @FILE",
}


def advice(row: Row, now: datetime) -> list[tuple[str, str]]:
    """Commands, each with what it is for."""
    number = row["endpoint_id"]
    test = (f"dispatcher endpoint test {number}", "sends one request, in any state, and shows what comes back")
    activate = (f"dispatcher endpoint activate {number}", "sends it events")
    if row["state"] == State.INACTIVE:
        return [test, activate]
    if row["state"] == State.PAUSED:
        return [(f"dispatcher endpoint resume {number}", "sends what is held, and what comes")]
    if row["state"] == State.DISABLED:
        if option := URL_OR_SETTING.get(row["state_reason"] or ""):
            return [(f"dispatcher endpoint update {number} {option}", ""), test, activate]
        return [test, activate, dead(number)]
    if is_parked(row, now) or row["failing_since"] is not None:
        return [test, dead(number)]
    return []


def dead(number: int) -> tuple[str, str]:
    return f"dispatcher delivery list --endpoint {number} --state dead", "what was given up"
