"""What `dispatcher listen` says before anything arrives: how to have something sent here."""

from collections.abc import Iterator

from dispatcher.policy.profiles import Profile
from dispatcher.policy.signing import Scheme, Signing

CALL = "SELECT * FROM webhooks.subscribe({});"
GIVEN = {
    "name": "'listen'",
    "api_key": "webhooks.generate_api_key()",
    "headers": """'{"Authorization": "Bearer abc"}'""",
}
"""What to give to subscribe where a profile requires it."""
HTTPS_ONLY = (
    "takes https only: have something in front of this listener that ends TLS; or try a copy of it without https_only, "
    "in dispatch.profiles_dir"
)


def greeting(where: str, signing: Signing, profile: Profile | None, *, has_secret: bool) -> Iterator[tuple[str, str]]:
    """Labels and what to do. `where` is the URL of the listener."""
    is_secure = profile is not None and profile.https_only
    if is_secure:
        yield f"profile {profile.name}" if profile else "", HTTPS_ONLY
    else:
        yield "let dispatcher send", "DISPATCHER_EGRESS__ALLOW_HTTP=true"
        yield "to this machine", "DISPATCHER_EGRESS__ALLOW_HOSTS='[\"localhost\"]'"
    arguments = [f"'{'https://…' if is_secure else where}/hook'"]
    if profile:
        arguments.append(f"profile => '{profile.name}'")
        arguments += [f"{column} => {GIVEN[column]}" for column in profile.required]
    yield "then, in SQL", CALL.format(", ".join(arguments))
    if not has_secret and signing.scheme is not Scheme.NONE:
        yield "check signatures", "--secret whsec_… (subscribe returns it)"
