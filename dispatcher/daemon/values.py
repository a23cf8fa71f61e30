"""The settings, as the floors below want them."""

from dispatcher.config import Settings
from dispatcher.model import Endpoint
from dispatcher.pipeline.directory import Defaults
from dispatcher.policy.backoff import Backoff
from dispatcher.policy.breaker import Breaker
from dispatcher.policy.egress import Egress
from dispatcher.policy.profiles import STANDARD
from dispatcher.policy.recipient import Recipient
from dispatcher.policy.verdict import Terms
from dispatcher.store.retention import Keep
from dispatcher.transport.sender import Sender


def egress(settings: Settings) -> Egress:
    given = settings.egress
    return Egress.of(
        allow_http=given.allow_http,
        allow_networks=given.allow_networks,
        allow_hosts=given.allow_hosts,
        deny_networks=given.deny_networks,
        deny_hosts=given.deny_hosts,
        ports=given.ports,
    )


def sender(settings: Settings) -> Sender:
    return Sender(egress(settings), ca_file=settings.egress.ca_file)


def breaker(settings: Settings) -> Breaker:
    given = settings.breaker
    disable_after_s = given.disable_after_h * 3600
    return Breaker(given.park_after, given.park_base_s, given.park_cap_s, disable_after_s=disable_after_s)


def defaults(settings: Settings) -> Defaults:
    given = settings.endpoint
    return Defaults(given.timeout_s, given.max_in_flight, given.max_attempts)


def terms(settings: Settings) -> Terms:
    given = settings.endpoint
    backoff = Backoff(given.backoff_base_s, given.backoff_factor, given.backoff_cap_s, given.jitter)
    return Terms(backoff, settings.dispatch.hold_days * 86400, settings.retention.replies)


def keep(settings: Settings) -> Keep:
    given = settings.retention
    return Keep(given.events_days, given.attempts_days, given.keys_days)


class Recipients:
    """Makes an endpoint ready to be sent to, under the rules of the day."""

    def __init__(self, settings: Settings) -> None:
        self._egress = egress(settings)

    def __call__(self, of: Endpoint) -> Recipient:
        return Recipient(of, STANDARD, self._egress)
