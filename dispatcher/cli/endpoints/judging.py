"""What only the configuration knows of an endpoint: where its URL may lead, and what holds where it says nothing."""

from typing import Any

from dispatcher.cli.promises.known import Known
from dispatcher.daemon.values import egress
from dispatcher.errors import Refused
from dispatcher.policy.ground import Ground
from dispatcher.policy.urls import structure
from dispatcher.store.session import Row

HINT = "a URL that section [egress] of the configuration and the endpoint's profile allow"
SETTINGS = ("timeout_s", "max_in_flight", "max_attempts")


def refuse_url(known: Known, url: str, profile: str | None) -> None:
    """Raises `Refused` for a URL on which a dispatcher of this configuration would disable the endpoint at first use.

    In its words. What is refused under any configuration is left to the schema.
    """
    if isinstance(structure(url), str):
        return
    if why := ground(known).refuse_url(url, profile):
        raise Refused("23514", "url_is_allowed", f"url is refused: {why}", HINT)


def ground(known: Known) -> Ground:
    return Ground(egress(known.settings), known.profiles)


def signs_if_asked(known: Known, row: Row) -> bool:
    """Whether it has no secret, and its requests would be signed if it had one."""
    promised = known.profiles.get(row["profile"])
    return promised is not None and promised.takes_secret and not row["has_secret"]


def in_force(known: Known, row: Row) -> dict[str, dict[str, Any]]:
    """Each setting that may be left to others: its value, and whose it is."""
    profile = known.profiles.get(row["profile"])
    made: dict[str, dict[str, Any]] = {}
    for key in SETTINGS:
        if row[key] is not None:
            made[key] = {"value": row[key], "source": "its own"}
        elif profile is not None:
            value = getattr(known.endpoint(profile), key)
            source = known.source(profile, f"endpoint.{key}")
            made[key] = {"value": value, "source": f"profile {profile.name}" if source == profile.origin else source}
        else:
            made[key] = {"value": None, "source": f"profile {row['profile']}, which is not loaded here"}
    return made
