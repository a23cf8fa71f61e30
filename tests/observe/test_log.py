import json
import logging
import re
import uuid
from dataclasses import dataclass

import pytest
import structlog

from dispatcher.model import Endpoint
from dispatcher.observe import colours
from dispatcher.observe import log as logs

ATTEMPT = {
    "event_id": "0198a0a0-0000-7000-8000-000000000000",
    "delivery_id": 7,
    "status": 503,
    "reason": "http_503",
    "next_at": None,
}


def only(text):
    lines = text.splitlines()
    assert len(lines) == 1, lines
    return json.loads(lines[0])


def test_an_entry_is_one_flat_line_of_json(written):
    entry = only(written(lambda log: log.warning("attempt.settled", **ATTEMPT)))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", entry.pop("at"))
    assert entry == {"level": "warning", "event": "attempt.settled", **ATTEMPT}


def test_at_level_and_event_come_first(written):
    assert list(only(written(lambda log: log.info("attempt.settled", **ATTEMPT))))[:3] == ["at", "level", "event"]


def test_what_is_below_the_level_is_not_written(written):
    def say(log):
        log.debug("event.fanned_out")
        log.info("attempt.settled")
        log.warning("endpoint.parked")

    assert [json.loads(line)["event"] for line in written(say, level="warning").splitlines()] == ["endpoint.parked"]


class Hostile:
    def __str__(self):
        raise RuntimeError("no")

    __repr__ = __str__


@dataclass
class Holder:
    secret: str = "whsec_planted"


VALUES = {
    "lone surrogate": "\ud800",
    "bytes": b"\xff\x00",
    "uuid": uuid.uuid4(),
    "bytes in a dict": {"a": b"x"},
    "number as key": {1: 2},
    "set": {1, 2},
    "huge number": 2**80,
    "not a number": float("nan"),
    "object": object(),
    "object that cannot be shown": Hostile(),
    "exception": ValueError("x"),
    "surrogate in a list": ["\udfff"],
    "empty": "",
    "control characters": "two\nlines\r\x1b[2J\x9b31m",
    "text that is reordered": "\u202eevil",
    "function": print,
}


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_no_value_breaks_the_log_or_the_line(written, form, value):
    text = written(lambda log: log.info("attempt.settled", value=value, after=1), form)
    assert text.count(b"\n") == 1
    assert b"attempt.settled" in text
    assert b"after" in text
    if form == "json":
        assert json.loads(text)["after"] == 1
    else:
        assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]", text)


def nest(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def test_a_value_nested_beyond_measure_is_named(written):
    assert only(written(lambda log: log.info("attempt.settled", value=nest(5000))))["value"] == "<list>"


SECRETS = [
    {"note": "signed with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
    {"note": "shown whd_7_planted-planted_planted"},
    {"note": "connect postgresql://app:planted@db.internal/app failed"},
    {"note": "host=db user=app password=planted dbname=app"},
    {"note": "host=db password='plan ted planted' dbname=app"},
    {"url": "https://example.com/hook?token=planted"},
    {"url": 'https://example.com/hook?token="planted\\planted'},
    {"url": "https://planted@example.com/hook"},
    {"url": "https://user:planted@example.com/hook"},
    {"value": Holder()},
    {"value": Endpoint(1, "", "https://x/?planted", "whsec_planted", 15, 8, 14)},
    {"value": ValueError("planted")},
]


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("fields", SECRETS, ids=range(len(SECRETS)))
def test_a_secret_that_slips_into_a_field_is_struck_out(written, form, fields):
    text = written(lambda log: log.info("attempt.settled", **fields, after=1), form)
    assert b"planted" not in text
    assert b"MfKQ" not in text
    assert b"after" in text
    if form == "json":
        json.loads(text)


def test_the_dsn_of_the_private_postgres_can_be_read(written):
    dsn = "postgresql://dispatcher@/dispatcher?host=/tmp/dispatcher-x&port=5432"
    assert only(written(lambda log: log.warning("database.embedded", dsn=dsn)))["dsn"] == dsn


def convert(whsec):
    try:
        {}["planted in the cause"]
    except KeyError as error:
        raise ValueError(f"planted in the message {whsec}") from error


def fail(log):
    try:
        convert("planted in a local")
    except ValueError:
        log.exception("attempt.failed", delivery_id=7)


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_is_its_type_and_frames_without_message_or_locals(written, form):
    text = written(fail, form)
    assert text.count(b"\n") == 1
    assert b"planted" not in text
    assert re.search(rb"ValueError: [^|]*test_log.py:\d+ convert \| from KeyError: \S*test_log.py:\d+ convert", text)


def test_an_exception_is_an_error_and_keeps_its_fields(written):
    entry = only(written(fail))
    assert (entry["level"], entry["event"], entry["delivery_id"], entry["error"]) == (
        "error", "attempt.failed", 7, "ValueError",
    )  # fmt: skip


def test_of_a_group_of_exceptions_the_first_is_followed(written):
    def fail_twice():
        raise ExceptionGroup("group", [LookupError("planted")])

    def say(log):
        try:
            fail_twice()
        except ExceptionGroup:
            log.exception("attempt.failed")

    assert re.match(r"ExceptionGroup: .* \| from LookupError", only(written(say))["traceback"])


def test_a_library_is_quoted_without_its_arguments(written):
    def say(_log):
        logging.getLogger("asyncio").error("Task failed for %s\nfuture: %s", "planted", "planted")
        logging.getLogger("aiohttp").debug("not said")

    entry = only(written(say))
    assert (entry["event"], entry["library"], entry["note"]) == ("library.reported", "asyncio", "Task failed for %s")


def test_the_line_for_eyes_is_plain_where_nobody_wants_colours(written):
    text = written(lambda log: log.info("attempt.settled", **ATTEMPT, note='say "hi"'), "console").decode()
    assert re.fullmatch(
        r"\d\d:\d\d:\d\d\.\d{3} info    attempt\.settled event_id=0198a0a0-\S+ delivery_id=7 status=503 "
        r'reason=http_503 note="say \\"hi\\""\n',
        text,
    )


def luminance(number):
    """Of a colour of xterm's 256, as WCAG 2 has it."""
    if number >= 232:
        rgb = [8 + 10 * (number - 232)] * 3
    else:
        steps = (0, 95, 135, 175, 215, 255)
        rgb = [steps[(number - 16) // 36], steps[(number - 16) // 6 % 6], steps[(number - 16) % 6]]
    parts = [part / 255 / 12.92 if part / 255 <= 0.03928 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in rgb]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


@pytest.mark.parametrize(
    "colour", [colours.GREY, colours.RED, colours.GREEN, colours.ORANGE, colours.BLUE, colours.PURPLE]
)
def test_every_colour_can_be_read_on_black_and_on_white(colour):
    on_black, on_white = (luminance(colour) + 0.05) / 0.05, 1.05 / (luminance(colour) + 0.05)
    assert min(on_black, on_white) >= 3.3, (on_black, on_white)


def test_a_sink_that_raises_stops_nobody():
    def sink(_level, _event, _fields):
        raise RuntimeError

    logs.send(sink, "info")
    try:
        structlog.get_logger().info("attempt.settled")
    finally:
        structlog.reset_defaults()
