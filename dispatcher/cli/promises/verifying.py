"""How a receiver verifies a signature: the steps, and code that does them."""

from dataclasses import dataclass, field

from dispatcher.policy.profiles import Profile
from dispatcher.policy.signing import Encoding, Scheme, Signing

KEYS = {
    Encoding.BASE64: "what follows `whsec_` in the secret, decoded from base64",
    Encoding.UTF8: "the whole secret as UTF-8 bytes, with whatever it begins with",
    Encoding.HEX: "the bytes that the secret spells in hexadecimal digits",
}
KEYS_IN_PYTHON = {
    Encoding.BASE64: 'base64.b64decode(secret.removeprefix("whsec_"))',
    Encoding.UTF8: "secret.encode()",
    Encoding.HEX: "bytes.fromhex(secret)",
}
RAW = "Take the body as it arrived, byte for byte: JSON that was parsed and written again is not what was signed."
CONSTANT = "Compare in constant time."
SEVERAL = f"while a secret is being replaced: one that matches is enough. {CONSTANT}"

LIBRARY_PYTHON = """\
from standardwebhooks.webhooks import Webhook  # pip install standardwebhooks

Webhook("whsec_…").verify(body, headers)  # raises an exception, unless it is from us"""
LIBRARY_JS = """\
import { Webhook } from "standardwebhooks"; // npm install standardwebhooks

new Webhook("whsec_…").verify(body, headers); // throws, unless it is from us"""

GITHUB = """\
{imports}


def is_from_us(secret: str, headers, body: bytes) -> bool:
    key = {key}
    expected = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), headers.get("{header}", "").encode())"""
STRIPE = """\
{imports}


def is_from_us(secret: str, headers, body: bytes) -> bool:
    key = {key}
    parts = [part.partition("=") for part in headers.get("{header}", "").split(",")]
    sent = next((value for name, _, value in parts if name == "t"), "")
    if not (sent.isascii() and sent.isdigit()) or abs(time.time() - int(sent)) > 300:
        return False
    expected = hmac.new(key, sent.encode() + b"." + body, hashlib.sha256).hexdigest()
    given = [value for name, _, value in parts if name == "v1"]
    return any(hmac.compare_digest(expected.encode(), value.encode()) for value in given)"""
EMBEDDED = '''\
{imports}


def signed_part(secret: str, body: bytes) -> bytes | None:
    """What to parse; None unless it is from us."""
    key = {key}
    if not re.fullmatch(rb',"signature":"sha256=[0-9a-f]{{64}}"}}', body[-87:]):
        return None
    core = body[:-87] + b"}}"
    expected = hmac.new(key, core, hashlib.sha256).hexdigest()
    return core if hmac.compare_digest(expected.encode(), body[-66:-2]) else None'''


@dataclass(frozen=True, slots=True)
class Verification:
    """`when`: which requests are signed. `code` is Python, but for what `other_code` adds."""

    scheme: str
    when: str
    steps: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    code: str = ""
    other_code: dict[str, str] = field(default_factory=dict)


def verification(profile: Profile) -> Verification:
    signing, when = profile.signing, _when(profile)
    match signing.scheme:
        case Scheme.STANDARD:
            return _standard(when)
        case Scheme.GITHUB:
            return _github(when, signing)
        case Scheme.STRIPE:
            return _stripe(when, signing)
        case Scheme.EMBEDDED:
            return _embedded(when, signing)
        case Scheme.NONE:
            return Verification(
                Scheme.NONE,
                "Requests are not signed. Give the webhook an API key and refuse requests without it: it is in the "
                f"header `{profile.api_key_header}`. Compare it in constant time, and use https, so that nobody on the "
                "way reads it.",
            )


def _when(profile: Profile) -> str:
    return (
        "Every request is signed with the secret of its webhook."
        if profile.needs_secret
        else "Every request is signed with the secret of its webhook, where it has one. Give it one: a request without "
        "a signature could be from anybody."
    )


