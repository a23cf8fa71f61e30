"""Where the API is found: what can be written, and what each means."""

import pytest

from dispatcher.policy.place import Place, place
from tests.unit.test_config_problems import refusal


@pytest.mark.parametrize(
    ("text", "found", "is_of_this_machine"),
    [
        ("127.0.0.1:8480", Place("127.0.0.1", 8480), True),
        ("127.1.2.3:0", Place("127.1.2.3", 0), True),
        ("[::1]:8480", Place("::1", 8480), True),
        ("0.0.0.0:80", Place("0.0.0.0", 80), False),  # noqa: S104 what is told from loopback
        ("[::]:80", Place("::", 80), False),
        ("10.1.2.3:8480", Place("10.1.2.3", 8480), False),
        ("unix:/run/dispatcher/admin.sock", Place(path="/run/dispatcher/admin.sock"), True),
    ],
)
def test_an_address_is_read_and_written_in_one_form(text, found, is_of_this_machine):
    assert place(text) == found
    assert str(found) == text
    assert found.is_of_this_machine is is_of_this_machine


def test_nothing_is_nowhere():
    assert place("") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("8480", "an address and a port"),
        ("localhost:8480", "an address, not a name"),
        ("127.0.0.1", "an address and a port"),
        ("127.0.0.1:", "an address and a port"),
        ("127.0.0.1:65536", "an address and a port"),
        ("127.0.0.1:٤٤٣", "an address and a port"),
        ("::1:8480", "an address and a port"),
        ("http://127.0.0.1:8480", "an address and a port"),
        ("unix:admin.sock", "an absolute one"),
        ("unix:", "an absolute one"),
        ("unix:/run/", "an absolute one"),
        ("unix:/run/\x00a", "an absolute one"),
        ("unix:/" + "x" * 107, "at most 107 bytes"),
    ],
)
def test_what_is_no_address_is_refused_with_what_is(configure, text, said):
    with pytest.raises(ValueError, match=said):
        place(text)
    if text.isprintable():
        assert said in refusal(configure, f"[admin]\nlisten = '{text}'")


def test_where_others_can_reach_it_has_to_be_meant(configure):
    said = refusal(configure, "[admin]\nlisten = '10.1.2.3:8480'")
    assert said.startswith("admin.listen is '10.1.2.3:8480', which other machines can reach")
    assert "admin.allow_remote = true" in said
    assert configure("[admin]\nlisten = '10.1.2.3:8480'\nallow_remote = true").admin.allow_remote


@pytest.mark.parametrize("host", ["*.example.com", "a b", "http://a", "a:80", ""])
def test_a_host_is_a_name_or_an_address(configure, host):
    assert "admin.allow_hosts" in refusal(configure, f"[admin]\nallow_hosts = ['{host}']")


def test_hosts_arrive_in_one_form(configure):
    admin = configure("[admin]\nallow_hosts = ['Hooks.Example.COM.', '[FD00::1]', '10.1.2.3']").admin
    assert admin.allow_hosts == ("hooks.example.com", "fd00::1", "10.1.2.3")
