"""What an endpoint keeps secret, as a whole: opened to be used, sealed to be kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self, cast

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
        """`change` makes another of each value and its kind. What it raises as `SealedShut` gets the column's name."""

        def of(value: str | None, kind: str, column: str) -> str | None:
            return None if value is None else _named(column, change, value, kind)

        return replace(
            self,
            secret=of(self.secret, SECRET, "secret"),
            previous_secret=of(self.previous_secret, SECRET, "previous_secret"),
            api_key=of(self.api_key, API_KEY, "api_key"),
            # What is no string is refused elsewhere, in words.
            headers=self.headers
            and {
                name: _named(f"header {name}", change, value, header(name)) if isinstance(value, str) else value
                for name, value in self.headers.items()
            },
        )


def _named(column: str, change: Callable[[str, str], str], value: str, kind: str) -> str:
    try:
        return change(value, kind)
    except SealedShut as error:
        raise SealedShut(f"{column} {error}") from None


def opened(endpoint: Endpoint, keyring: Keyring | None) -> Endpoint:
    """The endpoint with its secret values as they were given. Raises `SealedShut`, which names the column."""
    kept = plain(
        Secrets(
            endpoint.tenant, endpoint.id, endpoint.secret, endpoint.previous_secret, endpoint.api_key, endpoint.headers
        ),
        keyring,
    )
    return replace(
        endpoint,
        secret=kept.secret,
        previous_secret=kept.previous_secret,
        api_key=kept.api_key,
        headers=cast("Mapping[str, str] | None", kept.headers),
    )


def plain(kept: Secrets, keyring: Keyring | None) -> Secrets:
    """As they were given. Raises `SealedShut`, which names the column."""

    def open_one(value: str, kind: str) -> str:
        if not is_sealed(value):
            return value
        if keyring is None:
            raise SealedShut(f"is sealed with key {kid_of(value)}, and secrets.keys_file is not set")
        return keyring.open(value, kept.tenant, kept.endpoint_id, kind)

    return kept.changed(open_one)


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
