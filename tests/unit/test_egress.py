"""Where a request may go: the operator's word, then our own table of addresses."""

from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.policy.egress import Egress

# Not the loop's business, and nobody listens there: only the address decides.
PORT = 443
HOST = "hooks.example.com"
LIFT = "; egress.allow_networks would allow it"

NO_ONES_PUBLIC_ADDRESS = [
    "0.0.0.1", "0.255.255.255", "10.0.0.1", "100.64.0.1", "100.100.100.200", "100.127.255.255", "127.0.0.1",
    "127.255.255.255", "169.254.0.1", "169.254.169.254", "169.254.170.2", "169.254.170.23", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.0.171", "192.0.2.1", "192.31.196.1", "192.52.193.1",
    "192.168.0.1", "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "100::1", "2001::1", "2001:db8::1", "2620:4f:8000::1", "fc00::1", "fd00:ec2::254",
    "fd20:ce::254", "fe80::1",
]  # fmt: skip
WRONG_IN_SOME_IS_GLOBAL = [
    "192.0.0.8", "192.0.0.192", "64:ff9b:1::1", "64:ff9b:1:fffe::7f00:1", "2002:7f00:1::", "224.0.0.1",
    "239.255.255.250", "ff02::1", "ff0e::1", "192.88.99.1", "168.63.129.16", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "64:ff9b::a00:1", "fec0::1", "5f00::1", "100:0:0:1::1", "4000::1", "6000::1", "8000::1", "1::1", "3fff::1",
    "3fff:fff:ffff::1", "2001:1::1", "2001:1::2", "2001:3::1", "2001:4:112::1", "2001:20::1", "2001:30::1",
    "::ffff:0:7f00:1",
]  # fmt: skip
NOT_PLAIN = [
    "::127.0.0.1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8.8.8.8", "::ffff:808:808",
    "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "fe80::1%eth0", "::1%1", "2606:4700:4700::1111%1", "2130706433",
    "0x7f.0.0.1", "0177.0.0.1", "127.1", "127.0.0.1.", "01.1.1.1", "1.1.1", "256.1.1.1", "localhost", "", " 8.8.8.8",
    "8.8.8.8\n", "8.8.8.8\0", "8.8.8.8/32", "\uff18.8.8.8", "[2606:4700:4700::1111]", "2606:4700:4700:0:0:0:0:1111",
    "2606:4700:4700::01111", "2606:4700:4700::ABCD",
]  # fmt: skip
PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.88.98.255", "192.167.255.255",
    "198.17.255.255", "198.20.0.0", "223.255.255.255", "168.63.129.15", "168.63.129.17", "2606:4700:4700::1111",
    "2001:200::", "2001:4860:4860::8888", "2a00:1450:4001:80b::200e", "3ffe::", "3fff:1000::", "64:ff9b::808:808",
    "2003::1", "2001:db7:ffff::1", "2001:db9::",
]  # fmt: skip


@pytest.mark.parametrize("address", [*NO_ONES_PUBLIC_ADDRESS, *WRONG_IN_SOME_IS_GLOBAL])
def test_what_is_not_of_the_open_internet_is_refused(address):
    refusal = Egress().refuse_address(address, PORT, HOST)
    assert refusal is not None
    assert "egress.allow_networks would allow it" in refusal


@pytest.mark.parametrize("address", NOT_PLAIN)
def test_what_is_not_a_plain_address_is_refused_whatever_is_allowed(address):
    everything = Egress.of(allow_networks=["0.0.0.0/0", "::/0"], allow_hosts=[HOST])
    assert everything.refuse_address("8.8.8.8", PORT, HOST) is None
    assert everything.refuse_address(address, PORT, HOST) is not None


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_allowed_up_to_the_very_edges(address):
    assert Egress().refuse_address(address, PORT, HOST) is None


IN_2000 = st.integers(1 << 125, (1 << 126) - 1).map(IPv6Address)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6), IN_2000))
def test_no_address_is_allowed_that_python_holds_for_special(address):
    if Egress().refuse_address(str(address), PORT, HOST) is not None:
        return
    if address.version == 6 and address in ip_network("64:ff9b::/96"):
        address = IPv4Address(int(address) & 0xFFFFFFFF)
    assert address.is_global
    assert not address.is_multicast


