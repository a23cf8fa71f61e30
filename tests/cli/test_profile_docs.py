"""`dispatcher profile docs`: what a customer reads is what a dispatcher does."""

import hashlib
import hmac
import json
import re
from types import SimpleNamespace

import pytest

from dispatcher.cli.promises.contract import contract
from dispatcher.cli.promises.documenting import markdown
from dispatcher.cli.promises.known import Known
from dispatcher.config import Settings, load_profiles
from dispatcher.policy.template import NAMES
from tests.support.commands import ran, told_here
from tests.support.profiles import SHIPPED, written

OURS = """
description = "Acme, as our operators know it"
body = '{{"meta":{{"ref":"urn:$tenant:$id","price":"$$1","at":$timestamp}},"kind":"$type","data":$data{end}'
timestamp = "unix"
success = [200, 202]
required = ["name"]
{more}
[signature]
scheme = "{scheme}"
encoding = "{encoding}"
[[event_types]]
name = "order.paid"
description = "A | B was paid."
example = '{{"n": 1e400, "n": 12345678901234567890123, "s": "``` \\u00e9"}}'
"""
KEY = bytes(range(32))
SECRETS = {
    "base64": ("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", KEY),
    "utf8": ("It's a Secret to Everybody", b"It's a Secret to Everybody"),
    "hex": (KEY.hex(), KEY),
}
T = 1_700_000_000


def known(tmp_path, scheme: str = "github", encoding: str = "utf8", more: str = "", **settings: object) -> Known:
    end = ',"signature":"$signature"}' if scheme == "embedded" else "}"
    text = OURS.format(scheme=scheme, encoding=encoding, more=more, end=end)
    given = Settings.model_validate({"dispatch": {"profiles_dir": str(written(tmp_path, acme=text))}} | settings)
    return Known(given, load_profiles(given), {})


def docs(of: Known, name: str = "acme") -> str:
    return markdown(contract(of, of.named(name)))


def shipped(name: str) -> str:
    return docs(Known(Settings(), load_profiles(Settings()), {}), name)


