"""From event and endpoint to the request: headers, body, signature."""

from datetime import datetime

from dispatcher import __version__
from dispatcher.model import Endpoint, Event, NoReply, Reason, Request
from dispatcher.policy.profiles import Profile
from dispatcher.policy.signer import Signer, Unsignable

LARGEST = 1_048_576
"""Bytes of a body: data is at most 1,000,000, so this leaves room for what a profile puts round it."""

USER_AGENT = f"dispatcher/{__version__}"


class Composer:
    """Composes for one endpoint: what does not change from request to request is made ready once."""

    def __init__(self, endpoint: Endpoint, profile: Profile) -> None:
        self._profile = profile
        self._tenant = endpoint.tenant
        self._until = endpoint.previous_secret_until
        self._headers = _headers(endpoint, profile)
        self._signer: Signer | None = None
        self._fault = ""
        try:
            self._signer = _signer(endpoint, profile)
        except ValueError as error:
            self._fault = str(error)

    def request(self, event: Event, url: str, timestamp: int, now: datetime) -> Request | NoReply:
        """The request of this moment. `timestamp` is unix seconds of this attempt.

        Unsigned only where the profile allows it and the endpoint has no secret: a secret that is no key sends nothing.
        """
        if self._fault:
            return NoReply(Reason.SECRET, self._fault)
        webhook_id, body = event.webhook_id, self._profile.body(event, self._tenant)
        headers = {**self._headers, "webhook-id": webhook_id, "webhook-timestamp": str(timestamp)}
        if self._signer is not None:
            overlaps = self._until is None or now < self._until
            try:
                signed, body = self._signer.sign(webhook_id, timestamp, body, with_previous=overlaps)
            except Unsignable as error:
                return NoReply(Reason.UNSIGNABLE, str(error))
            headers |= signed
        if len(body) > LARGEST:
            return NoReply(Reason.OVERSIZE, f"the body has {len(body)} bytes, at most {LARGEST} are sent")
        return Request(url, headers, body)


def _signer(endpoint: Endpoint, profile: Profile) -> Signer | None:
    """None where nothing is signed. Raises ValueError where something should be and cannot."""
    if endpoint.secret is None and not profile.needs_secret:
        return None
    if not endpoint.secret:
        raise ValueError("the endpoint has no secret")
    return Signer(profile.signing, endpoint.secret, endpoint.previous_secret)


def _headers(endpoint: Endpoint, profile: Profile) -> dict[str, str]:
    """The headers of every request. Theirs first: whatever they contain, ours have the last word."""
    theirs = {name.lower(): value for name, value in (endpoint.headers or {}).items()}
    # What looks like our signature has to be ours, also where the endpoint has no secret and gets none.
    ours = profile.signing.header_name
    headers = {name: value for name, value in theirs.items() if name != ours and not name.startswith("webhook-")}
    if endpoint.api_key:
        headers[profile.api_key_header.lower()] = endpoint.api_key
    return headers | {
        "content-type": profile.content_type,
        "user-agent": USER_AGENT,
        "accept-encoding": "identity",
    }
