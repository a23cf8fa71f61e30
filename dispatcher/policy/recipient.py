"""An endpoint made ready once: its URL judged, its keys decoded, its headers joined. Then a request costs little."""

from datetime import datetime

from dispatcher.model import Endpoint, Event, NoReply, Reason, Request
from dispatcher.policy.compose import Composer
from dispatcher.policy.egress import Egress
from dispatcher.policy.headers import refuse_headers
from dispatcher.policy.profiles import Profile
from dispatcher.policy.urls import Target, parse


class Recipient:
    """What the settings of an endpoint mean for every request to it, refusals included."""

    def __init__(self, endpoint: Endpoint, profile: Profile, egress: Egress) -> None:
        self._target = parse(endpoint.url, egress)
        self.refused_headers = refuse_headers(endpoint.headers)
        self._composer = Composer(endpoint, profile)

    def request(self, event: Event, timestamp: int, now: datetime) -> Request | NoReply:
        """The request for this event at this moment, or why there can be none."""
        if not isinstance(self._target, Target):
            return NoReply(Reason.INVALID_URL, self._target)
        return self._composer.request(event, self._target.url, timestamp, now)
