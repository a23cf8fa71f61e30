"""Secrets change while events flow, and no delivery fails its verification."""

import asyncio
from collections.abc import Callable
from itertools import cycle, pairwise

import pytest

from tests.contracts.receivers import MANYSENDS, STANDARD
from tests.contracts.signatures import embedded_core, signers, stripe_signed
from tests.contracts.webhooks import a_pair, a_secret, hook
from tests.support.eventually import eventually
from tests.support.keys import keys_file
from tests.support.postgres import connected
from tests.support.profiles import written
from tests.support.receiver import Received
from tests.support.sql import all_settled, insert_many, subscribe

STRIPE = """
description = "As Stripe signs"
body = '{"type":"$type","data":$data}'
[signature]
scheme = "stripe"
header = "Acme-Signature"
"""
ROTATIONS = 12


class Customer:
    """Whoever is behind a webhook: knows the secrets it was given, and turns away what none of them signed."""

    def __init__(self, verify: Callable[[Received, str], bool], secret: str) -> None:
        self._verify = verify
        self.secrets = [secret]
        self.used: list[str] = []
        self.refused: list[Received] = []

    def __call__(self, request: Received) -> int:
        used = next((secret for secret in reversed(self.secrets) if self._verify(request, secret)), None)
        self.used.append(used or "")
        if used is None:
            self.refused.append(request)
        return 200 if used else 400


def by_header(request: Received, secret: str) -> bool:
    return secret in signers(request, [secret])


def in_the_body(request: Received, secret: str) -> bool:
    try:
        return bool(embedded_core(request.body, secret))
    except ValueError:
        return False


def as_stripe(request: Received, secret: str) -> bool:
    return stripe_signed(request, secret, "acme-signature")


async def flowing(dsn: str, receiver, done: asyncio.Event) -> int:
    """Events, as fast as the slowest webhook takes them, until all rotations are done; returns how many."""
    sent = [0]
    async with connected(dsn) as db:
        while not done.is_set():
            await insert_many(db, 20)
            sent[0] += 20
            await eventually(lambda: min(len(receiver.at(path)) for path in PATHS) > sent[0] - 40)
    return sent[0]


# Where one signature is all that fits, and where a public key has to be known first, the customer says what comes next;
# elsewhere it learns of it when it is in use already, and goes by the one before until then.
CHOSEN = {"/mixed": (kind() for kind in cycle((a_secret, a_pair, a_pair))).__next__, "/manysends": a_secret}
PATHS = ("/standard", "/mixed", "/stripe", "/manysends")


async def rotate(
    db, endpoint_id: int, customer: Customer, *, chosen: Callable[[], str] | None = None, overlap: str = "1 day"
) -> None:
    secret = chosen() if chosen else None
    if secret is not None:
        customer.secrets.append(secret)
    made = await db.fetchval("select webhooks.rotate_secret($1, $2, $3::text::interval)", endpoint_id, secret, overlap)
    if secret is None:
        customer.secrets.append(made)


@pytest.mark.parametrize("at_rest", ["plain", "sealed"])
async def test_no_delivery_fails_verification_while_secrets_change_under_load(
    running, database, db, receiver, tmp_path, at_rest
):
    done = asyncio.Event()
    given = {"dispatch__profiles_dir": str(written(tmp_path, acme=STRIPE)), "log__attempts": "failures"}
    if at_rest == "sealed":
        given["secrets__keys_file"] = keys_file(tmp_path)
    async with running(**given), asyncio.TaskGroup() as tasks:
        standard = await hook(db, STANDARD, receiver.url("/standard"), max_attempts=1)
        mixed = await hook(db, STANDARD, receiver.url("/mixed"), max_attempts=1, secret=a_pair())
        stripe = await subscribe(db, receiver.url("/stripe"), profile="acme", max_attempts=1)
        manysends = await hook(db, MANYSENDS, receiver.url("/manysends"), max_attempts=1, secret=a_secret())
        ids = dict(zip(PATHS, (standard, mixed, stripe, manysends), strict=True))
        verify = dict(zip(PATHS, (by_header, by_header, as_stripe, in_the_body), strict=True))
        customers = {path: Customer(verify[path], secret) for path, (_, secret) in ids.items()}
        for path, customer in customers.items():
            receiver.judge_by(customer, path)
        flow = tasks.create_task(flowing(database.dsn, receiver, done))
        for number in range(ROTATIONS):
            for path, customer in customers.items():
                await rotate(db, ids[path][0], customer, chosen=CHOSEN.get(path))
            if number % 3:  # else the next one comes before anybody has seen this one
                await eventually(lambda: all(each.used[-1:] == each.secrets[-1:] for each in customers.values()))
        done.set()
        await flow
        await all_settled(db)
    assert {path: customer.refused for path, customer in customers.items()} == {path: [] for path in PATHS}
    assert {len(receiver.at(path)) for path in PATHS} == {flow.result()}
    for path in ("/standard", "/mixed", "/manysends"):
        orders = {tuple(signers(each, customers[path].secrets)) for each in receiver.at(path)}
        made = customers[path].secrets
        assert orders <= {(made[0],), *((new, old) for old, new in pairwise(made))}
        assert len(orders) > ROTATIONS // 2, "the load was there while they changed"


async def test_without_an_overlap_the_one_before_signs_no_more(running, db, receiver):
    """As after a leak: who has the next one beforehand misses nothing."""
    endpoint_id, secret = await hook(db, STANDARD, receiver.url(PATHS[0]), max_attempts=1)
    customer = Customer(by_header, secret)
    receiver.judge_by(customer, PATHS[0])
    async with running():
        for _ in range(ROTATIONS):
            await insert_many(db, 10)
            await rotate(db, endpoint_id, customer, chosen=a_secret, overlap="0")
            await eventually(lambda: newest_signs(db, customer))
        await all_settled(db)
    assert customer.refused == []
    assert {tuple(signers(each, customer.secrets)) for each in receiver.at(PATHS[0])} <= {
        (each,) for each in customer.secrets
    }


async def newest_signs(db, customer: Customer) -> bool:
    await insert_many(db, 1)
    await all_settled(db)
    return customer.used[-1] == customer.secrets[-1]
