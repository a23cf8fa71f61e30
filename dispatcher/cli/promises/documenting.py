"""`dispatcher profile docs`: a contract and its event types, as customers read them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from dispatcher.cli.layout import laid_out
from dispatcher.cli.promises.contract import SAME_ID, WHEN, Contract, Part, contract
from dispatcher.cli.promises.known import read
from dispatcher.cli.promises.schedule import in_words
from dispatcher.cli.screen import Screen
from dispatcher.observe.printable import printable
from dispatcher.policy.wording import about

INTRODUCTION = """\
When something happens that a webhook asks for, we send its URL an HTTP `POST` request with the details, in JSON: one
request for each event and webhook, as soon as it has happened."""
ENDPOINT = """\
- It takes `POST` requests at {url}.
- It can be reached from the internet: local hosts and addresses of private networks are refused.
- It has no user or password before its host, and no `#`."""
ANSWERS = """\
- Answer first, work afterwards: put the event somewhere safe, answer, and take your time then.
- The body of your answer means nothing to us.
- Redirects are never followed: a 3xx is a failure like any other.
- `410` says that nobody wants these requests any more: the webhook is switched off.
- `429` and `503` may have a `Retry-After`, of at most a day: we wait so long at least."""
DUPLICATES = """\
An event can arrive more than once, since an answer can get lost on its way to us. Its `webhook-id`{id} is the same
every time: remember those that you have handled, and answer as if it were the first time.

Events can arrive in another order than they happened{order}."""


def document(config: Path | None, name: str, *, as_json: bool) -> None:
    """Raises `ConfigError`: for the configuration, or because there is no such profile."""
    known, screen = read(config), Screen()
    made = contract(known, known.named(name))
    if as_json:
        screen.raw(orjson.dumps(made.keyed, option=orjson.OPT_APPEND_NEWLINE))
    else:
        screen.raw(markdown(made).encode())


def markdown(of: Contract) -> str:
    return "\n".join(_lines(of)).rstrip() + "\n"


def _lines(of: Contract) -> Iterator[str]:
    yield "# Webhooks\n"
    yield f"{INTRODUCTION}\n"
    yield from _request(of)
    yield from _endpoint(of)
    yield from _answer(of)
    yield from _retries(of)
    yield from _duplicates(of)
    yield from _verification(of)
    yield from _event_types(of)


def _request(of: Contract) -> Iterator[str]:
    yield "## The request\n"
    headers = "\n".join(f"{name}: {value}" for name, value in of.sample_headers.items())
    yield from _code("http", f"POST /your/path HTTP/1.1\n{headers}\n\n{of.sample_body}")
    yield from _table(("header", "meaning"), of.headers)
    yield "| | any other header that the webhook was given |\n"
    yield from _table(("member of the body", "meaning"), of.members)
    yield ""


def _endpoint(of: Contract) -> Iterator[str]:
    yield "## Your endpoint\n"
    yield ENDPOINT.format(
        url="an `https` or `http` URL" if of.takes_http else "an `https` URL, with a valid certificate"
    )
    if of.unique_url:
        yield "- Its URL is its own: no two webhooks of an account have the same."
    words = {"name": "a name", "api_key": "an API key", "headers": "headers of its own"}
    if of.required:
        yield f"- Its webhook has {' and '.join(words[each] for each in of.required)}."
    yield ""
    if of.initial_state == "inactive":
        yield "A new webhook is inactive. Send it a test, see how your endpoint answers, then activate it.\n"
    types = ", or that of an event type from below with its example" if of.event_types else ""
    yield f"A test is a request like any other. Its type is `webhook.ping`{types}.\n"


def _answer(of: Contract) -> Iterator[str]:
    yield "## Your answer\n"
    yield f"Answer with {_statuses(of)} within **{about(of.timeout_s)}**. Everything else is a failure.\n"
    yield f"{ANSWERS}\n"


def _statuses(of: Contract) -> str:
    if isinstance(of.success, str):
        return "any **2xx** status"
    *others, last = (f"**{status}**" for status in of.success)
    return f"status {', '.join(others)} or {last}" if others else f"status {last} (another 2xx does not count)"


def _retries(of: Contract) -> Iterator[str]:
    yield "## Retries\n"
    if of.retries_s:
        spread = f", each give or take {of.jitter:.0%}" if of.jitter else ""
        more = len(of.retries_s)
        often = f"up to {more} times, over about {about(sum(of.retries_s))}:" if more > 1 else "once more,"
        yield f"What failed is sent again, {often} after {in_words(of.retries_s)}{spread}. After that it is given up.\n"
    else:
        yield "What failed is not sent again.\n"
    yield (
        "A webhook that fails again and again is sent less for a while; what it misses is sent later. One that has "
        f"failed without a break for {about(of.disabled_after_s)} is switched off until it is switched on again.\n"
    )


def _duplicates(of: Contract) -> Iterator[str]:
    ids = [part.name for part in of.members if part.meaning == SAME_ID]
    times = [part.name for part in of.members if part.meaning.startswith(WHEN)]
    yield "## Duplicates and order\n"
    yield DUPLICATES.format(
        id=f" (and the member `{ids[0]}`)" if ids else "",
        order=f": the member `{times[0]}` says when that was" if times else "",
    )
    yield ""


def _verification(of: Contract) -> Iterator[str]:
    how = of.verification
    yield f"## Verify the signature\n\n{how.when}\n" if how.steps else f"## Who is calling\n\n{how.when}\n"
    if how.other_code:
        yield "With a library:\n"
        yield from _code("python", how.code)
        for language, code in how.other_code.items():
            yield from _code(language, code)
        yield "By hand:\n"
    if how.steps:
        yield "\n".join(f"{number}. {step}" for number, step in enumerate(how.steps, 1)) + "\n"
    yield from (f"{remark}\n" for remark in how.remarks)
    if how.code and not how.other_code:
        yield "In Python:\n"
        yield from _code("python", how.code)


def _event_types(of: Contract) -> Iterator[str]:
    yield "## Event types\n"
    if not of.event_types:
        yield "Words joined by dots, such as `order.paid`. A webhook asks for a type (`order.paid`), for all below a"
        yield "word (`order.*`), or for all (`*`)."
        return
    yield from _table(("type", "when"), [Part(each.name, _said(each.description)) for each in of.event_types])
    yield "\nAn example of each follows. Its white space is for reading; the request above shows how a body is sent.\n"
    for each in of.event_types:
        yield f"### `{each.name}`\n\n{_said(each.description)}\n"
        yield from _code("json", laid_out(each.body))


def _table(head: tuple[str, str], parts: Sequence[Part]) -> Iterator[str]:
    yield f"| {head[0]} | {head[1]} |\n|---|---|"
    for part in parts:
        yield f"| `{part.name}` | {_escaped(part.meaning)} |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


def _said(text: str) -> str:
    """A description: whoever wrote it meant no HTML."""
    return printable(text).replace("<", "\\<")


def _code(language: str, text: str) -> Iterator[str]:
    """Fenced with more backticks than there are anywhere inside."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    yield f"{fence}{language}\n{text}\n{fence}\n"
