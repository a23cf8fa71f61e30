"""What an endpoint keeps secret, as a whole: opened to be used, sealed to be kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from dispatcher.model import Endpoint
from dispatcher.policy.sealing import API_KEY, SECRET, Keyring, SealedShut, header, is_sealed, kid_of


@dataclass(frozen=True, slots=True)
class Secrets:
    """The secret values of one row, plain or sealed. `headers` is None where there are none that can be read."""

    tenant: str
    endpoint_id: int
    secret: str | None = field(default=None, repr=False)
    previous_secret: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, object] | None = field(default=None, repr=False)

    def values(self) -> list[str]:
        given = [self.secret, self.previous_secret, self.api_key, *(self.headers or {}).values()]
        return [value for value in given if isinstance(value, str)]

    def changed(self, change: Callable[[str, str], str]) -> Self:
        """`change` makes another of each value and its kind."""

        def of(value: str | None, kind: str) -> str | None:
            return None if value is None else change(value, kind)

        return replace(
            self,
            secret=of(self.secret, SECRET),
            previous_secret=of(self.previous_secret, SECRET),
            api_key=of(self.api_key, API_KEY),
            # What is no string is refused elsewhere, in words.
            headers=self.headers
            and {
                name: change(value, header(name)) if isinstance(value, str) else value
                for name, value in self.headers.items()
            },
        )


def opened(endpoint: Endpoint, keyring: Keyring | None) -> Endpoint:
    """The endpoint with its secret values as they were given. Raises `SealedShut`."""

    def plain(value: str, kind: str) -> str:
        # What is no string among the headers is refused elsewhere, in words.
        if not isinstance(value, str) or not is_sealed(value):
            return value
        if keyring is None:
            raise SealedShut(f"{kind} is sealed with key {kid_of(value)}, and secrets.keys_file is not set")
        return keyring.open(value, endpoint.tenant, endpoint.id, kind)

    headers = endpoint.headers
    return replace(
        endpoint,
        secret=endpoint.secret and plain(endpoint.secret, SECRET),
        previous_secret=endpoint.previous_secret and plain(endpoint.previous_secret, SECRET),
        api_key=endpoint.api_key and plain(endpoint.api_key, API_KEY),
        headers=headers and {name: plain(value, header(name)) for name, value in headers.items()},
    )


def sealed(kept: Secrets, keyring: Keyring, nonce: Callable[[], bytes], *, former: bool) -> Secrets:
    """Sealed with the active key: what is plain, and, if `former`, what another key has sealed, too.

    `nonce` gives 12 fresh random bytes at each call. Raises `SealedShut`, but only if `former`.
    """

    def seal_one(value: str, kind: str) -> str:
        if is_sealed(value):
            if not former or kid_of(value) == keyring.active:
                return value
            value = keyring.open(value, kept.tenant, kept.endpoint_id, kind)
        return keyring.seal(value, kept.tenant, kept.endpoint_id, kind, nonce())

    return kept.changed(seal_one)
