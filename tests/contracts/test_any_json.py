"""Whatever Postgres takes for `json` arrives under every contract as it was written, and is signed as it arrives."""

import asyncio

from hypothesis import example, given, settings

from tests.contracts.receivers import CONTRACTS, STANDARD
from tests.contracts.webhooks import a_pair, a_secret, hook, send
from tests.support.daemon import daemon
from tests.support.eventually import eventually
from tests.support.json_texts import texts

EXAMPLES = 100


async def test_any_json_arrives_byte_for_byte_and_its_signature_verifies(database, db, receiver, authority):
    hooks = {"/pair": (STANDARD, (await hook(db, STANDARD, receiver.url("/pair"), secret=a_pair()))[1])}
    for contract in CONTRACTS:
        given_secret = None if contract.signature == "none" else a_secret()
        path = f"/{contract.profile}"
        hooks[path] = contract, (await hook(db, contract, receiver.url(path), secret=given_secret))[1]

    async def all_take(text: str) -> None:
        receiver.requests.clear()
        sent = await send(db, data=text, context=text)
        await eventually(lambda: len(receiver.requests) == len(hooks), within=10)
        got = {request.path: request for request in receiver.requests}
        wrong = {path: contract.complaints(got[path], sent, secret) for path, (contract, secret) in hooks.items()}
        assert wrong == {path: [] for path in hooks}

    loop = asyncio.get_running_loop()

    @settings(max_examples=EXAMPLES, database=None)
    @given(texts)
    @example('{"a":1,"a":2,"n":1e400,"big":123456789012345678901234567890,"s":"\\ud800\\u0000 \\/ \U0001f642"}')
    @example(' "}" ')
    @example('{"signature":"sha256=0"}')
    def arrives(text: str) -> None:
        asyncio.run_coroutine_threadsafe(all_take(text), loop).result(60)

    # In a process of its own: hypothesis minds, while it makes examples, that a dispatcher throws dice beside it.
    async with daemon(database.dsn, egress__ca_file=authority.ca_file, log__attempts="failures"):
        await asyncio.to_thread(arrives)
