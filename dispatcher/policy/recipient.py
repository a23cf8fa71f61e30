"""An endpoint made ready once: its URL judged, its keys decoded, its headers joined. Then a request costs little."""

from dataclasses import dataclass
from datetime import datetime

from dispatcher.model import Endpoint, Event, NoReply, Reason, Request
from dispatcher.policy.compose import Composer
from dispatcher.policy.egress import Egress
from dispatcher.policy.headers import refuse_api_key, refuse_headers
from dispatcher.policy.profiles import Profile
from dispatcher.policy.sealing import Keyring, SealedShut
from dispatcher.policy.urls import Target, parse
from dispatcher.policy.verdict import Terms
from dispatcher.policy.wrapping import opened

UNKNOWN = "profile {profile!r} is not loaded; put its file back into dispatch.profiles_dir and reload"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why an endpoint gets no request at all: `state_reason` for its row, `note` for the log."""

    state_reason: str
    note: str


class Recipient:
    """What the settings of an endpoint and its profile mean for every request to it, refusals included.

    `terms` are those on which its replies are judged and its deliveries tried again; `fault` is what of ours stands in
    the way of every request, if anything does: then its deliveries wait.
    """

    def __init__(
        self, endpoint: Endpoint, profile: Profile | None, egress: Egress, terms: Terms, keyring: Keyring | None = None
    ) -> None:
        self.terms = terms
        self.refused: Refused | None = None
        self.fault: NoReply | None = None
        if profile is None:
            self.fault = NoReply(Reason.INTERNAL, UNKNOWN.format(profile=endpoint.profile))
            return
        self._target = target(endpoint.url, profile, egress)
        try:
            plain = opened(endpoint, keyring)
        except SealedShut as error:
            self.fault = NoReply(Reason.SECRET, str(error))
            return
        self.refused = _refused(plain)
        self._composer = Composer(plain, profile)

    def request(self, event: Event, timestamp: int, now: datetime) -> Request | NoReply:
        """The request for this event at this moment, or why there can be none."""
        if self.fault is not None:
            return self.fault
        if not isinstance(self._target, Target):
            return NoReply(Reason.INVALID_URL, self._target)
        if self.refused is not None:
            return NoReply(Reason.INTERNAL, f"{self.refused.state_reason}: {self.refused.note}")
        return self._composer.request(event, self._target.url, timestamp, now)


def target(url: str, profile: Profile, egress: Egress) -> Target | str:
    """Where to, or why not. The operator's rules speak first: no profile widens them."""
    found = parse(url, egress)
    return (profile.refuse_url(found.scheme) or found) if isinstance(found, Target) else found


def _refused(endpoint: Endpoint) -> Refused | None:
    if note := refuse_headers(endpoint.headers):
        return Refused("invalid_headers", note)
    if endpoint.api_key is not None and (note := refuse_api_key(endpoint.api_key)):
        return Refused("invalid_api_key", note)
    return None
