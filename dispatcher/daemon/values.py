"""The settings, as the floors below want them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dispatcher.config import Settings, backoff_of, endpoint_of, load_profiles
from dispatcher.errors import ConfigError
from dispatcher.model import Endpoint
from dispatcher.pipeline.directory import Defaults
from dispatcher.policy.breaker import Breaker
from dispatcher.policy.egress import Egress
from dispatcher.policy.profiles import Profile, Profiles
from dispatcher.policy.proxy import Proxy
from dispatcher.policy.recipient import Recipient
from dispatcher.policy.sealing import Keyring
from dispatcher.policy.verdict import Terms
from dispatcher.store.retention import Keep
from dispatcher.transport.proxied import ProxiedSender
from dispatcher.transport.sender import Sender


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration and all that it names, read together: they change together."""

    settings: Settings
    profiles: Profiles
    keyring: Keyring | None

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """Raises `ConfigError` for what is wrong with the files that the settings name."""
        return cls(settings, load_profiles(settings), keyring(settings))


def keyring(settings: Settings) -> Keyring | None:
    """The keys for secrets at rest, read from their file; None where there is none. Raises `ConfigError`."""
    file = settings.secrets.keys_file
    if not file:
        return None
    try:
        return Keyring.read(Path(file).read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ConfigError(f"secrets.keys_file: {file}: it is not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(f"secrets.keys_file: {file}: {error.strerror}") from None
    except ValueError as error:
        raise ConfigError(f"secrets.keys_file: {file}: {error}") from None


def egress(settings: Settings) -> Egress:
    given = settings.egress
    return Egress.of(
        allow_http=given.allow_http,
        allow_networks=given.allow_networks,
        allow_hosts=given.allow_hosts,
        deny_networks=given.deny_networks,
        deny_hosts=given.deny_hosts,
        ports=given.ports,
        proxied=bool(given.proxy),
    )


def proxy(settings: Settings) -> Proxy | None:
    return Proxy.of(settings.egress.proxy) if settings.egress.proxy else None


def sender(settings: Settings) -> Sender:
    rules, ca_file = egress(settings), settings.egress.ca_file
    if through := proxy(settings):
        return ProxiedSender(rules, through, ca_file=ca_file)
    return Sender(rules, ca_file=ca_file)


def breaker(settings: Settings) -> Breaker:
    given = settings.breaker
    disable_after_s = given.disable_after_h * 3600
    return Breaker(given.park_after, given.park_base_s, given.park_cap_s, disable_after_s=disable_after_s)


def terms(settings: Settings, profile: Profile | None = None) -> Terms:
    given = endpoint_of(settings, profile)
    success = profile.success if profile else None
    return Terms(backoff_of(given), settings.dispatch.hold_days * 86400, settings.retention.replies, success)


def keep(settings: Settings) -> Keep:
    given = settings.retention
    return Keep(given.events_days, given.attempts_days, given.keys_days)


class Recipients:
    """Makes an endpoint ready to be sent to, under the rules of the day."""

    def __init__(self, rules: Rules) -> None:
        self._settings, self._profiles = rules.settings, rules.profiles
        self._egress, self._keyring = egress(rules.settings), rules.keyring
        self._terms = {name: terms(rules.settings, profile) for name, profile in rules.profiles.by_name.items()}

    def __call__(self, of: Endpoint) -> Recipient:
        profile = self._profiles.get(of.profile)
        known = self._terms[profile.name] if profile else terms(self._settings)
        return Recipient(of, profile, self._egress, known, self._keyring)

    def defaults(self, profile: str | None) -> Defaults:
        """Of an endpoint whose row says nothing: its profile's, else the configuration's."""
        given = endpoint_of(self._settings, self._profiles.get(profile))
        return Defaults(given.timeout_s, given.max_in_flight, given.max_attempts)