@given(st.ip_addresses(v=4))
def test_nat64_is_judged_as_the_address_behind_it(address):
    outer = str(IPv6Address(int(IPv6Address("64:ff9b::")) | int(address)))
    plain = Egress().refuse_address(str(address), PORT, HOST)
    assert (Egress().refuse_address(outer, PORT, HOST) is None) == (plain is None)


@given(st.text())
def test_no_text_whatever_makes_the_address_check_raise(text):
    Egress.of(deny_hosts=["a"], deny_networks=["10.0.0.0/8"]).refuse_address(text, PORT, text)


@pytest.mark.parametrize(
    ("address", "host", "sentence"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1 is loopback (127.0.0.0/8); egress.allow_networks would allow it"),
        (
            "10.1.2.3",
            "evil.example.com",
            "evil.example.com leads to 10.1.2.3, which is private (10.0.0.0/8)" + LIFT,
        ),
        (
            "168.63.129.16",
            "",
            "168.63.129.16 is the cloud's host service (168.63.129.16/32)" + LIFT,
        ),
        (
            "64:ff9b::a00:1",
            "64:ff9b::a00:1",
            "64:ff9b::a00:1 is 10.0.0.1 behind NAT64, which is private (10.0.0.0/8)" + LIFT,
        ),
        (
            "::ffff:127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:127.0.0.1 is 127.0.0.1 in disguise (IPv4 inside IPv6), never allowed; use the IPv4 address",
        ),
        ("4000::1", "", "4000::1 is not global unicast (outside 2000::/3); egress.allow_networks would allow it"),
    ],
)
def test_a_refusal_names_the_host_the_address_the_rule_and_the_setting(address, host, sentence):
    assert Egress().refuse_address(address, PORT, host) == sentence


def test_an_allowed_network_lifts_the_table_for_itself_alone():
    egress = Egress.of(allow_networks=["10.1.0.0/16", "fd00::/8", "127.0.0.1"])
    for address in ("10.1.0.0", "10.1.255.255", "fd12::1", "127.0.0.1", "8.8.8.8"):
        assert egress.refuse_address(address, PORT, HOST) is None, address
    for address in ("10.0.255.255", "10.2.0.0", "fc00::1", "127.0.0.2", "::1"):
        assert egress.refuse_address(address, PORT, HOST) is not None, address


def test_an_allowed_network_counts_behind_nat64_too():
    egress = Egress.of(allow_networks=["10.0.0.0/8"])
    assert egress.refuse_address("64:ff9b::a00:1", PORT, HOST) is None
    assert egress.refuse_address("64:ff9b::7f00:1", PORT, HOST) is not None


def test_to_allow_nat64_itself_does_not_allow_all_of_ipv4():
    egress = Egress.of(allow_networks=["64:ff9b::/96", "::/0"])
    assert egress.refuse_address("64:ff9b::a9fe:a9fe", PORT, HOST) is not None


def test_an_allowed_host_lifts_the_table_for_itself_alone():
    egress = Egress.of(allow_hosts=["db.corp", "*.mesh.corp", "10.9.9.9"])
    for host in ("db.corp", "DB.corp.", "a.mesh.corp", "a.b.mesh.corp"):
        assert egress.refuse_address("10.0.0.1", PORT, host) is None, host
        assert egress.refuse_host(host) is None, host
    for host in ("x.db.corp", "mesh.corp", "xmesh.corp", "db.corp.example.com", "corp", ""):
        assert egress.refuse_address("10.0.0.1", PORT, host) is not None, host
    assert egress.refuse_address("10.9.9.9", PORT, "10.9.9.9") is None


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "8.8.8.8", "64:ff9b::808:808", "2002:808:808::1", "2001:0:808:808::1", "2606:4700::1"],
)
def test_a_denied_network_wins_over_all_that_is_allowed(address):
    egress = Egress.of(
        allow_networks=["0.0.0.0/0", "::/0"],
        allow_hosts=[HOST],
        deny_networks=["10.0.0.0/8", "8.8.8.0/24", "2606:4700::/32"],
    )
    refusal = egress.refuse_address(address, PORT, HOST)
    assert refusal is not None
    assert "is in egress.deny_networks" in refusal
    assert egress.refuse_address("9.9.9.9", PORT, HOST) is None


