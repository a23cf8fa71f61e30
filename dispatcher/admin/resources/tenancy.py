"""Whose it is: a token that is bound to a tenant has its own, and learns nothing of the others."""

from dispatcher.admin.problems import Blame, Problem
from dispatcher.policy.tokens import Token


def asked_for(token: Token, tenant: str | None) -> str | None:
    """Whose are listed. Raises `Problem` where a token asks for another tenant's."""
    if token.tenant is None or tenant is None:
        return tenant if token.tenant is None else token.tenant
    return given(token, tenant, is_given=True)


def given(token: Token, tenant: str, *, is_given: bool) -> str:
    """Whose something new is. Raises `Problem` where a token gives another tenant's name."""
    if token.tenant is None:
        return tenant
    if is_given and tenant != token.tenant:
        blame = Blame(field="tenant", rule="token_is_of_tenant", message="it is not this token's", allowed=token.tenant)
        raise Problem("forbidden", f"this token is bound to tenant {token.tenant!r}", errors=[blame])
    return token.tenant
