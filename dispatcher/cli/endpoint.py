"""`dispatcher endpoint`: where events go, and how it goes there."""

from typing import Annotated

import typer

from dispatcher.cli.endpoints import options as settings
from dispatcher.cli.options import (
    After,
    AsJson,
    Config,
    EndpointId,
    EndpointIds,
    Limit,
    OfStates,
    OfTenant,
)
from dispatcher.cli.options import event_type as typed

endpoint = typer.Typer(name="endpoint", help="Endpoints: where events go, and how it goes there.")

Url = Annotated[str, typer.Argument(metavar="URL", help="Where to, such as https://example.com/hook.")]


@endpoint.callback()
def _about() -> None:
    """Endpoints: where events go, and how it goes there."""


@endpoint.command("list")
def list_all(
    context: typer.Context,
    *,
    tenant: OfTenant = None,
    state: OfStates = None,
    event_type: Annotated[
        str | None,
        typer.Option(
            "--type", metavar="TYPE", parser=typed, help="Subscribed to events of this type, such as order.paid."
        ),
    ] = None,
    limit: Limit = 50,
    after: After = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """List them, each with what its last request came to."""
    from dispatcher.cli.endpoints import listing  # noqa: PLC0415 rule 3

    filters = listing.Filters(tenant, state or None, event_type)
    listing.list_all(config or context.obj, filters, limit, after, as_json=as_json)


@endpoint.command()
def show(context: typer.Context, endpoint_id: EndpointId, *, config: Config = None, as_json: AsJson = False) -> None:
    """Show all of one: its settings and where they come from, how it stands, and what to do."""
    from dispatcher.cli.endpoints import showing  # noqa: PLC0415 rule 3

    showing.show_one(config or context.obj, endpoint_id, as_json=as_json)


@endpoint.command()
def create(  # noqa: PLR0913 an option each
    context: typer.Context,
    url: Url,
    *,
    types: settings.Types = None,
    tenant: Annotated[
        str | None, typer.Option(metavar="T", help="Whose it is. [default: the tenant of no name]")
    ] = None,
    name: settings.Name = None,
    profile: settings.Profile = None,
    secret: settings.Secret = None,
    api_key: settings.ApiKey = None,
    header: settings.Header = None,
    timeout_s: settings.TimeoutS = None,
    max_in_flight: settings.MaxInFlight = None,
    max_attempts: settings.MaxAttempts = None,
    rate_limit: settings.RateLimit = None,
    ordered: settings.Ordered = None,
    filter_: settings.Filter = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Create one; prints its id, and its secret, once."""
    from dispatcher.cli.endpoints import changing  # noqa: PLC0415 rule 3
    from dispatcher.cli.endpoints.given import Given  # noqa: PLC0415 rule 3

    given = Given(
        url, types, tenant, name, profile, secret, api_key, header, timeout_s, max_in_flight, max_attempts, rate_limit,
        ordered, filter_,
    )  # fmt: skip
    changing.create(config or context.obj, given, as_json=as_json)


@endpoint.command()
def update(  # noqa: PLR0913 an option each
    context: typer.Context,
    endpoint_id: EndpointId,
    *,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where to, from the next attempt on.")] = None,
    types: settings.Types = None,
    add_type: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="One more, beside those that it has.")
    ] = None,
    remove_type: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="One fewer, as it was written.")
    ] = None,
    name: settings.Name = None,
    profile: settings.Profile = None,
    secret: settings.Secret = None,
    api_key: settings.ApiKey = None,
    header: settings.Header = None,
    timeout_s: settings.TimeoutS = None,
    max_in_flight: settings.MaxInFlight = None,
    max_attempts: settings.MaxAttempts = None,
    rate_limit: settings.RateLimit = None,
    ordered: settings.Ordered = None,
    filter_: settings.Filter = None,
    unset: settings.Unset = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Change what is given, and nothing else. Types, headers and secret replace those it has; see rotate-secret."""
    from dispatcher.cli.endpoints import changing  # noqa: PLC0415 rule 3
    from dispatcher.cli.endpoints.given import Given  # noqa: PLC0415 rule 3

    given = Given(
        url, types, None, name, profile, secret, api_key, header, timeout_s, max_in_flight, max_attempts, rate_limit,
        ordered, filter_, unset or (),
    )  # fmt: skip
    changing.update(config or context.obj, endpoint_id, given, add_type or (), remove_type or (), as_json=as_json)


@endpoint.command()
def delete(
    context: typer.Context,
    endpoint_ids: EndpointIds,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Delete them; what is open for them is cancelled, their history stays. Asks first."""
    from dispatcher.cli.endpoints import moving  # noqa: PLC0415 rule 3

    moving.delete(config or context.obj, endpoint_ids, yes=yes, as_json=as_json)


@endpoint.command()
def activate(
    context: typer.Context, endpoint_ids: EndpointIds, *, config: Config = None, as_json: AsJson = False
) -> None:
    """Send events to inactive and disabled ones."""
    from dispatcher.cli.endpoints import moving  # noqa: PLC0415 rule 3

    moving.move(config or context.obj, "activate", endpoint_ids, as_json=as_json)


@endpoint.command()
def pause(context: typer.Context, endpoint_ids: EndpointIds, *, config: Config = None, as_json: AsJson = False) -> None:
    """Hold what active ones would be sent, until they are resumed."""
    from dispatcher.cli.endpoints import moving  # noqa: PLC0415 rule 3

    moving.move(config or context.obj, "pause", endpoint_ids, as_json=as_json)


@endpoint.command()
def resume(
    context: typer.Context, endpoint_ids: EndpointIds, *, config: Config = None, as_json: AsJson = False
) -> None:
    """Send paused ones what was held, and what comes."""
    from dispatcher.cli.endpoints import moving  # noqa: PLC0415 rule 3

    moving.move(config or context.obj, "resume", endpoint_ids, as_json=as_json)


@endpoint.command("test")
def send_test(
    context: typer.Context,
    endpoint_id: EndpointId,
    *,
    event_type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="The catalogue's example of it. [default: webhook.ping]"),
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Do not wait for what comes back.")] = False,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Send one test, in any state, and show what came back. Exits with 1 unless it was delivered."""
    from dispatcher.cli.endpoints import testing  # noqa: PLC0415 rule 3

    testing.test(config or context.obj, endpoint_id, event_type, waits=not no_wait, as_json=as_json)


@endpoint.command("rotate-secret")
def rotate_secret(
    context: typer.Context,
    endpoint_id: EndpointId,
    *,
    secret: settings.Secret = None,
    overlap: settings.Overlap = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Give one another secret, printed once; the former one signs, too, for a while."""
    from dispatcher.cli.endpoints import changing  # noqa: PLC0415 rule 3

    span = settings.DAY if overlap is None else overlap
    changing.rotate(config or context.obj, endpoint_id, secret, span, as_json=as_json)
