"""Every key with its default and what is allowed; `config/dispatcher.toml` says the same, with reasons."""

import errno
import re
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from dispatcher.policy.place import place
from dispatcher.policy.proxy import Proxy

HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_]([a-z0-9_-]{0,62}))*")
DSN_FORM = "postgresql://user@host:5432/database"
DSN_FILES = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl"})


def _dsn(value: str) -> str:
    if value in {"", "embedded"} or value.startswith("embedded:/"):
        return value
    if value.startswith("embedded:"):
        raise ValueError("the folder of an embedded database is an absolute path: embedded:/var/lib/…")
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 reading it is the check
    except ValueError:
        raise ValueError(f"has no readable host or port; the form is {DSN_FORM}") from None
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ValueError(f"is not a URL of Postgres; the form is {DSN_FORM}, or: embedded")
    if parts.fragment:
        raise ValueError("has a # in it; percent-encode what is special in a user or password: %23 for #, %40 for @")
    for name, file in parse_qsl(parts.query):
        if name in DSN_FILES:
            try:
                _readable(file)
            except ValueError as error:
                raise ValueError(f"its {name}: {error}") from None
    return value


def _network(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError as error:
        raise ValueError(f"{error}; a network is written 10.0.0.0/8 or fd00::/8") from None


def _host(value: str) -> str:
    lowered = value.lower().rstrip(".")
    if not HOST.fullmatch(lowered):
        raise ValueError("is not a host name such as hooks.example.com or *.example.com")
    return lowered


def _listen(value: str) -> str:
    place(value)
    return value


def _name(value: str) -> str:
    try:
        return str(ip_address(value.strip("[]")))
    except ValueError:
        pass
    name = _host(value)
    if name.startswith("*"):
        raise ValueError("is a pattern; a Host is named as a whole, such as hooks.example.com")
    return name


def _proxy(value: str) -> str:
    if value:
        Proxy.of(value)
    return value


def _readable(value: str) -> str:
    # Opened, not asked about: permissions, folders nobody may enter, a certificate in the place of its path.
    if value:
        try:
            # A pipe would be waited for.
            if Path(value).is_fifo():
                raise OSError(errno.EINVAL, "a pipe")  # noqa: TRY301 said as what else cannot be read
            with Path(value).open("rb"):
                pass
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "no path"
            raise ValueError(f"it must be the path of a file that can be read ({why})") from None
    return value


Network = Annotated[str, AfterValidator(_network)]
Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, Field(ge=1, le=65535)]
File = Annotated[str, AfterValidator(_readable)]
Seconds = Annotated[float, Field(gt=0, le=30 * 86400)]


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, hide_input_in_errors=True)


class Database(Section):
    dsn: Annotated[str, AfterValidator(_dsn)] = Field(default="", repr=False)
    password_file: File = ""
    synchronous_commit: Literal["on", "off", "local", "remote_write", "remote_apply"] = "on"


class Dispatch(Section):
    installation: str = Field(default="default", min_length=1, max_length=64, pattern=r"^[!-~]([ -~]*[!-~])?$")
    max_in_flight: int = Field(default=512, ge=1, le=100_000)
    max_slow: int = Field(default=2048, ge=1, le=100_000)
    max_unsettled: int = Field(default=256, ge=1, le=100_000)
    drain_s: Seconds = 35
    profile: str = Field(default="standard", min_length=1, max_length=63)
    profiles_dir: str = ""
    poll_s: Seconds = 1.0
    hold_days: float = Field(default=7, gt=0, le=3650)


class Endpoint(Section):
    max_in_flight: int = Field(default=8, ge=1, le=1000)
    timeout_s: float = Field(default=15, ge=2, le=30)
    max_attempts: int = Field(default=14, ge=1, le=100)
    backoff_base_s: Seconds = 5
    backoff_factor: float = Field(default=4, ge=1, le=100)
    backoff_cap_s: Seconds = 36_000
    jitter: float = Field(default=0.2, ge=0, le=1)


class Egress(Section):
    allow_http: bool = False
    allow_networks: tuple[Network, ...] = ()
    allow_hosts: tuple[Host, ...] = ()
    deny_networks: tuple[Network, ...] = ()
    deny_hosts: tuple[Host, ...] = ()
    ports: tuple[Port, ...] = ()
    proxy: Annotated[str, AfterValidator(_proxy)] = Field(default="", repr=False)
    ca_file: File = ""


class Breaker(Section):
    park_after: int = Field(default=5, ge=1, le=10_000)
    park_base_s: Seconds = 30
    park_cap_s: Seconds = 3600
    disable_after_h: float = Field(default=120, gt=0, le=87_600)


class Admin(Section):
    listen: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8480"
    allow_remote: bool = False
    allow_hosts: tuple[Annotated[str, AfterValidator(_name)], ...] = ()


class Retention(Section):
    events_days: float = Field(default=30, ge=1, le=366)
    attempts_days: float = Field(default=30, ge=1, le=366)
    keys_days: float = Field(default=7, gt=0, le=3650)
    replies: Literal["failures", "all", "none"] = "failures"


class Secrets(Section):
    keys_file: File = ""


class Log(Section):
    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"
    attempts: Literal["all", "failures"] = "all"


class Settings(Section):
    """The whole configuration, understood. Sections and keys are those of the file."""

    database: Database = Database()
    dispatch: Dispatch = Dispatch()
    endpoint: Endpoint = Endpoint()
    egress: Egress = Egress()
    breaker: Breaker = Breaker()
    admin: Admin = Admin()
    retention: Retention = Retention()
    secrets: Secrets = Secrets()
    log: Log = Log()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        hold, kept = self.dispatch.hold_days, self.retention.events_days
        if hold > kept:
            raise ValueError(
                f"dispatch.hold_days is {hold:g}, above retention.events_days, {kept:g}: what is held keeps its event, "
                "which would outlive its time; lower the one or raise the other"
            )
        return self

    @model_validator(mode="after")
    def _is_reached_as_it_is_meant_to(self) -> Self:
        where = place(self.admin.listen)
        if where is not None and not where.is_of_this_machine and not self.admin.allow_remote:
            raise ValueError(
                f"admin.listen is {self.admin.listen!r}, which other machines can reach: the API speaks no TLS, so "
                "listen on 127.0.0.1 behind a proxy that ends it, or set admin.allow_remote = true"
            )
        return self
