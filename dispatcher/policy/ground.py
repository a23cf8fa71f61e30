"""What of the configuration decides on what may be written, and the schema cannot know."""

from dataclasses import dataclass

from dispatcher.errors import Refused
from dispatcher.policy import keys
from dispatcher.policy.egress import Egress
from dispatcher.policy.profiles import Profiles
from dispatcher.policy.recipient import target
from dispatcher.policy.sealing import Keyring, SealedShut
from dispatcher.policy.urls import Target, parse
from dispatcher.policy.wrapping import Secrets, plain


@dataclass(slots=True)
class Ground:
    """Changed by a reload, for all who hold it at once."""

    egress: Egress
    profiles: Profiles
    keyring: Keyring | None = None

    def refuse_url(self, url: str, profile: str | None) -> str | None:
        """Why a dispatcher would disable an endpoint with this URL as soon as it is used; None if it would not."""
        known = self.profiles.get(profile)
        found = parse(url, self.egress) if known is None else target(url, known, self.egress)
        return None if isinstance(found, Target) else found

    def refuse_secret(self, secret: str | None, profile: str | None) -> None:
        """Raises `Refused` for an ed25519 key whose halves do not go together."""
        known = self.profiles.get(profile)
        if known is not None and (why := keys.refuse_pair(known.signing, secret)):
            raise Refused("23514", "secret_is_given", f"secret {why}", keys.PAIR_HINT)

    def secret_of(self, kept: Secrets) -> str | None:
        """The secret as it was given; None where there is none, or no key that opens it."""
        try:
            return plain(kept, self.keyring).secret
        except SealedShut:
            return None
