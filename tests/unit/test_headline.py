"""The first line of `status`: the first thing that is wrong, else that all is well."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dispatcher.policy.blame import Blame, Whose
from dispatcher.policy.headline import Situation, headline
from dispatcher.policy.wording import instant, plural, span

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
TWO_ELEVEN = datetime(2026, 11, 21, 2, 11, tzinfo=UTC)
HELD = Situation(NOW, held_by="pid 7 on app-1", endpoints=130, active=120)
NOBODY = replace(HELD, held_by=None, last_holder="pid 7 on app-1")

SAID = {
    "well": (HELD, "delivering"),
    "no endpoint": (replace(HELD, endpoints=0, active=0), "ready: there is no endpoint yet"),
    "some fail": (replace(HELD, failing=3), "delivering, but 3 of 120 endpoints fail"),
    "one fails": (replace(HELD, failing=1, active=1), "delivering, but 1 of 1 endpoint fails"),
    "us, all": (
        replace(HELD, failing=120, blame=Blame(Whose.OURS, "dns", TWO_ELEVEN)),
        "us: every endpoint fails with dns since 02:11",
    ),
    "us, most": (
        replace(HELD, failing=110, blame=Blame(Whose.OURS, "tls")),
        "us: 110 of 120 endpoints fail with tls",
    ),
    "one hindered": (
        replace(HELD, hindered=1, failing=2, blame=Blame(Whose.OURS, "secret", TWO_ELEVEN, hinders=True)),
        "us: 1 of 120 endpoints is sent nothing: secret since 02:11; see endpoint.hindered in the log",
    ),
    "hindered": (
        replace(HELD, hindered=3, blame=Blame(Whose.OURS, "internal", hinders=True)),
        "us: 3 of 120 endpoints are sent nothing: internal; see endpoint.hindered or attempt.failed in the log",
    ),
    "a proxy": (
        replace(HELD, hindered=120, blame=Blame(Whose.OURS, "proxy", hinders=True)),
        "us: 120 of 120 endpoints are sent nothing: proxy; see attempt.settled in the log",
    ),
    "us, all, and one hindered": (
        replace(HELD, hindered=1, failing=120, blame=Blame(Whose.OURS, "dns", TWO_ELEVEN)),
        "us: every endpoint fails with dns since 02:11",
    ),
    "stuck": (
        replace(HELD, oldest_event_s=720),
        "stuck: the work is held, but events have waited 12 min to be fanned out",
    ),
    "may not look": (
        replace(HELD, unknown="role app may not look"),
        "held by pid 7 on app-1, but how it goes is not known (role app may not look)",
    ),
    "away": (replace(HELD, away="refused"), "down: the database cannot be reached (refused)"),
    "lacking": (replace(HELD, lacking="it is a replica"), "down: it is a replica"),
    "stranger": (
        replace(HELD, stranger=True, held_by="psql; role eve, backend pid 9"),
        "down: the work is held by something that is not a dispatcher: psql; role eve, backend pid 9",
    ),
    "never held": (
        replace(NOBODY, last_holder=None),
        "down: no dispatcher holds the work; none ever has: dispatcher run",
    ),
    "left": (
        replace(NOBODY, left_at=TWO_ELEVEN),
        "down: no dispatcher holds the work; pid 7 on app-1 left in order at 02:11",
    ),
    "died": (NOBODY, "down: no dispatcher holds the work; pid 7 on app-1 died or was cut off"),
    "standby": (
        replace(NOBODY, standbys=1),
        "down: no dispatcher holds the work; 1 standby session about to take it",
    ),
}
ILL = {"away", "lacking", "stranger", "never held", "left", "died", "standby"}
HINDERED = {"hindered", "one hindered", "a proxy", "us, all, and one hindered"}


@pytest.mark.parametrize("name", SAID)
def test_it_says_what_is_wrong_first_and_a_script_hears_whether_all_is_well(name):
    situation, line = SAID[name]
    assert (headline(situation), situation.is_well) == (line, name not in ILL | HINDERED)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0.0 s"),
        (0.44, "0.4 s"),
        (59, "59 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "119 min"),
        (7200, "2 h"),
        (200_000, "2 d"),
    ],
)
def test_a_span_has_one_unit(seconds, said):
    assert span(seconds) == said


def test_an_instant_of_another_day_has_its_date():
    assert instant(TWO_ELEVEN, NOW) == "02:11"
    assert instant(TWO_ELEVEN.replace(day=19), NOW) == "2026-11-19 02:11"


def test_one_is_not_several():
    assert (plural(1, "row"), plural(2000, "row")) == ("1 row", "2,000 rows")