def test_a_denied_network_is_not_slipped_round_by_nat64():
    egress = Egress.of(deny_networks=["8.8.8.0/24"])
    assert egress.refuse_address("64:ff9b::808:808", PORT, "64:ff9b::808:808") == (
        "64:ff9b::808:808 is in egress.deny_networks (8.8.8.0/24)"
    )


def test_a_denied_host_wins_over_all_that_is_allowed():
    egress = Egress.of(
        deny_hosts=["own.example.com", "*.own.example.com"],
        allow_hosts=["own.example.com", "*.example.com"],
        allow_networks=["0.0.0.0/0"],
    )
    for host in ("own.example.com", "OWN.example.com.", "a.own.example.com"):
        assert egress.refuse_host(host) == f"{host} is in egress.deny_hosts"
        assert egress.refuse_address("8.8.8.8", PORT, host) == f"{host} is in egress.deny_hosts"
    assert egress.refuse_host("not-own.example.com") is None


LOCAL = [
    "db", "localhost", "a.localhost", "printer.local", "x.internal", "a.lan", "b.test", "c.example", "router.home.arpa",
    "d.svc", "e.onion",
]  # fmt: skip


@pytest.mark.parametrize("host", LOCAL)
def test_a_local_name_is_refused_unless_its_address_may_decide(host):
    assert "is a local name" in str(Egress().refuse_host(host))
    assert Egress.of(allow_networks=["127.0.0.0/8"]).refuse_host(host) is None
    assert Egress.of(allow_hosts=[host]).refuse_host(host) is None
    assert Egress.of(allow_hosts=["elsewhere"]).refuse_host(host) is not None


@pytest.mark.parametrize(
    "host", ["example.com", "a.example.com", "local.example.com", "internal.co", "8.8.8.8", "2a00::1"]
)
def test_a_name_of_the_open_internet_is_left_to_its_address(host):
    assert Egress().refuse_host(host) is None


@pytest.mark.parametrize(
    "host", ["metadata.google.internal", "metadata.goog", "instance-data.ec2.internal", "metadata"]
)
def test_a_cloud_metadata_name_takes_its_own_permission(host):
    for egress in (Egress(), Egress.of(allow_networks=["0.0.0.0/0"]), Egress.of(allow_hosts=["*.internal", "*.goog"])):
        assert egress.refuse_host(host) == f"{host} is a cloud's metadata service; egress.allow_hosts would allow it"
    assert Egress.of(allow_hosts=["*.internal"]).refuse_address("169.254.169.254", PORT, host) is not None
    named = Egress.of(allow_hosts=[host])
    assert named.refuse_host(host) is None
    assert named.refuse_address("169.254.169.254", PORT, host) is None


def test_well_known_ports_of_other_services_are_refused_by_name():
    dangerous = "22 25 110 143 465 587 993 995 2049 3306 5432 6379 9200 9300 11211 27017 2375 2376 2379 2380 10250 6000"
    for port in map(int, dangerous.split()):
        assert Egress().refuse_port(port) is not None, port
    assert Egress().refuse_port(5432, "https") == "port 5432 is for PostgreSQL, not https; egress.ports would allow it"
    for port in (80, 443, 3000, 8000, 8080, 8443, 8888, 9000, 65535):
        assert Egress().refuse_port(port) is None, port


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_what_is_no_port_is_refused_even_if_listed(port):
    assert Egress.of(ports=[port]).refuse_port(port) is not None


def test_listed_ports_are_allowed_and_no_others():
    egress = Egress.of(ports=[443, 5432])
    assert egress.refuse_port(443) is None
    assert egress.refuse_port(5432) is None
    assert egress.refuse_port(8443) == "port 8443 is not among egress.ports (443, 5432)"


def test_the_port_is_asked_about_with_the_address():
    assert Egress().refuse_address("8.8.8.8", 22, HOST) == "port 22 is for SSH, not HTTP; egress.ports would allow it"
    assert Egress.of(ports=[22]).refuse_address("8.8.8.8", 22, HOST) is None


def test_the_rules_are_made_from_the_words_of_the_configuration():
    assert Egress.of(allow_networks=["127.0.0.0/8", "::1"], deny_hosts=["A.Example.", "[::2]"], ports=[443]) == Egress(
        allow_networks=(ip_network("127.0.0.0/8"), ip_network("::1/128")),
        deny_hosts=frozenset({"a.example", "::2"}),
        ports=frozenset({443}),
    )
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8"):
        Egress.of(allow_networks=["10.0.0.1/8"])
