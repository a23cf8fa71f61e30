"""A profile's template: what it makes of an event, and what is refused before it makes anything."""

import re
from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest

from dispatcher.policy.template import Precision, Template
from tests.support.factories import an_event

AT = datetime(2024, 3, 5, 10, 30, 0, 999_999, tzinfo=UTC)


def test_a_template_knows_every_part_of_an_event():
    template = Template('{"i":"$id","t":"$type","at":"$timestamp","of":"$tenant","d":$data,"c":$context,"€":"$$"}')
    event = an_event(context=b' {"trace":1}')
    assert template.body(event, "acme").decode() == (
        '{"i":"evt_019a9f2e7c0070008000000000000001","t":"order.paid","at":"2024-03-05T10:30:00.000000Z","of":"acme",'
        '"d":{"order":42},"c": {"trace":1},"€":"$"}'
    )


@pytest.mark.parametrize("context", [None, b""])
def test_without_a_context_there_is_null(context):
    assert Template('{"c":$context}').body(an_event(context=context)) == b'{"c":null}'


def test_a_template_may_use_a_part_twice_or_none():
    assert Template('{"a":[$data,$data]}').body(an_event(data=b"1")) == b'{"a":[1,1]}'
    assert Template("{}").body(an_event()) == b"{}"


@pytest.mark.parametrize("tenant", ['"', "\\", "a\nb", "\x00", "Zoë 日本 🙂", "</script>", "$data"])
def test_a_tenant_is_escaped_and_comes_out_as_it_was(tenant):
    assert orjson.loads(Template('{"of":"tenant $tenant"}').body(an_event(), tenant)) == {"of": f"tenant {tenant}"}


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        ("seconds", '"2024-03-05T10:30:00Z"'),
        ("milliseconds", '"2024-03-05T10:30:00.999Z"'),
        ("microseconds", '"2024-03-05T10:30:00.999999Z"'),
        ("unix", "1709634600"),
    ],
)
@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=5, minutes=45))])
def test_a_timestamp_is_cut_to_its_precision_and_in_utc(precision, expected, zone):
    quote = "" if precision == "unix" else '"'
    template = Template(f'{{"at":{quote}$timestamp{quote}}}', Precision(precision))
    assert template.body(an_event(occurred_at=AT.astimezone(zone))).decode() == f'{{"at":{expected}}}'


@pytest.mark.parametrize("year", [1970, 9999])
@pytest.mark.parametrize("precision", Precision)
def test_the_first_and_the_last_year_can_be_written(year, precision):
    event = an_event(occurred_at=datetime(year, 1, 1, tzinfo=UTC))
    assert Template('{"at":"$timestamp"}', precision).body(event)


def test_the_member_signature_is_left_to_the_scheme():
    template = Template('{"type":"$type","signature":"$signature"}\n', signed=True)
    assert template.body(an_event()) == b'{"type":"order.paid"}'


OBJECT = "it is not a JSON object"
QUOTES = "$data and $context stand for whole values, the others between quotes"


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "it makes no JSON"),
        ("$data", OBJECT),
        ("[$data]", OBJECT),
        ('"$type"', OBJECT),
        ('{"a":$nope}', "unknown placeholder $nope; known are $id, $type, $timestamp, $data, $context, $tenant"),
        ('{"a":$Data}', "unknown placeholder $Data; did you mean $data?"),
        ('{"a":"$types"}', "unknown placeholder $types; did you mean $type?"),
        ('{"a":"$données"}', "unknown placeholder $données"),
        ('{"a":"$5"}', "unknown placeholder $5"),
        ('{"a":"5 $"}', "a dollar that begins no placeholder is written $$"),
        ('{"a":$type}', QUOTES),
        ('{"a":$timestamp}', QUOTES),
        ('{"a":$tenant}', QUOTES),
        ('{"a":"$data"}', QUOTES),
        ('{"a":"$context"}', QUOTES),
        ('{"a":-$data}', QUOTES),
        ('{"a":$data', QUOTES),
        ('{"a":$data}}', QUOTES),
        ('{"a":NaN}', "NaN is no JSON"),
        ('{"a":1,"a":2}', "a member is there twice"),
        ('{"b":[{"a":1,"a":2}]}', "a member is there twice"),
        ('{"$type":1}', "a placeholder is in the name of a member"),
        ('{"a":[{"of $tenant":1}]}', "a placeholder is in the name of a member"),
        ('{"signature":"$signature"}', "$signature is for scheme embedded alone"),
        ('{"a":' + "[" * 5000 + "]" * 5000 + "}", "it is nested too deeply"),
    ],
    ids=lambda text: text[:40],
)
def test_what_would_not_make_one_object_of_every_event_is_refused(text, refusal):
    with pytest.raises(ValueError, match=re.escape(refusal)):
        Template(text)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ('{"$timestamp":1}', "a placeholder is in the name of a member"),
        ('{"a":1$timestamp}', "$timestamp is part of a longer number"),
        ('{"a":-$timestamp}', "$timestamp is part of a longer number"),
        ('{"a":$timestamp.5}', "$timestamp is part of a longer number"),
        ('{"a":$timestamp$timestamp}', "$timestamp is part of a longer number"),
    ],
)
def test_a_number_of_seconds_stands_alone(text, refusal):
    with pytest.raises(ValueError, match=re.escape(refusal)):
        Template(text, Precision.UNIX)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ('{"a":$data}', "under scheme embedded it ends in"),
        ('{"signature":"$signature"}', "under scheme embedded it ends in"),
        ('{"a":1,"signature":"$signature","b":2}', "under scheme embedded it ends in"),
        ('{"a":1, "signature":"$signature"}', "under scheme embedded it ends in"),
        ('{,"signature":"$signature"}', "before its signature it has at least one member"),
        (
            '{"signature":1,"signature":"$signature"}',
            "before its signature it has at least one member, and none called",
        ),
        ('{"\\u0073ignature":1,"signature":"$signature"}', "before its signature it has at least one member"),
        ('{"a":"$signature","signature":"$signature"}', "$signature is for scheme embedded alone"),
        ('[1,"signature":"$signature"}', "it makes no JSON"),
    ],
)
def test_a_body_that_carries_its_signature_ends_in_it(text, refusal):
    with pytest.raises(ValueError, match=re.escape(refusal)):
        Template(text, signed=True)


def test_a_template_that_is_read_again_is_the_same():
    assert Template('{"at":"$timestamp","data":$data}') == Template('{"at":"$timestamp","data":$data}')
    assert Template('{"at":"$timestamp","data":$data}') != Template('{"on":"$timestamp","data":$data}')
