"""What arrives: method, headers, body and signature, as each product promised them."""

from tests.contracts.receivers import CONTEXT, CONTRACTS, HELLOMATEO
from tests.contracts.webhooks import a_secret, hook, send
from tests.support.receiver import Answer, Receiver
from tests.support.sql import all_settled, attempts, insert

JSON_CONTEXT = '{"user": {"id": 7},  "zone": "Europe/Berlin"}'


async def test_a_request_is_what_its_contract_says_with_and_without_a_secret(running, db, receiver):
    hooks = {}
    for contract in CONTRACTS:
        for name, given in {"plain": None, "signed": a_secret()}.items():
            if name == "plain" or contract.signature != "none":
                path = f"/{contract.profile}/{name}"
                _, secret = await hook(db, contract, receiver.url(path), secret=given)
                assert given in {None, secret}
                hooks[path] = contract, secret
    async with running():
        sent = await send(db, context=JSON_CONTEXT)
        await all_settled(db)
    got = {path: receiver.at(path) for path in hooks}
    assert {path: len(requests) for path, requests in got.items()} == dict.fromkeys(hooks, 1)
    wrong = {
        path: found
        for path, (contract, secret) in hooks.items()
        if (found := contract.complaints(got[path][0], sent, secret))
    }
    assert wrong == {}


async def test_where_nothing_is_known_of_the_context_it_is_null(running, db, receiver):
    await hook(db, CONTEXT, receiver.url())
    async with running():
        sent = await send(db)
        await all_settled(db)
    assert b'"current_context":null' in receiver.requests[0].body
    assert CONTEXT.complaints(receiver.requests[0], sent) == []


async def test_an_api_key_is_made_on_request_and_sent_in_its_header(running, db, receiver):
    api_key = await db.fetchval("select webhooks.generate_api_key()")
    assert len(api_key) >= 43, "256 bits"
    await hook(db, CONTEXT, receiver.url(), api_key=api_key)
    async with running():
        sent = await send(db)
        await all_settled(db)
    assert CONTEXT.complaints(receiver.requests[0], sent, api_key=api_key) == []
    assert CONTEXT.complaints(receiver.requests[0], sent) != []


async def test_headers_of_the_customers_own_go_along(running, db, receiver):
    await hook(db, HELLOMATEO, receiver.url(), headers='{"Authorization": "Bearer abc", "X-Shop": "42"}')
    async with running():
        sent = await send(db, "conversation.inbound")
        await all_settled(db)
    (request,) = receiver.requests
    assert (request.headers["authorization"], request.headers["x-shop"]) == ("Bearer abc", "42")
    assert HELLOMATEO.complaints(request, sent) == []


async def test_a_customer_has_several_webhooks_each_with_the_events_it_chose(running, db, receiver):
    wanted = {}
    for contract in CONTRACTS:
        for types in ("{order.*}", "{order.paid,order.sent}", "{order.paid,order.*}", "{*}"):
            path = f"/{contract.profile}/{types}".translate(str.maketrans("{*}", "-a-"))
            await hook(db, contract, receiver.url(path), types=types)
            wanted[path] = 2 if "paid,order.s" in types else 3 if "order" in types else 4
    async with running():
        for type_ in ("order.paid", "order.sent", "order.lost.again", "contact.created"):
            await insert(db, type_)
        await all_settled(db)
    assert {path: len(receiver.at(path)) for path in wanted} == wanted


async def test_every_attempt_has_the_same_id_by_which_duplicates_are_known(running, db, receiver):
    paths = {f"/{contract.profile}": contract for contract in CONTRACTS}
    secrets = {}
    for path, contract in paths.items():
        _, secrets[path] = await hook(db, contract, receiver.url(path))
        receiver.will_answer(503, 500, path=path)
    async with running():
        sent = await send(db)
        await all_settled(db)
    for path, contract in paths.items():
        requests = receiver.at(path)
        assert [request.webhook_id for request in requests] == [f"evt_{sent.id.hex}"] * 3
        assert [contract.complaints(each, sent, secrets[path]) for each in requests] == [[]] * 3
        assert len({request.body for request in requests}) == 1


async def test_no_redirect_is_followed_and_each_is_a_failure(running, db, receiver, authority):
    ids = {}
    async with Receiver(tls=authority.issue("127.0.0.1")) as second, running():
        for contract in CONTRACTS:
            path = f"/{contract.profile}"
            there = second.url(path)
            receiver.will_answer(*(Answer(status, headers={"Location": there}) for status in (302, 307)), path=path)
            ids[path], _ = await hook(db, contract, receiver.url(path))
        await send(db)
        await all_settled(db)
        assert second.requests == []
    expected = [(1, "retrying", "redirect", 302), (2, "retrying", "redirect", 307), (3, "delivered", None, 200)]
    assert {path: await attempts(db, ids[path]) for path in ids} == dict.fromkeys(ids, expected)
