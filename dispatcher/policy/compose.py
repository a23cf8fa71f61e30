"""From event and endpoint to the request: headers, body, signature."""

from datetime import datetime

from dispatcher import __version__
from dispatcher.model import Endpoint, Event, NoReply, Reason, Request
from dispatcher.policy.profiles import Profile
from dispatcher.policy.signing import key_of, signature

LARGEST = 1_048_576
"""Bytes of a body: data is at most 1,000,000, so this leaves room for what a profile puts round it."""

USER_AGENT = f"dispatcher/{__version__}"


class Composer:
    """Composes for one endpoint: what does not change from request to request is made ready once."""

    def __init__(self, endpoint: Endpoint, profile: Profile) -> None:
        self._profile = profile
        self._tenant = endpoint.tenant
        self._until = endpoint.previous_secret_until
        self._fault = ""
        self._keys: list[bytes] = []
        try:
            self._keys = [key_of(secret) for secret in (endpoint.secret, endpoint.previous_secret) if secret]
        except ValueError as error:
            self._fault = str(error)
        if not self._keys and profile.needs_secret:
            self._fault = self._fault or "the endpoint has no secret"
        # Theirs first: whatever they contain, ours have the last word.
        self._headers = {name.lower(): value for name, value in (endpoint.headers or {}).items()}
        if endpoint.api_key:
            self._headers[profile.api_key_header] = endpoint.api_key
        self._headers |= {
            "content-type": profile.content_type,
            "user-agent": USER_AGENT,
            "accept-encoding": "identity",
        }

    def request(self, event: Event, url: str, timestamp: int, now: datetime) -> Request | NoReply:
        """The request of this moment; never an unsigned one. `timestamp` is unix seconds of this attempt."""
        if self._fault:
            return NoReply(Reason.SECRET, self._fault)
        body = self._profile.body(event, self._tenant)
        if len(body) > LARGEST:
            return NoReply(Reason.OVERSIZE, f"the body has {len(body)} bytes, at most {LARGEST} are sent")
        keys = self._keys if self._until is None or now < self._until else self._keys[:1]
        headers = self._headers | {
            "webhook-id": event.webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(keys, event.webhook_id, timestamp, body),
        }
        return Request(url, headers, body)