def code(text: str, now: float = T) -> dict[str, object]:
    """What the Python in it defines, at that time."""
    (source,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    made: dict[str, object] = {}
    exec(source, made)  # noqa: S102 what customers are told to run has to run
    if "time" in made:
        made["time"] = SimpleNamespace(time=lambda: now)
    return made


@pytest.mark.parametrize("name", SHIPPED)
def test_nothing_of_it_is_for_operators_only(name):
    text = shipped(name)
    assert not re.search(r"\b(postgres|sql|dispatch\w*|profile|egress|endpoint_id|tenant|toml)\b", text, re.IGNORECASE)
    assert text.count("```") % 2 == 0
    assert "\n\n\n\n" not in text
    assert not re.search(rf"\$({'|'.join(NAMES)})", text)


def test_a_customer_of_hellomateo_reads_what_was_promised():
    text = shipped("hellomateo")
    assert "any **2xx** status within **2 s**" in text
    assert "up to 3 times, over about 105 s: after 5 s, 20 s, 80 s, each give or take 20%" in text
    assert "Redirects are never followed" in text
    assert "takes `POST` requests at an `https` URL" in text
    assert "no two webhooks of an account have the same" in text
    assert "local hosts and addresses of private networks are refused" in text
    for entry in SHIPPED["hellomateo"].event_types:
        assert f"| `{entry.name}` | {entry.description} |" in text
        assert f"### `{entry.name}`" in text


def test_a_customer_of_manysends_reads_what_was_promised():
    text = shipped("manysends")
    assert "status **200** (another 2xx does not count) within **30 s**" in text
    assert "A new webhook is inactive. Send it a test" in text
    assert "its last 87 bytes" in text
    assert '"signature": "sha256=…"' in text
    assert "only where the webhook has a secret" in text
    assert text.count("\n### ") == 18


def test_without_signatures_a_customer_is_told_of_the_api_key():
    text = shipped("context")
    assert "it is in the header `x-api-key`" in text
    assert "- Its webhook has a name." in text
    assert "webhook-signature" not in text


def test_every_member_of_a_template_is_explained_and_every_example_is_as_it_is_sent(tmp_path):
    text = docs(known(tmp_path))
    assert '| `meta.ref` | `"urn:<tenant>:<id>"`: `<id>` is the id of the event' in text
    assert '| `meta.price` | always `"$1"` |' in text
    assert "| `meta.at` | when it happened, in seconds since 1970 |" in text
    assert "| `kind` | what happened" in text
    assert "(and the member" not in text, "an id inside a longer text is not the id"
    assert '"n": 1e400,\n    "n": 12345678901234567890123,\n    "s": "``` \\u00e9"' in text
    assert "````json\n" in text
    assert "| A \\| B was paid. |" in text
    assert "status **200** or **202**" in text
    assert "Acme, as our operators" not in text


def test_the_retries_are_those_of_the_configuration(tmp_path):
    text = docs(known(tmp_path, endpoint={"max_attempts": 3, "backoff_base_s": 60, "jitter": 0}))
    assert "What failed is sent again, up to 2 times, over about 5 min: after 60 s, 4 min. After that" in text
    assert "once more, after 60 s." in docs(
        known(tmp_path, endpoint={"max_attempts": 2, "backoff_base_s": 60, "jitter": 0})
    )
    assert "What failed is not sent again." in docs(known(tmp_path, endpoint={"max_attempts": 1}))


def test_http_is_offered_only_where_the_operator_allows_it(tmp_path):
    assert "an `https` or `http` URL" in docs(known(tmp_path, egress={"allow_http": True}))
    assert "an `https` URL" in docs(known(tmp_path))
    assert "an `https` or" not in docs(known(tmp_path, egress={"allow_http": True}), "sydx")


@pytest.mark.parametrize("encoding", SECRETS)
def test_the_code_for_github_verifies_what_is_genuine_and_nothing_else(tmp_path, encoding):
    secret, key = SECRETS[encoding]
    is_from_us = code(docs(known(tmp_path, "github", encoding)))["is_from_us"]
    headers = {"x-hub-signature-256": "sha256=" + hmac.new(key, b"Hello, World!", hashlib.sha256).hexdigest()}
    assert is_from_us(secret, headers, b"Hello, World!")
    assert not is_from_us(secret, headers, b"Hello, World?")
    assert not is_from_us(secret, {}, b"Hello, World!")
    if encoding == "utf8":
        documented = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        assert headers["x-hub-signature-256"] == documented, "as GitHub has it"


@pytest.mark.parametrize("encoding", SECRETS)
def test_the_code_for_stripe_verifies_what_is_genuine_and_fresh_and_nothing_else(tmp_path, encoding):
    secret, key = SECRETS[encoding]
    text = docs(known(tmp_path, "stripe", encoding))
    right = hmac.new(key, b"%d.{}" % T, hashlib.sha256).hexdigest()
    headers = {"stripe-signature": f"t={T},v1={'0' * 64},v1={right}"}
    for away, expected in ((0, True), (300, True), (-300, True), (301, False), (-301, False)):
        assert code(text, T + away)["is_from_us"](secret, headers, b"{}") is expected
    is_from_us = code(text)["is_from_us"]
    for forged in ("", f"t={T}", f"v1={right}", f"t={T},v0={right}", f"t={T + 1},v1={right}", f"t=²,v1={right}"):
        assert not is_from_us(secret, {"stripe-signature": forged}, b"{}"), forged
    assert not is_from_us(secret, headers, b"[]")


@pytest.mark.parametrize("encoding", SECRETS)
def test_the_code_for_embedded_returns_what_was_signed_and_nothing_else(tmp_path, encoding):
    secret, key = SECRETS[encoding]
    signed_part = code(docs(known(tmp_path, "embedded", encoding)))["signed_part"]
    core = '{"id":"evt_01J9ZK8Q4T3V7X2N5B6C8D0E1F","timestamp":1700000000,"type":"user.renamed","data":{"name":"Zoë"}}'
    sealed = hmac.new(key, core.encode(), hashlib.sha256).hexdigest()
    if encoding == "base64":
        assert sealed == "433f9a26e81edac2cb12dea4ef8eff261d82ab606cb4ad9737bf01a40d49dfcd", "the known answer"
    wire = core[:-1].encode() + b',"signature":"sha256=%b"}' % sealed.encode()
    assert signed_part(secret, wire) == core.encode()
    for forged in (core.encode(), wire.replace(b"user.renamed", b"user.deleted"), wire + b"\n", wire.upper(), b""):
        assert signed_part(secret, forged) is None, forged


async def test_as_json_it_has_the_same_facts_and_the_bytes_of_each_body(tmp_path):
    known(tmp_path)
    _, made = await told_here("profile", "docs", "acme", dsn="", dispatch__profiles_dir=tmp_path)
    assert (made["profile"], made["success"], made["verification"]["scheme"]) == ("acme", [200, 202], "github")
    (entry,) = made["event_types"]
    assert entry["example"] in entry["body"]
    assert json.loads(entry["body"])["kind"] == "order.paid"
    assert len(made["retries_s"]) == 13


async def test_it_is_printed_as_it_is():
    done = await ran("profile", "docs", "manysends", plain=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == shipped("manysends")
