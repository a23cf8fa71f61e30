"""The egress rules in words, and what of them an operator may not have meant."""

import pytest

from dispatcher.policy.egress import Egress
from dispatcher.policy.reach import doubts, reach

SAID = {
    "default": ({}, "public addresses by https, on all ports but the dangerous ones"),
    "http": ({"allow_http": True}, "public addresses by https and http, on all ports but the dangerous ones"),
    "lifted": (
        {"allow_networks": ["10.1.0.0/16"], "allow_hosts": ["*.corp"]},
        "public addresses by https, also networks 10.1.0.0/16, also hosts *.corp, on all ports but the dangerous ones",
    ),
    "narrowed": (
        {"ports": [8443, 443], "deny_networks": ["192.0.2.0/24"], "deny_hosts": ["a.example"]},
        "public addresses by https, on ports 443 8443 only, never 192.0.2.0/24 a.example",
    ),
}


@pytest.mark.parametrize(("rules", "said"), SAID.values(), ids=SAID)
def test_it_says_where_requests_may_go(rules, said):
    assert reach(Egress.of(**rules)) == said


DOUBTFUL = {
    "http": ({"allow_http": True}, "can be read"),
    "everything": ({"allow_networks": ["0.0.0.0/0"]}, "nearly everything"),
    "everything of IPv6": ({"allow_networks": ["::/0"]}, "nearly everything"),
    "this machine": ({"allow_networks": ["127.0.0.0/8"]}, "this machine"),
    "metadata": ({"allow_networks": ["169.254.0.0/16"]}, "credentials"),
}


@pytest.mark.parametrize(("rules", "said"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_what_is_seldom_meant_is_doubted(rules, said):
    (doubt,) = doubts(Egress.of(**rules))
    assert said in doubt


@pytest.mark.parametrize(
    "rules", [{}, {"allow_networks": ["10.0.0.0/8", "fd00::/8"], "allow_hosts": ["hooks.corp"]}, {"ports": [443]}]
)
def test_an_organisations_own_network_is_not_doubted(rules):
    assert not list(doubts(Egress.of(**rules)))