def _standard(when: str) -> Verification:
    return Verification(
        Scheme.STANDARD,
        f"{when} The signature follows [Standard Webhooks](https://www.standardwebhooks.com), which has libraries for "
        "most languages.",
        steps=[
            "Refuse a request whose `webhook-timestamp` is more than five minutes from now.",
            f"Join `webhook-id`, `webhook-timestamp` and the body with dots: `id.timestamp.body`. {RAW}",
            f"Compute its HMAC-SHA256. The key is {KEYS[Encoding.BASE64]}.",
            (
                "Encode that in base64 and compare it with what follows `v1,` in `webhook-signature`. "
                f"There may be several, a space between two, {SEVERAL}"
            ),
        ],
        remarks=[
            (
                "If you were given a public key (`whpk_…`) instead of a secret: the signatures begin with `v1a,` "
                "and are Ed25519 signatures of the same `id.timestamp.body`."
            )
        ],
        code=LIBRARY_PYTHON,
        other_code={"js": LIBRARY_JS},
    )


def _github(when: str, signing: Signing) -> Verification:
    header = signing.header_name
    return Verification(
        Scheme.GITHUB,
        when,
        steps=[
            f"Compute the HMAC-SHA256 of the body. {RAW} The key is {KEYS[signing.encoding]}.",
            (
                "Write it as lower-case hexadecimal digits, put `sha256=` before them and compare that with the header "
                f"`{header}`. {CONSTANT}"
            ),
        ],
        remarks=[
            (
                "The signature says nothing about time: a request that was recorded can be sent again. Refuse a "
                "`webhook-id` that you have handled."
            )
        ],
        code=_code(GITHUB, signing),
    )


def _stripe(when: str, signing: Signing) -> Verification:
    return Verification(
        Scheme.STRIPE,
        when,
        steps=[
            f"Take the header `{signing.header_name}` apart, which is `t=…,v1=…`: at its commas, then at the `=`.",
            "Refuse a request whose `t`, in seconds since 1970, is more than five minutes from now.",
            f"Compute the HMAC-SHA256 of `t`, a dot and the body: `t.body`. {RAW} The key is {KEYS[signing.encoding]}.",
            f"Write it as lower-case hexadecimal digits and compare it with `v1`. There may be several, {SEVERAL}",
        ],
        code=_code(STRIPE, signing),
    )


def _embedded(when: str, signing: Signing) -> Verification:
    also = (
        "The header `webhook-signature` signs the whole body, the member `signature` included, with the same secret "
        "after [Standard Webhooks](https://www.standardwebhooks.com), and its time, too: verify with one of its "
        "libraries instead, if you prefer."
        if signing.encoding is Encoding.BASE64
        else ""
    )
    return Verification(
        Scheme.EMBEDDED,
        f"{when} The signature is the last member of the body.",
        steps=[
            (
                'See whether the body ends in `,"signature":"sha256=`, 64 lower-case hexadecimal digits and `"}`: '
                f"its last 87 bytes. {RAW}"
            ),
            "Cut them off and put a `}` in their place: what was signed.",
            f"Compute its HMAC-SHA256. The key is {KEYS[signing.encoding]}.",
            f"Write it as lower-case hexadecimal digits and compare it with the 64 of the body. {CONSTANT}",
            "Go on with what was signed: parse that, not the whole body.",
        ],
        remarks=[*([also] if also else []), "While a secret is being replaced, the member is made with the new one."],
        code=_code(EMBEDDED, signing),
    )


def _code(text: str, signing: Signing) -> str:
    key = KEYS_IN_PYTHON[signing.encoding]
    modules = [name for name in ("base64", "hashlib", "hmac", "re", "time") if f"{name}." in text + key]
    return text.format(imports="\n".join(f"import {name}" for name in modules), key=key, header=signing.header_name)
